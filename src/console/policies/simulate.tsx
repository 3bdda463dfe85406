import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import type { Simulation } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { shellWord } from '../data/format.ts';
import { realEdits, useDraft, withEdits } from '../data/policy-draft.ts';
import { simulationQuery, simulationsQuery, versionQuery, versionsQuery } from '../data/policy-queries.ts';
import { agentsQuery } from '../data/queries.ts';
import { useAction } from '../data/use-action.ts';
import { Button, ButtonLook } from '../parts/button.tsx';
import { Choice } from '../parts/choice.tsx';
import { Command } from '../parts/copy.tsx';
import { Section } from '../parts/facts.tsx';
import { Select } from '../parts/field.tsx';
import { Row, Rows } from '../parts/pane.tsx';
import { Failed, Refused, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { Propose } from './propose.tsx';
import { ShadowDialog, ShadowSection, type Subject } from './shadow.tsx';
import { SimulationView } from './simulation-view.tsx';

const route = getRouteApi('/shell/policies/simulate');
const DAY_MS = 86_400_000;
const DRAFT = 'draft';

/** What a set would have decided of everything that was really asked for, before it decides anything. */
export function SimulatePage() {
  const { id } = route.useSearch();
  const navigate = route.useNavigate();
  const show = (next: string | undefined) =>
    void navigate({
      search: (before) => ({
        ...(before.of === undefined ? {} : { of: before.of }),
        ...(next === undefined ? {} : { id: next }),
      }),
    });
  return (
    <div className="scrolls h-full">
      <div className="@container mx-auto flex max-w-5xl flex-col gap-6 p-4 sm:p-6">
        <header className="flex flex-col gap-1">
          <h1 className="font-medium text-title tracking-tight">Simulate against what was really asked</h1>
          <p className="max-w-prose text-soft">
            Every recorded decision is made again by the set that you choose. Nothing is enforced, and nothing is
            changed.
          </p>
        </header>
        <Begin onBegun={show} />
        {id === undefined ? <Recent /> : <Shown id={id} />}
        <ShadowSection />
      </div>
    </div>
  );
}

/** What is typed and not proposed: the edits, and the policies as whole files; undefined where nothing is. */
function useTyped() {
  const draft = useDraft();
  const version = useQuery({ ...versionQuery(draft?.base ?? ''), enabled: draft !== undefined }).data;
  return useMemo(() => {
    if (draft === undefined || version === undefined) return undefined;
    const stored = new Map(version.files.map(({ name, text }) => [name, text]));
    const edits = realEdits(stored, draft.edits);
    if (edits.length === 0) return undefined;
    const files = [...withEdits(stored, draft.edits)].map(([name, text]) => ({ name, text }));
    return { base: draft.base, edits, files: files.filter(({ name }) => name.endsWith('.cedar')) };
  }, [draft, version]);
}

function Begin({ onBegun }: { onBegun: (id: string) => void }) {
  const { of } = route.useSearch();
  const versions = useQuery(versionsQuery).data;
  const agents = useQuery(agentsQuery).data?.agents ?? [];
  const typed = useTyped();
  const [chosen, setChosen] = useState<string | undefined>(of);
  const [days, setDays] = useState('30');
  const [agent, setAgent] = useState('');
  const [beside, setBeside] = useState(false);
  const first =
    typed === undefined
      ? (versions?.versions.find(({ state }) => state === 'proposed')?.set ?? versions?.active)
      : DRAFT;
  const subject = chosen === undefined || (chosen === DRAFT && typed === undefined) ? first : chosen;
  const given: Subject | undefined =
    subject === undefined
      ? undefined
      : subject === DRAFT
        ? { of: 'files', files: typed?.files ?? [] }
        : { of: 'set', set: subject };
  const begin = useAction(async () => {
    if (given === undefined) return;
    const begun = await ask('policy.simulate', {
      body: {
        subject: given,
        since: Date.now() - Number(days) * DAY_MS,
        ...(agent === '' ? {} : { agent }),
      },
    });
    onBegun(begun.id);
  });
  return (
    <section
      aria-label="What to simulate"
      className="flex flex-col gap-3 rounded-large border border-line bg-surface p-4"
    >
      <div className="grid items-end gap-3 @2xl:grid-cols-[minmax(0,1fr)_minmax(0,12rem)_auto_auto]">
        <Select label="Which set" value={subject ?? ''} onChange={(event) => setChosen(event.target.value)}>
          {typed !== undefined && <option value={DRAFT}>What is typed in the editor</option>}
          {(versions?.versions ?? []).map(({ set, number, state, reason }) => (
            <option key={set} value={set}>
              {`v${number}${state === 'active' ? ', in force' : state === 'past' ? '' : `, ${state}`}: ${reason.slice(0, 60)}`}
            </option>
          ))}
        </Select>
        <Select label="Whose exchanges" value={agent} onChange={(event) => setAgent(event.target.value)}>
          <option value="">Every agent’s</option>
          {agents.map(({ id }) => (
            <option key={id}>{id}</option>
          ))}
        </Select>
        <div className="flex h-9 items-center">
          <Choice
            legend="Of how long"
            options={[
              { value: '1', label: '1 day' },
              { value: '7', label: '7 days' },
              { value: '30', label: '30 days' },
            ]}
            value={days}
            onChoose={(next) => setDays(next ?? '30')}
          />
        </div>
        <Button
          kind="primary"
          className="h-9"
          busy={begin.busy}
          disabled={subject === undefined}
          onClick={() => begin.run(undefined)}
        >
          Simulate
        </Button>
      </div>
      <Refused error={begin.error} />
      <p className="text-soft">
        Or ask it of everything from now on, and enforce nothing of it:{' '}
        <button
          type="button"
          className="text-accent underline underline-offset-2 disabled:opacity-50"
          disabled={given === undefined}
          onClick={() => setBeside(true)}
        >
          run it beside what decides…
        </button>
      </p>
      {beside && given !== undefined && <ShadowDialog subject={given} onClose={() => setBeside(false)} />}
      <Command
        line={`sallyport policy simulate ${subject === undefined || subject === DRAFT ? 'policies' : subject.slice(0, 12)} --since ${days}d${agent === '' ? '' : ` --agent ${shellWord(agent)}`}`}
      />
    </section>
  );
}

function Shown({ id }: { id: string }) {
  const simulation = useQuery(simulationQuery(id));
  if (simulation.isPending) return <Skeleton rows={6} />;
  if (simulation.isError) return <Failed error={simulation.error} retry={() => void simulation.refetch()} />;
  return (
    <>
      <SimulationView simulation={simulation.data} />
      {simulation.data.state === 'done' && <Next />}
    </>
  );
}

/** Whoever has seen what it would do goes on from here. */
function Next() {
  const { of } = route.useSearch();
  const typed = useTyped();
  const source = useQuery(versionsQuery).data?.source;
  // As it was when it was asked for: once it is proposed it is not a draft any more.
  const [proposing, setProposing] = useState<typeof typed>();
  if (source === undefined) return null;
  if (proposing !== undefined) {
    return (
      <Propose base={proposing.base} edits={proposing.edits} source={source} onClose={() => setProposing(undefined)} />
    );
  }
  if (of !== DRAFT || typed === undefined) return null;
  return (
    <div className="flex flex-wrap items-center justify-end gap-2 border-line border-t pt-4">
      <span className="mr-auto text-soft">What was tried here is not proposed yet.</span>
      <Link to="/policies/editor" className={ButtonLook}>
        Open in the editor
      </Link>
      <Button kind="primary" onClick={() => setProposing(typed)}>
        Propose…
      </Button>
    </div>
  );
}

const STATE_WORDS: Record<Simulation['state'], string> = {
  running: 'going on',
  done: 'done',
  failed: 'failed',
  cancelled: 'ended early',
};

/** Those of the last hour, so that another page does not lose one. */
function Recent() {
  const simulations = useQuery(simulationsQuery).data?.simulations ?? [];
  if (simulations.length === 0) return null;
  return (
    <Section title="Of the last hour">
      <Rows>
        {simulations.map(({ id, set, state, started_at, agent }) => (
          <Row key={id} aside={<span className="text-faint">{STATE_WORDS[state]}</span>}>
            <Link to="/policies/simulate" search={{ id }} className="text-accent hover:underline">
              Set <span className="font-mono text-small">{set.slice(0, 12)}</span>
              {agent !== null && (
                <>
                  , <Text value={agent} /> alone
                </>
              )}
            </Link>
            <span className="text-faint text-small">
              <Ago time={started_at} />
            </span>
          </Row>
        ))}
      </Rows>
    </Section>
  );
}
