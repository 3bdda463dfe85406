import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Output, PolicyVersion } from '../../api/contract/index.ts';
import { plural } from '../data/format.ts';
import { useNames } from '../data/names.ts';
import { versionQuery } from '../data/policy-queries.ts';
import { Button, ButtonLook } from '../parts/button.tsx';
import { Command, Id } from '../parts/copy.tsx';
import { Fact, Facts, Section } from '../parts/facts.tsx';
import { Pane, Row, Rows } from '../parts/pane.tsx';
import { Failed, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { Changes } from './changes.tsx';
import { VersionMark } from './version-mark.tsx';
import { type Step, TakeStep } from './version-steps.tsx';

/** One version: whose, why, what it changes, and what can be done with it. */
export function VersionPane({
  version,
  versions,
  onClose,
}: {
  version: PolicyVersion;
  versions: Output<'policy.versions'>;
  onClose: () => void;
}) {
  const [step, setStep] = useState<Step | undefined>();
  const nameOf = useNames();
  const title = (
    <>
      <VersionMark state={version.state} />
      <h2 className="font-semibold text-title">Version {version.number}</h2>
      <p className="max-w-prose text-soft">
        <Text value={nameOf(version.author)} className="font-medium text-ink" /> wrote it,{' '}
        <Ago time={version.proposed_at} />: <Text value={version.reason} />
      </p>
    </>
  );
  return (
    <Pane label={`Version ${version.number}`} title={title} onClose={onClose}>
      <Steps version={version} versions={versions} onStep={setStep} />
      <Difference version={version} versions={versions} />
      <Facts>
        <Fact name="Set">
          <Id value={version.set} short={version.set.slice(0, 12)} />
        </Fact>
        <Fact name="Holds">{`${plural(version.policies, 'policy', 'policies')}, ${plural(version.cases, 'case')}`}</Fact>
      </Facts>
      {version.activations.length > 0 && (
        <Section title="In force">
          <Rows>
            {version.activations.map(({ at, by, why, how }) => (
              <Row
                key={at}
                aside={
                  <span className="text-faint">
                    <Ago time={at} />
                  </span>
                }
              >
                <span>
                  <Text value={nameOf(by)} /> {how === 'rollback' ? 'went back to it' : 'activated it'}
                </span>
                <span className="text-small text-soft">
                  <Text value={why} />
                </span>
              </Row>
            ))}
          </Rows>
        </Section>
      )}
      {step !== undefined && (
        <TakeStep step={step} version={version} canary={versions.canary} onClose={() => setStep(undefined)} />
      )}
    </Pane>
  );
}

function Steps({
  version: { set, state },
  versions: { before, canary },
  onStep,
}: {
  version: PolicyVersion;
  versions: Output<'policy.versions'>;
  onStep: (step: Step) => void;
}) {
  return (
    <div className="flex flex-wrap gap-2">
      {state !== 'active' && (
        <Button kind="primary" onClick={() => onStep('activate')}>
          Activate…
        </Button>
      )}
      {state !== 'active' && (
        <Button onClick={() => onStep('canary')}>{canary?.set === set ? 'Change the canary…' : 'As a canary…'}</Button>
      )}
      {canary?.set === set && <Button onClick={() => onStep('drop')}>Drop the canary…</Button>}
      {state === 'active' && before !== null && (
        <Button onClick={() => onStep('rollback')}>Go back to the one before…</Button>
      )}
      {state !== 'active' && (
        <Link to="/policies/simulate" search={{ of: set }} className={ButtonLook}>
          Simulate…
        </Link>
      )}
      <Link to="/policies/editor" search={{ set }} className={ButtonLook}>
        Open in the editor
      </Link>
    </div>
  );
}

/** Of what waits: what it would change. Of what is in force, or was: what it changed. */
function Difference({ version, versions }: { version: PolicyVersion; versions: Output<'policy.versions'> }) {
  const against = version.state === 'active' || version.state === 'past' ? version.base : versions.active;
  const shown = useQuery({ ...versionQuery(version.set, against ?? undefined), enabled: against !== null });
  if (against === null) return <p className="text-soft">The first version of this gateway.</p>;
  if (shown.isPending) return <Skeleton rows={6} />;
  if (shown.isError) return <Failed error={shown.error} />;
  const { changes, widens } = shown.data;
  const than = versions.versions.find(({ set }) => set === against)?.number;
  return (
    <Section title={`Other than version ${than ?? against.slice(0, 12)}`}>
      {changes.length === 0 ? (
        <p className="text-soft">No policy differs.</p>
      ) : (
        <Changes changes={changes} widens={version.state === 'past' ? [] : widens} />
      )}
      <div className="mt-3">
        <Command line={`sallyport policy diff ${against.slice(0, 12)} ${version.set.slice(0, 12)}`} />
      </div>
    </Section>
  );
}
