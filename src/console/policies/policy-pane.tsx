import { Link } from '@tanstack/react-router';
import type { PolicyEntry } from '../../api/contract/index.ts';
import { ButtonLook } from '../parts/button.tsx';
import { CedarBlock } from '../parts/cedar.tsx';
import { Fact, Facts } from '../parts/facts.tsx';
import { Pane } from '../parts/pane.tsx';
import { Text } from '../parts/text.tsx';
import { EffectMark } from './policy-list.tsx';

/** One policy: what it says to people, to agents, and to the engine. */
export function PolicyPane({ policy, onClose }: { policy: PolicyEntry; onClose: () => void }) {
  const title = (
    <>
      <EffectMark effect={policy.effect} />
      <h2 className="break-all font-semibold text-title">
        <Text value={policy.id} />
      </h2>
      <p className="max-w-prose text-soft">
        <Text value={policy.reason} />
      </p>
    </>
  );
  return (
    <Pane label={policy.id} title={title} onClose={onClose}>
      <div className="flex">
        <Link to="/policies/editor" search={{ file: policy.file }} className={ButtonLook}>
          Open in the editor
        </Link>
      </div>
      <CedarBlock value={policy.text} />
      <Facts>
        <Fact name="File">
          <Text value={`${policy.file}:${policy.line}`} className="font-mono text-small" />
        </Fact>
        <Fact name="Agents are told">{policy.public !== null && <Text value={policy.public} />}</Fact>
        <Fact name="Evaluated by">{policy.compiled ? null : 'cedar-wasm, since it cannot be compiled'}</Fact>
      </Facts>
    </Pane>
  );
}
