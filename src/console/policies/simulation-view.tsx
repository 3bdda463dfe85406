import type { Simulation, SimulationResult } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { number, plural } from '../data/format.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Mark } from '../parts/marks.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { DifferenceGroupView } from './difference-group.tsx';

/** How far it is; then what would have come out otherwise, whose, and in which exchanges. */
export function SimulationView({ simulation }: { simulation: Simulation }) {
  const { state, result, problem } = simulation;
  switch (state) {
    case 'running':
      return <Progress simulation={simulation} />;
    case 'failed':
      return (
        <p role="alert" className="rounded-medium bg-deny-soft px-3 py-2 text-deny">
          It failed. {problem !== null && <Text value={problem} />}
        </p>
      );
    case 'cancelled':
      return <p className="text-soft">It was ended before it had read everything, so it says nothing.</p>;
    case 'done':
      return result === null ? null : <Found result={result} simulation={simulation} />;
  }
}

function Progress({ simulation: { id, progress } }: { simulation: Simulation }) {
  const cancel = useAction(() => ask('policy.simulate.cancel', { params: { id } }));
  const { read, of, differences } = progress;
  return (
    <section aria-label="Progress" aria-live="polite" className="flex flex-col gap-2">
      <progress
        value={read}
        max={Math.max(1, of)}
        aria-label="Entries read"
        className="h-1.5 w-full accent-(--color-accent-fill)"
      />
      <p className="flex items-center justify-between gap-3 text-soft">
        <span>
          {number(read)} of {number(of)} entries read, {plural(differences, 'difference')} so far
        </span>
        <Button onClick={() => cancel.run(undefined)} busy={cancel.busy}>
          End it
        </Button>
      </p>
      <Refused error={cancel.error} />
    </section>
  );
}

function Found({ result, simulation }: { result: SimulationResult; simulation: Simulation }) {
  const { decisions, unchanged, by_others, already, newly_denied, newly_permitted, newly_held, not_replayable } =
    result;
  const missing = Object.entries(not_replayable);
  const others = newly_denied.count + newly_permitted.count + newly_held.count;
  return (
    <div className="flex flex-col gap-6">
      <header className="flex flex-col gap-2">
        <h2 className="text-balance font-medium text-title tracking-tight">
          {decisions === 0 ? 'Nothing was asked for in this time.' : sentence(decisions, others)}
        </h2>
        <ul className="flex flex-wrap gap-x-5 gap-y-1">
          <li>
            <Mark tone={newly_denied.count > 0 ? 'deny' : 'calm'} word={`${number(newly_denied.count)} newly denied`} />
          </li>
          <li>
            <Mark
              tone={newly_permitted.count > 0 ? 'permit' : 'calm'}
              word={`${number(newly_permitted.count)} newly permitted`}
            />
          </li>
          <li>
            <Mark tone={newly_held.count > 0 ? 'hold' : 'calm'} word={`${number(newly_held.count)} newly held`} />
          </li>
          <li className="text-faint">{number(unchanged)} as before</li>
        </ul>
        <p className="text-faint text-small">
          {by_others > 0 && `${number(by_others)} of those as before rest on other policies. `}
          {already > 0 && `${number(already)} of the differences are made by what is in force as well. `}
          {simulation.agent !== null && 'Only one agent’s exchanges were read.'}
        </p>
        {missing.length > 0 && (
          <p className="rounded-medium bg-hold-soft px-3 py-2">
            <Mark tone="hold" word="partial" className="mr-2" />
            {missing.map(([why, count]) => `${number(count)} could not be decided again (${why})`).join(', ')}.
          </p>
        )}
      </header>
      <DifferenceGroupView title="Newly denied" group={newly_denied} />
      <DifferenceGroupView title="Newly permitted" group={newly_permitted} />
      <DifferenceGroupView title="Newly held" group={newly_held} />
    </div>
  );
}

function sentence(decisions: number, others: number): string {
  const all = plural(decisions, 'exchange');
  if (others === 0) return `All of ${all} would come out as they did.`;
  return `${number(others)} of ${all} would come out otherwise.`;
}
