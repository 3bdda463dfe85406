import type {
  DifferenceExample as FoundExample,
  DifferenceGroup as FoundGroup,
  SimulationState,
} from '../../controls/policy/index.ts';
import { isRefusal, refuse } from '../../core/refusal.ts';
import type { DifferenceExample, DifferenceGroup, Simulation } from '../contract/index.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';
import { asked } from '../story/sentence.ts';

type SimulationOperation = 'policy.simulate' | 'policy.simulations' | 'policy.simulation' | 'policy.simulate.cancel';

export function simulationHandlers({ simulations, ledger }: ApiPorts): Pick<Handlers, SimulationOperation> {
  const gone = () => refuse('not_found', 'there is no such simulation here: it ended long ago, or on another gateway');
  return {
    'policy.simulate': async ({ body: { subject, since, agent } }, { caller }) => {
      const started = await simulations.start({ candidate: subject, since, agent: agent ?? null }, caller.by);
      return isRefusal(started) ? started : told(started);
    },
    'policy.simulations': () => ({ simulations: simulations.list().map((one) => told({ ...one, result: null })) }),
    'policy.simulation': async ({ params: { id } }, { caller }) => {
      const found = simulations.find(id);
      if (found === undefined) return gone();
      // Whoever began it has read what it found; whoever else looks reads it now.
      if (found.result !== null && found.started_by !== caller.by) {
        const read = { event: 'payload.read', by: caller.by, subject: id, before: null, after: null } as const;
        await ledger.control(undefined, read);
      }
      return told(found);
    },
    'policy.simulate.cancel': ({ params: { id } }) => {
      const found = simulations.cancel(id);
      return found === undefined ? gone() : told(found);
    },
  };
}

function told({ result, ...state }: SimulationState): Simulation {
  if (result === null) return { ...state, result };
  const { newly_denied, newly_permitted, newly_held, ...counts } = result;
  const groups = {
    newly_denied: group(newly_denied),
    newly_permitted: group(newly_permitted),
    newly_held: group(newly_held),
  };
  return { ...state, result: { ...counts, ...groups } };
}

export function group({ examples, ...counted }: FoundGroup): DifferenceGroup {
  return { ...counted, examples: examples.map(example) };
}

function example({ more, ...found }: FoundExample): DifferenceExample {
  return { ...found, sentence: asked({ ...found, operation: '', more }) };
}
