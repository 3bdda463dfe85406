import type { Story } from '../../api/contract/index.ts';
import { Key } from '../parts/button.tsx';
import { Fact, Facts, Section } from '../parts/facts.tsx';
import { Badge } from '../parts/marks.tsx';
import { Text } from '../parts/text.tsx';
import { Accesses } from './accesses.tsx';
import { Remedy } from './remedy.tsx';

/** The decision with its reasons: in a word, then the clause that decided with what it saw, then what would change it. */
export function Why({ story }: { story: Story }) {
  const { decision, explanation } = story;
  const { code, reason, policies, errors, obligations, shadow } = decision;
  return (
    <Section title="Why" id="why" aside={<Key>w</Key>}>
      <div className="flex flex-col gap-4 rounded-large border border-line bg-surface p-4">
        {explanation === null ? (
          <>
            {reason !== null && <Text value={reason} />}
            {policies.length > 0 && (
              <ul className="flex flex-col gap-3">
                {policies.map((policy) => (
                  <PolicyNote key={policy.id} policy={policy} />
                ))}
              </ul>
            )}
            {policies.length === 0 && <p className="text-soft">No policy was asked: it was refused before that.</p>}
          </>
        ) : (
          <Accesses explanation={explanation} />
        )}
        <Facts>
          <Fact name="The agent was told">{decision.public !== null && <Text value={decision.public} />}</Fact>
          <Fact name="Code">{code !== null && <span className="font-mono text-small">{code}</span>}</Fact>
          <Fact name="Policies that failed">{errors.length > 0 && <Words words={errors} />}</Fact>
          <Fact name="Obligations">
            {explanation === null && obligations.length > 0 && <Words words={obligations} />}
          </Fact>
          <Fact name="Beside, not enforced">
            {explanation === null && shadow.length > 0 && <Words words={shadow} />}
          </Fact>
        </Facts>
        {explanation !== null && <Did explanation={explanation} />}
      </div>
      {explanation !== null && explanation.remedy.kind !== 'none' && (
        <Remedy story={story} remedy={explanation.remedy} />
      )}
    </Section>
  );
}

/** What came with the permission, and what could not be told. */
function Did({
  explanation: { obligations, missing, active, labels },
}: {
  explanation: NonNullable<Story['explanation']>;
}) {
  return (
    <>
      {obligations.length > 0 && (
        <Facts>
          {obligations.map(({ name, value, policy, did }) => (
            <Fact key={name + value + policy} name={name}>
              <Text value={`${value}: ${did}`} /> <Text value={policy} className="font-mono text-faint text-small" />
            </Fact>
          ))}
        </Facts>
      )}
      {labels.after !== null && labels.after !== labels.before && (
        <p className="text-soft">
          The run carried <Text value={labels.before} /> before, and <Text value={labels.after} /> after.
        </p>
      )}
      {!active && <p className="text-faint text-small">Decided by a policy set that is not in force any more.</p>}
      {missing.map((gap) => (
        <p key={gap} className="text-faint text-small">
          <Text value={gap} />
        </p>
      ))}
    </>
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
