import { useQuery } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { useState } from 'react';
import { partWord, type ToolDetail, type ToolPart, visibleText } from '../../api/contract/index.ts';
import { shellWord } from '../data/format.ts';
import { useNames } from '../data/names.ts';
import { toolQuery } from '../data/queries.ts';
import { kindWords, versionOf } from '../data/tools.ts';
import { Button } from '../parts/button.tsx';
import { Command, Id } from '../parts/copy.tsx';
import { Fact, Facts, Section } from '../parts/facts.tsx';
import { PinMark } from '../parts/marks.tsx';
import { Failed, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { Decide, Unpin, type Verdict } from './tool-decide.tsx';
import { Definition, OriginFacts, Review } from './tool-review.tsx';

type Props = {
  part: ToolPart;
  /** All that is known, of whatever server. */
  parts: readonly ToolPart[];
  onOpen: (part: string) => void;
  onClose: () => void;
};

/** One tool: what it is, whether anyone looked, what of it changed, and which server it belongs to. */
export function ToolPane({ part, parts, onOpen, onClose }: Props) {
  const detail = useQuery(toolQuery(part, versionOf(part)));
  return (
    <aside
      aria-label={visibleText(partWord(part))}
      className="scrolls flex w-full flex-col gap-6 border-line bg-canvas p-4 max-lg:fixed max-lg:inset-0 max-lg:z-20 lg:w-[min(54%,48rem)] lg:shrink-0 lg:border-l"
    >
      <header className="flex items-start justify-between gap-3">
        <div className="flex min-w-0 flex-col gap-1.5">
          <h2 className="break-all font-semibold text-title">
            <Text value={part.name === '' ? part.server : part.name} letters />
          </h2>
          <Sentence part={part} />
          <PinMark state={part.state} looked={part.pinned?.basis === 'approved'} />
        </div>
        <Button kind="quiet" icon aria-label="Close" title="Close (esc)" onClick={onClose}>
          <X className="size-4" />
        </Button>
      </header>
      <Blocking part={part} parts={parts} onOpen={onOpen} />
      {detail.isPending && <Skeleton rows={8} />}
      {detail.isError && <Failed error={detail.error} retry={() => void detail.refetch()} />}
      {detail.data !== undefined && <Body detail={detail.data} parts={parts} onOpen={onOpen} />}
    </aside>
  );
}

/** What it is, of which server, and whether anyone looked. */
function Sentence({ part: { server, kind, name, state, pinned } }: { part: ToolPart }) {
  const names = useNames();
  const by = pinned === null ? '' : names(pinned.by);
  const looked = pinned?.basis === 'approved';
  return (
    <p className="max-w-prose text-pretty text-soft">
      {name === '' ? (
        <>This is {kindWords(kind)}. </>
      ) : (
        <>
          It is {kindWords(kind)} of <Text value={server} className="font-medium text-ink" />.{' '}
        </>
      )}
      {state === 'waiting' && 'Nobody has looked at it, so nobody may use it.'}
      {state === 'changed' && !looked && 'It is not what it was when the server was met. '}
      {state === 'changed' && looked && (
        <>
          It is not what <Text value={by} /> approved.{' '}
        </>
      )}
      {state === 'changed' && 'What rests on it is refused until a person decides.'}
      {state === 'rejected' && 'A person looked at what is offered now and said no: it stays stopped.'}
      {state === 'removed' && 'It was pinned, and the server does not offer it any more.'}
      {state === 'pinned' && looked && (
        <>
          It is offered as <Text value={by} /> approved it.
        </>
      )}
      {state === 'pinned' &&
        !looked &&
        'It is offered as it was when the server was met. That was trusted: nobody looked.'}
    </p>
  );
}

/** A call rests on its server too: where that is not pinned, approving a tool alone helps nobody. */
function Blocking({ part, parts, onOpen }: Omit<Props, 'onClose'>) {
  if (part.kind === 'origin' || part.kind === 'server') return null;
  const stopped = parts.filter(
    ({ server, kind, state }) =>
      server === part.server && (kind === 'origin' || kind === 'server') && state !== 'pinned' && state !== 'removed',
  );
  if (stopped.length === 0) return null;
  return (
    <p className="rounded-medium bg-hold-soft px-3 py-2">
      Nothing of <Text value={part.server} /> can be used before this is decided:{' '}
      {stopped.map((one, at) => (
        <span key={one.kind}>
          {at > 0 && ', '}
          <button
            type="button"
            onClick={() => onOpen(partWord(one))}
            className="font-medium text-accent underline underline-offset-2"
          >
            {kindWords(one.kind)}
          </button>
        </span>
      ))}
      .
    </p>
  );
}

function Body({ detail, parts, onOpen }: { detail: ToolDetail; parts: readonly ToolPart[]; onOpen: Props['onOpen'] }) {
  const { state, before, after, kind } = detail;
  const differs = before !== null && state !== 'pinned';
  const word = partWord(detail);
  return (
    <>
      <Actions detail={detail} />
      {state !== 'pinned' && (
        <Section title={differs ? `What changed (${detail.differences.length})` : 'What it offers'}>
          <Review detail={detail} />
        </Section>
      )}
      {kind === 'origin' ? (
        <Section title="Which server it is">
          <Facts>
            <OriginFacts value={after ?? before} />
          </Facts>
        </Section>
      ) : (
        <>
          {(differs || state === 'pinned') && (
            <Whole
              title={differs && after !== null ? 'All of what is offered' : 'What it offers'}
              value={after ?? before}
              folded={differs}
            />
          )}
          <OfServer detail={detail} parts={parts} onOpen={onOpen} />
        </>
      )}
      <Evidence detail={detail} />
      <div className="flex flex-col gap-2">
        {state !== 'pinned' && <Command line={`sallyport tool diff ${shellWord(word)}`} />}
        <Command line={`sallyport tool show ${shellWord(word)}`} />
      </div>
    </>
  );
}

function Whole({ title, value, folded }: { title: string; value: unknown; folded: boolean }) {
  if (!folded) {
    return <Definition value={value} />;
  }
  return (
    <details>
      <summary className="mb-3 font-semibold text-soft text-small">{title}</summary>
      <Definition value={value} />
    </details>
  );
}

function Actions({ detail }: { detail: ToolDetail }) {
  const [doing, setDoing] = useState<Verdict | 'unpin' | undefined>();
  const { state, server, pinned, refused } = detail;
  const close = () => setDoing(undefined);
  const decidable = state !== 'pinned';
  if (!decidable && pinned === null) return null;
  return (
    <div className="flex flex-wrap gap-2">
      {decidable && (
        <Button kind="primary" onClick={() => setDoing('approve')} disabled={refused !== null}>
          {detail.after === null ? 'Accept that it went…' : 'Approve…'}
        </Button>
      )}
      {decidable && state !== 'rejected' && detail.after !== null && (
        <Button onClick={() => setDoing('reject')}>Reject…</Button>
      )}
      {pinned !== null && (
        <Button kind="quiet" onClick={() => setDoing('unpin')}>
          Unpin…
        </Button>
      )}
      {(doing === 'approve' || doing === 'reject') && (
        <Decide server={server} word={partWord(detail)} details={[detail]} verdicts={[doing]} onClose={close} />
      )}
      {doing === 'unpin' && <Unpin part={detail} onClose={close} />}
    </div>
  );
}

function OfServer({
  detail,
  parts,
  onOpen,
}: {
  detail: ToolDetail;
  parts: readonly ToolPart[];
  onOpen: Props['onOpen'];
}) {
  const origin = parts.find(({ server, kind }) => server === detail.server && kind === 'origin');
  if (origin === undefined) return null;
  return (
    <Section
      title="Its server"
      aside={
        <button
          type="button"
          onClick={() => onOpen(partWord(origin))}
          className="font-medium text-accent text-small hover:underline"
        >
          Open
        </button>
      }
    >
      <ServerFacts origin={origin} />
    </Section>
  );
}

function ServerFacts({ origin }: { origin: ToolPart }) {
  const names = useNames();
  const detail = useQuery(toolQuery(origin, versionOf(origin)));
  const { pinned, state } = origin;
  return (
    <Facts>
      <Fact name="Server">
        <span className="flex flex-wrap items-center gap-x-3">
          <Text value={origin.server} />
          <PinMark state={state} looked={pinned?.basis === 'approved'} />
        </span>
      </Fact>
      <Fact name="Looked at by">
        {pinned?.basis === 'approved' ? <Text value={names(pinned.by)} /> : <span className="text-soft">nobody</span>}
      </Fact>
      {detail.data !== undefined && <OriginFacts value={detail.data.after ?? detail.data.before} />}
    </Facts>
  );
}

function Evidence({ detail: { pinned, offered } }: { detail: ToolDetail }) {
  const names = useNames();
  return (
    <Section title="Pin">
      <Facts>
        {pinned === null && <Fact name="Pinned">Never</Fact>}
        {pinned !== null && (
          <>
            <Fact name="Pinned">
              <Ago time={pinned.at} />
              {pinned.basis === 'first_use' ? ', trusted at first use: nobody looked' : ', approved by '}
              {pinned.basis === 'approved' && <Text value={names(pinned.by)} />}
            </Fact>
            <Fact name="Pin">
              <Id value={pinned.pin} />
            </Fact>
            <Fact name="Digest">
              <Id value={pinned.digest} />
            </Fact>
          </>
        )}
        {offered !== null && (
          <>
            <Fact name="Other seen">
              <Ago time={offered.at} />
            </Fact>
            <Fact name="Its digest">{offered.digest !== null && <Id value={offered.digest} />}</Fact>
          </>
        )}
      </Facts>
    </Section>
  );
}
