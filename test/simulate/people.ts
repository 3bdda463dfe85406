import type { StopKind } from '../../src/controls/identity/index.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import type { Agent } from './call.ts';
import type { Chance } from './chance.ts';
import { changePolicy } from './policy.ts';
import type { Machine, Replica } from './replica.ts';
import type { World } from './world.ts';

const CALL_EVERY_MS = 45;
const CHANGE_EVERY_MS = 800;
const TIDY_EVERY_MS = 1_200;

/** Agents that call, and somebody who replays what they said to whatever replica. */
export function callAway(world: World, chance: Chance, until: number): void {
  const next = (): void => {
    if (world.loop.now >= until) return;
    const call = world.makeCall(chance.pick(world.agents));
    world.send(call, chance.pick(world.machines), (result) => {
      // An agent whose run or token is no good any more asks for another.
      const renew = ['run_ended', 'token_revoked', 'token_expired', 'run_unknown', 'agent_unknown'];
      if (result.kind === 'refused' && renew.includes(result.refusal.code)) void world.openRun(call.agent);
    });
    for (let copies = 0; chance.happens(0.25) && copies < 3; copies++) {
      world.loop.after(chance.between(0, 800), () => world.send(call, chance.pick(world.machines)));
    }
    world.loop.after(chance.between(0, 2 * CALL_EVERY_MS), next);
  };
  next();
}

/** Operators who change who may do what, at whatever replica they are signed in to. */
export function changeThings(world: World, chance: Chance, until: number): void {
  const next = (): void => {
    if (world.loop.now >= until) return;
    const replica = world.replicas.get(chance.pick(world.machines));
    if (replica !== undefined) {
      const agent = chance.pick(world.agents);
      replica.process.after(0, () => void change(world, replica, agent, chance));
    }
    world.loop.after(chance.between(0, 2 * CHANGE_EVERY_MS), next);
  };
  next();
  tidyUp(world, chance.fork(), until);
}

/** Somebody looks at what stands and lifts it, or the world would soon stand still. */
function tidyUp(world: World, chance: Chance, until: number): void {
  if (world.loop.now >= until) return;
  const replica = world.replicas.get(chance.pick(world.machines));
  replica?.process.after(0, async () => {
    await liftAll(replica);
    for (const agent of world.agents) if (world.judge.truth.denies(agent.id)) await permit(world, replica, agent, true);
  });
  world.loop.after(chance.between(0, 2 * TIDY_EVERY_MS), () => tidyUp(world, chance, until));
}

export async function liftAll(replica: Replica): Promise<void> {
  for (const { stop } of replica.identity.stops.list()) await replica.identity.stops.lift(stop, 'local');
}

async function change(world: World, replica: Replica, agent: Agent, chance: Chance): Promise<void> {
  const { runs, agents } = replica.identity;
  switch (chance.pick(['stop', 'stop', 'stop', 'stop', 'policy', 'policy', 'run', 'agent'])) {
    case 'stop':
      return stopForAWhile(world, replica, agent, chance);
    case 'policy':
      await permit(world, replica, agent, false);
      await permit(world, world.replicas.get(chance.pick(world.machines)) ?? replica, agent, true);
      return;
    case 'run':
      await runs.end(agent.run, 'local');
      return;
    default:
      if (!isRefusal(await agents.remove(agent.id, 'local'))) await world.register(agent, replica);
  }
}

/** The lift comes from another operator, at another replica, which has to know of the stop for that. */
async function stopForAWhile(world: World, replica: Replica, agent: Agent, chance: Chance): Promise<void> {
  const [kind, id] = target(agent, chance);
  world.loop.tell(`${replica.process.name} is told to stop ${kind} ${id}`);
  world.loop.after(chance.between(50, chance.happens(0.3) ? 4_000 : 800), () => {
    const other = world.replicas.get(chance.pick(world.machines));
    other?.process.after(0, () => void liftAll(other));
  });
  const stop = await replica.identity.stops.set({ kind, id, reason: 'simulated', by: 'local' });
  world.loop.tell(`stop of ${kind} ${isRefusal(stop) ? stop.code : stop.durable ? 'durable' : 'pending'}`);
}

/** The worst moment for a replica to be away: its calls' intents are durable, and their agent is stopped elsewhere. */
export function stopMeanwhile(world: World, away: Machine, ms: number, chance: Chance): void {
  const agent = world.judge.latest?.call.agent ?? chance.pick(world.agents);
  const other = chance.pick(world.machines.filter((machine) => machine !== away));
  world.loop.after(chance.between(0, 200), () => {
    const replica = world.replicas.get(other);
    replica?.process.after(0, async () => {
      const stop = await replica.identity.stops.set({ kind: 'agent', id: agent.id, reason: 'simulated', by: 'local' });
      if (!isRefusal(stop)) world.loop.after(ms + 500, () => void replica.identity.stops.lift(stop.stop, 'local'));
    });
  });
}

function target(agent: Agent, chance: Chance): [StopKind, string | null] {
  if (chance.happens(0.05)) return ['all', null];
  if (chance.happens(0.05)) return ['upstream', 'journal'];
  switch (chance.pick(['agent', 'run', 'key', 'token'] as const)) {
    case 'agent':
      return ['agent', agent.id];
    case 'run':
      return ['run', agent.run];
    case 'key':
      return ['key', agent.key.thumbprint];
    case 'token':
      return ['token', agent.tokenId];
  }
}

export async function permit(world: World, replica: Replica, agent: Agent, isPermitted: boolean): Promise<void> {
  const subject = `${agent.id} ${isPermitted}`;
  const draft = { event: 'policy.activate', by: 'local', subject, before: null, after: null } as const;
  await replica.db
    .transaction(async (tx) => {
      await changePolicy(tx, replica.state, agent.id, isPermitted);
      await replica.ledger.control(tx, draft);
    })
    .then(
      () => world.loop.tell(`policy: ${subject}`),
      (error: unknown) => world.loop.tell(`policy: ${subject} failed: ${String(error)}`),
    );
}
