import type { Bug } from './bugs.ts';
import type { Call } from './call.ts';
import { Violation } from './judge.ts';
import { healAll, unleash } from './nemesis.ts';
import { callAway, changeThings, liftAll, permit } from './people.ts';
import { World } from './world.ts';

export type Verdict = {
  seed: number;
  violation: string | undefined;
  /** Equal for two runs of one seed. */
  digest: string;
  events: number;
  /** Simulated milliseconds. */
  ended_at: number;
  counts: Record<string, number>;
};

const TROUBLED_MS = 10_000;
/** Longer than what a replica is given before its open intents are called unknown. */
const HEALING_MS = 14_000;

/** One world from its beginning to its end: troubled, healed, and held to account. */
export async function simulate(
  seed: number,
  options: { bug?: Bug | undefined; told?: ((line: string) => void) | undefined } = {},
): Promise<Verdict> {
  const world = new World(seed, options);
  const failed = (error: unknown): void =>
    world.judge.fail(`a promise was left rejected: ${error instanceof Error ? error.stack : String(error)}`);
  process.on('unhandledRejection', failed);
  try {
    await live(world);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
  } finally {
    process.off('unhandledRejection', failed);
    world.close();
  }
  return {
    seed,
    violation: world.judge.violation?.message,
    digest: world.loop.digest(),
    events: world.loop.events,
    ended_at: world.loop.now,
    counts: { ...world.judge.counts, receipts: world.judge.log.receipts },
  };
}

async function live(world: World): Promise<void> {
  await world.settle();
  const until = world.loop.now + TROUBLED_MS;
  unleash(world, world.chance.fork(), until);
  callAway(world, world.chance.fork(), until);
  changeThings(world, world.chance.fork(), until);
  await world.run(TROUBLED_MS);
  world.loop.tell('from here on nothing goes wrong');
  healAll(world);
  await world.run(HEALING_MS);
  await allowEverybody(world);
  await probe(world);
  await closeBooks(world);
}

/** What operators would do after such a day: lift what stands, permit, register who was removed. */
async function allowEverybody(world: World): Promise<void> {
  const replica = world.replicas.get(world.machines[0]!);
  if (replica === undefined) {
    world.judge.fail('liveness: the first replica did not come back');
    throw world.judge.violation;
  }
  for (const other of world.replicas.values()) other.process.after(0, () => void liftAll(other));
  await world.run(2_000);
  replica.process.after(0, async () => {
    for (const { stop } of replica.identity.stops.list()) await replica.identity.stops.lift(stop, 'local');
    for (const agent of world.agents) {
      if (replica.identity.agents.get(agent.id) === undefined) await world.register(agent, replica);
      await permit(world, replica, agent, true);
    }
  });
  await world.run(2_000);
  for (const agent of world.agents) void world.openRun(agent);
  await world.run(500);
}

/** Each replica must serve again. */
async function probe(world: World): Promise<void> {
  const answered = new Map<string, Call>();
  for (const machine of world.machines) {
    for (let tries = 0; tries < 5 && !answered.has(machine.name); tries++) {
      const call = world.makeCall(world.agents[tries % world.agents.length]!);
      world.send(call, machine, ({ kind }) => {
        if (kind === 'answered') answered.set(machine.name, call);
      });
      await world.run(1_200);
    }
    if (answered.has(machine.name)) continue;
    const lease = world.replicas.get(machine)?.state.lease();
    world.judge.fail(`liveness: ${machine.name} answers nothing after all is well again (${JSON.stringify(lease)})`);
    throw world.judge.violation;
  }
}

/** After all is quiet everything that was begun has an end, everything written has its place, and all of it is signed. */
async function closeBooks(world: World): Promise<void> {
  await world.run(3_000);
  const { judge } = world;
  for (const [id, { outcome }] of judge.intents) {
    if (outcome === undefined) judge.fail(`1: intent ${id} never got an outcome`);
  }
  const { receipts, tree } = judge.log;
  if (tree.size !== receipts) judge.fail(`15: ${receipts} receipts, ${tree.size} of them in the log`);
  for (const machine of world.machines) {
    const replica = world.replicas.get(machine);
    const status = replica?.ledger.status();
    if (status?.state !== 'writing') judge.fail(`liveness: the log of ${machine.name} is ${JSON.stringify(status)}`);
  }
  for (const machine of world.machines) gaps(world, machine.name);
  if (judge.violation !== undefined) throw judge.violation;
}

function gaps(world: World, name: string): void {
  const machine = world.machines.find((known) => known.name === name)!;
  const replica = world.replicas.get(machine)!;
  const unrecorded = world.judge.unrecorded.get(replica.process.name) ?? 0;
  const stated = [...world.judge.stated].filter(([seat]) => seat.startsWith(`${name}/`));
  const sum = stated.reduce((total, [, count]) => total + count, 0);
  // A life before this one may have stated gaps of its own.
  if (sum < unrecorded) world.judge.fail(`1: ${name} refused ${unrecorded} without a receipt and states ${sum}`);
}
