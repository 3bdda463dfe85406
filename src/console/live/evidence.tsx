import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Story } from '../../api/contract/index.ts';
import { proofQuery } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { Block, Command, Id } from '../parts/copy.tsx';
import { Section } from '../parts/facts.tsx';
import { Json } from '../parts/json.tsx';
import { Refused } from '../parts/states.tsx';

/** The raw receipts as they stand in the log, and for each the proof that it does. */
export function Evidence({ story: { receipts, read_under } }: { story: Story }) {
  return (
    <Section title="Evidence">
      <div className="flex flex-col gap-2">
        {receipts.map(({ index, receipt }) => (
          <Receipt key={String(receipt['id'])} index={index} receipt={receipt} />
        ))}
      </div>
      {read_under !== null && (
        <p className="mt-2 flex items-center gap-1 text-faint text-small">
          That you read this is in the log: <Id value={read_under} className="text-soft" />
        </p>
      )}
    </Section>
  );
}

function Receipt({ index, receipt }: Story['receipts'][number]) {
  const id = String(receipt['id']);
  const [proving, setProving] = useState(false);
  return (
    <details className="group rounded-large border border-line bg-surface">
      <summary className="flex items-center justify-between gap-3 rounded-large px-3 py-2 hover:bg-hover">
        <span className="font-medium">{String(receipt['kind'])}</span>
        <span className="truncate font-mono text-faint text-small">{id}</span>
        <span className="shrink-0 text-faint text-small">
          {index === null ? 'not in the log yet' : `entry ${index}`}
        </span>
      </summary>
      <div className="flex flex-col gap-2 p-3 pt-1">
        <Json value={receipt} what="receipt" />
        {proving ? <Proof receipt={id} /> : <Button onClick={() => setProving(true)}>Show the inclusion proof</Button>}
      </div>
    </details>
  );
}

function Proof({ receipt }: { receipt: string }) {
  const proof = useQuery(proofQuery(receipt));
  if (proof.isPending) return <p className="appear-late text-faint">Asking the log…</p>;
  if (proof.isError) return <Refused error={proof.error} />;
  return (
    <>
      <Block value={proof.data} what="proof" />
      <p className="text-faint text-small">Anyone can check it against a checkpoint that they keep:</p>
      <Command line="sallyport verify receipt.tlog-proof --seen checkpoint.txt" />
    </>
  );
}
