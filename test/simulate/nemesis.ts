import type { Chance } from './chance.ts';
import { stopMeanwhile } from './people.ts';
import type { World } from './world.ts';

/** What goes wrong, and how often beside the others. */
const FAULTS: readonly (readonly [weight: number, fault: (world: World, chance: Chance) => string])[] = [
  [4, crash],
  [4, partition],
  [3, halfPartition],
  [4, freeze],
  [2, loseMessages],
  [2, slowNetwork],
  [2, restartDatabase],
  [2, slowDatabase],
  [2, databaseClockJumps],
  [2, wallClockJumps],
  [2, slowDisk],
  [1, fullDisk],
  [2, hangUpstream],
];
/** How many commits are struck; those with an intent in them, and others. */
const STRIKES = { intents: 0.04, others: 0.005 };
const TOTAL = FAULTS.reduce((sum, [weight]) => sum + weight, 0);

/** Brings one trouble after another until `until`, several at a time. */
export function unleash(world: World, chance: Chance, until: number): void {
  const next = (): void => {
    if (world.loop.now >= until) return;
    let draw = chance.between(0, TOTAL);
    const [, fault] = FAULTS.find(([weight]) => {
      draw -= weight;
      return draw < 0;
    })!;
    world.loop.tell(`fault: ${fault(world, chance)}`);
    world.loop.after(chance.between(100, 1_800), next);
  };
  world.afterCommit = (client) => {
    if (world.loop.now < until && chance.happens(STRIKES[hasIntent(world) ? 'intents' : 'others']))
      strike(world, client, chance);
  };
  next();
}

function hasIntent(world: World): boolean {
  return world.judge.latest?.at === world.loop.now;
}

/** At the moment between a commit and its answer. */
function strike(world: World, client: string, chance: Chance): void {
  const machine = world.machines.find((known) => world.processOf(known)?.name === client);
  if (machine === undefined) return;
  const ms = chance.between(300, 3_500);
  const kind = chance.pick(['crash', 'freeze', 'freeze', 'cut'] as const);
  world.loop.tell(`fault: ${kind} of ${client} after its commit`);
  switch (kind) {
    case 'crash':
      world.crash(machine, ms);
      break;
    case 'freeze':
      world.processOf(machine)?.freeze(ms);
      stopMeanwhile(world, machine, ms, chance);
      break;
    case 'cut':
      machine.link.cut('back', ms);
      break;
  }
}

export function healAll(world: World): void {
  for (const machine of world.machines) {
    machine.link.heal();
    machine.disk.heal();
  }
  world.server.heal();
  world.upstream.heal();
}

function crash(world: World, chance: Chance): string {
  const machine = chance.pick(world.machines);
  world.crash(machine, chance.between(50, 3_000));
  return `${machine.name} crashes`;
}

function partition(world: World, chance: Chance): string {
  const machine = chance.pick(world.machines);
  const ms = chance.between(50, 4_000);
  machine.link.cut('there', ms);
  machine.link.cut('back', ms);
  return `${machine.name} is cut off for ${ms.toFixed(0)} ms`;
}

function halfPartition(world: World, chance: Chance): string {
  const machine = chance.pick(world.machines);
  const direction = chance.happens(0.7) ? 'back' : 'there';
  const ms = chance.between(50, 3_000);
  machine.link.cut(direction, ms);
  return `${machine.name} loses messages ${direction} for ${ms.toFixed(0)} ms`;
}

function freeze(world: World, chance: Chance): string {
  const machine = chance.pick(world.machines);
  const ms = chance.between(50, 4_500);
  world.processOf(machine)?.freeze(ms);
  if (chance.happens(0.6)) stopMeanwhile(world, machine, ms, chance);
  return `${machine.name} is frozen for ${ms.toFixed(0)} ms`;
}

function loseMessages(world: World, chance: Chance): string {
  const machine = chance.pick(world.machines);
  machine.link.loss = chance.between(0.01, 0.2);
  world.loop.after(chance.between(200, 3_000), () => {
    machine.link.loss = 0;
  });
  return `${machine.name} loses ${(machine.link.loss * 100).toFixed(0)} % of its messages`;
}

function slowNetwork(world: World, chance: Chance): string {
  const machine = chance.pick(world.machines);
  machine.link.slow(chance.between(200, 2_500));
  return `${machine.name} has a slow network`;
}

function restartDatabase(world: World, chance: Chance): string {
  world.server.restart(chance.between(20, 1_500));
  return 'the database is restarted';
}

function slowDatabase(world: World, chance: Chance): string {
  world.server.slow(chance.between(100, 2_000));
  return 'the database has a slow disk';
}

function databaseClockJumps(world: World, chance: Chance): string {
  const ms = Math.round(chance.happens(0.5) ? chance.between(-3_000, -1) : chance.between(1, 8_000));
  world.server.jump(ms);
  return `the database's clock jumps by ${ms} ms`;
}

function wallClockJumps(world: World, chance: Chance): string {
  const machine = chance.pick(world.machines);
  const ms = Math.round(chance.between(-3_600_000, 3_600_000));
  world.processOf(machine)?.jump(ms);
  return `${machine.name}'s clock jumps by ${ms} ms`;
}

function slowDisk(world: World, chance: Chance): string {
  const machine = chance.pick(world.machines);
  machine.disk.slow(chance.between(200, 3_000));
  return `${machine.name} has a slow disk`;
}

function fullDisk(world: World, chance: Chance): string {
  const machine = chance.pick(world.machines);
  machine.disk.full(chance.between(200, 2_500));
  return `${machine.name} has a full disk`;
}

function hangUpstream(world: World, chance: Chance): string {
  world.upstream.hang(chance.between(100, 3_000));
  return 'the upstream does not answer';
}
