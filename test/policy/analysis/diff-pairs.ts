import { parseArgs } from 'node:util';
import { Comparing, kindOf } from '../../../src/controls/policy/analysis/diff.ts';
import { allAtOnce } from '../../../src/controls/policy/analysis/slices.ts';
import { createEngine } from '../../../src/controls/policy/engine.ts';
import type { PolicyEngine, PolicyFile } from '../../../src/controls/policy/index.ts';
import { createPolicySet } from '../../../src/controls/policy/policy-set.ts';
import { readPolicies } from '../../../src/controls/policy/source.ts';
import { FULFILLABLE } from '../../../src/controls/policy/vocabulary.ts';
import { chance, type Pair, pairOf } from './pairs.ts';
import { randomRequest } from './requests.ts';
import { WORLD } from './world.ts';

/**
 * Semantic differences of generated pairs of sets: each is confirmed by engines of its own, and random requests look for one
 * that was not reported. `node test/policy/analysis/diff-pairs.ts [--pairs 200] [--requests 100000] [--seed 1]`, where
 * `requests` are for each pair.
 */
export type Figures = {
  pairs: number;
  equal: number;
  differences: number;
  confirmed: number;
  requests: number;
  differing: number;
  /** Random requests that differ in a way that was neither reported nor named as undecided. */
  missed: string[];
  /** Pairs that say the same in other words, and were reported as different. */
  invented: string[];
  undecided: number;
  compared: number;
};

export function measure(pairs: number, requests: number, seed: number): Figures {
  const figures: Figures = {
    pairs: 0,
    equal: 0,
    differences: 0,
    confirmed: 0,
    requests: 0,
    differing: 0,
    missed: [],
    invented: [],
    undecided: 0,
    compared: 0,
  };
  for (let at = 0; at < pairs; at += 1) one(chance(seed + at), seed + at, requests, figures);
  return figures;
}

function one(dice: ReturnType<typeof chance>, seed: number, requests: number, figures: Figures): void {
  const pair = pairOf(dice);
  const [old, now] = [engineOf(pair.before), engineOf(pair.after)];
  const [before, after] = [pair.before, pair.after].map((files) => readPolicies(files, FULFILLABLE));
  const comparing = new Comparing(before!, after!, WORLD);
  allAtOnce(comparing.run());
  const { differing, undecided } = comparing.cells();
  const { equal, differences, compared } = comparing.report();
  comparing.release();
  figures.pairs += 1;
  figures.compared += compared;
  figures.undecided += undecided.length;
  figures.equal += equal ? 1 : 0;
  if (pair.same && differences.length > 0) figures.invented.push(`seed ${seed}: ${differences[0]!.sentence}`);
  for (const { kind, request } of differing) {
    figures.differences += 1;
    if (kindOf(old.decide(request), now.decide(request)) === kind) figures.confirmed += 1;
  }
  const reported = new Set(differing.map(({ kind, cell }) => `${kind} ${cell.principal.id} ${cell.resource.id}`));
  const open = new Set(undecided.map(({ principal, resource }) => `${principal.id} ${resource.id}`));
  look(dice, seed, requests, pair, { old, now, reported, open }, figures);
}

type Looking = { old: PolicyEngine; now: PolicyEngine; reported: ReadonlySet<string>; open: ReadonlySet<string> };

function look(
  dice: ReturnType<typeof chance>,
  seed: number,
  requests: number,
  pair: Pair,
  { old, now, reported, open }: Looking,
  figures: Figures,
): void {
  for (let at = 0; at < requests; at += 1) {
    const request = randomRequest(dice);
    figures.requests += 1;
    const kind = kindOf(old.decide(request), now.decide(request));
    if (kind === undefined) continue;
    figures.differing += 1;
    const cell = `${request.principal.id} ${request.access.resource.id}`;
    if (reported.has(`${kind} ${cell}`) || open.has(cell)) continue;
    const { args } = request.access;
    figures.missed.push(`seed ${seed}: ${kind} ${cell} ${JSON.stringify(args)} same=${pair.same}`);
    return;
  }
}

function engineOf(files: readonly PolicyFile[]): PolicyEngine {
  const quiet = () => undefined;
  const clock = { now: () => 0, monotonic: () => 0, after: () => quiet };
  const engine = createEngine(
    { clock, onDisagreement: quiet, report: quiet },
    createPolicySet(readPolicies(files, FULFILLABLE)),
  );
  engine.useCatalog(WORLD.catalogs);
  return engine;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      pairs: { type: 'string' },
      requests: { type: 'string' },
      seed: { type: 'string' },
      quick: { type: 'boolean' },
    },
  });
  const pairs = Number(values.pairs ?? (values.quick === true ? 40 : 200));
  const requests = Number(values.requests ?? (values.quick === true ? 2_000 : 100_000));
  const begun = process.cpuUsage();
  const figures = measure(pairs, requests, Number(values.seed ?? 1));
  const { user } = process.cpuUsage(begun);
  console.log(`pairs of sets                      ${figures.pairs}, of which ${figures.equal} are equal`);
  console.log(`principal x action x resource      ${figures.compared} compared, ${figures.undecided} not decided`);
  console.log(
    `gains, losses and changes          ${figures.differences} reported, ${figures.confirmed} confirmed by the engine`,
  );
  console.log(
    `random requests                    ${figures.requests} (${requests} a pair), ${figures.differing} differ`,
  );
  console.log(`random differences not reported    ${figures.missed.length}`);
  console.log(`differences between equal sets     ${figures.invented.length}`);
  console.log(`CPU time                           ${(user / 1e6).toFixed(1)} s`);
  for (const line of [...figures.missed, ...figures.invented]) console.log(`  ${line}`);
  const good = figures.missed.length + figures.invented.length === 0 && figures.confirmed === figures.differences;
  process.exitCode = good ? 0 : 1;
}
