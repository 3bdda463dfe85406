import type { Story } from '../../api/contract/index.ts';
import { Key } from '../parts/button.tsx';
import { Fact, Facts, Section } from '../parts/facts.tsx';
import { Badge } from '../parts/marks.tsx';
import { Text } from '../parts/text.tsx';

/** The decision with its reasons: the operator's, the agent's, and each policy's own. */
export function Why({ story: { decision } }: { story: Story }) {
  const { code, reason, policies, errors, obligations, shadow } = decision;
  return (
    <Section title="Why" id="why" aside={<Key>w</Key>}>
      <div className="flex flex-col gap-3 rounded-large border border-line bg-surface p-4">
        {(reason !== null || decision.public !== null) && (
          <Facts>
            <Fact name="Reason">{reason !== null && <Text value={reason} />}</Fact>
            <Fact name="The agent was told">{decision.public !== null && <Text value={decision.public} />}</Fact>
            <Fact name="Code">{code !== null && <span className="font-mono text-small">{code}</span>}</Fact>
          </Facts>
        )}
        <ul className="flex flex-col gap-3">
          {policies.map((policy) => (
            <PolicyNote key={policy.id} policy={policy} />
          ))}
        </ul>
        {policies.length === 0 && <p className="text-soft">No policy was asked: it was refused before that.</p>}
        {errors.length + obligations.length + shadow.length > 0 && (
          <Facts>
            <Fact name="Policies that failed">{errors.length > 0 && <Words words={errors} />}</Fact>
            <Fact name="Obligations">{obligations.length > 0 && <Words words={obligations} />}</Fact>
            <Fact name="Beside, not enforced">{shadow.length > 0 && <Words words={shadow} />}</Fact>
          </Facts>
        )}
      </div>
    </Section>
  );
}

function PolicyNote({ policy }: { policy: Story['decision']['policies'][number] }) {
  return (
    <li className="flex flex-col gap-0.5">
      <span className="flex flex-wrap items-center gap-2">
        <Badge>policy</Badge>
        <Text value={policy.id} className="font-mono text-small" />
        {policy.file !== null && (
          <span className="text-faint text-small">
            <Text value={`${policy.file}:${policy.line}`} />
          </span>
        )}
      </span>
      {policy.reason !== null && (
        <span className="text-soft">
          <Text value={policy.reason} />
        </span>
      )}
    </li>
  );
}

function Words({ words }: { words: readonly string[] }) {
  return <Text value={words.join(', ')} className="font-mono text-small" />;
}
