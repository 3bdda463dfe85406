import type { EntityRef } from '../../../core/principal.ts';
import type { ArgumentRecord } from '../argument-types.ts';
import { candidatesFor } from './candidates.ts';
import { choose, type Offer, RISK_BUDGET, RISK_MAX } from './choose.ts';
import { type Column, columnsOf, type Table } from './columns.ts';
import { roleOf, WORTH } from './roles.ts';
import type { Shape } from './shapes.ts';
import { fitAll, PARTS, rowsOf, type Trial, tryAcrossAgents, tryOut } from './trials.ts';
import type { Use } from './use.ts';

/**
 * The least that would have permitted what was done and will most likely permit what is done tomorrow: for each agent in
 * each job, its tools, and of their arguments what can be said.
 */
export type Learnt = {
  agent: string;
  job: string;
  runs: number;
  calls: number;
  tools: readonly LearntTool[];
};

export type LearntTool = {
  action: string;
  resource: EntityRef;
  /** Rows of the agent's own use; empty where others of the job use the tool and this agent most likely will. */
  uses: readonly Use[];
  conditions: readonly LearntCondition[];
};

export type LearntCondition = {
  rule: Rule;
  /** Estimated chance that an honest call of this tool breaks it. */
  risk: number;
  /** How it is known: held-out calls put to it, and those that it broke; over all agents of the job. */
  tried: number;
  broken: number;
  /** Learnt from the agent's own calls, or from those of all agents of the job. */
  scope: 'own' | 'job';
};

/** What a condition says; paths lie below `context.args`. */
export type Rule =
  | { kind: 'shape'; path: readonly string[]; type: Column['type']; shape: Shape; optional: boolean; mayLack: boolean }
  /** Arguments that no call has given. */
  | { kind: 'absent'; paths: readonly (readonly string[])[] };

export type ArgumentsOf = (action: string, resource: EntityRef) => ArgumentRecord | undefined;
/** Lets others have the processor: called between pieces of some milliseconds. */
export type Pause = () => Promise<void>;

/** What one tool would be given in one job, tried out. */
type Tried = { table: Table; trials: readonly (readonly Trial[])[] };
type Work = { runsOf: readonly number[]; calls: number; tried: readonly Tried[] };

export async function learn(uses: readonly Use[], argumentsOf: ArgumentsOf, pause: Pause): Promise<Learnt[]> {
  const learnt: Learnt[] = [];
  for (const [job, own] of groupBy(uses, ({ run }) => run.job))
    learnt.push(...(await learnJob(job, own, argumentsOf, pause)));
  return learnt;
}

/** @param uses of all agents in this job, in the order of time. */
async function learnJob(job: string, uses: readonly Use[], argumentsOf: ArgumentsOf, pause: Pause): Promise<Learnt[]> {
  const agents = [...new Set(uses.map(({ agent }) => agent))].sort();
  const runs = numbered(uses.map(runKey));
  const partOfRun = partsOf(uses, runs);
  const runsOf = agents.map((agent) => new Set(uses.filter((use) => use.agent === agent).map(runKey)).size);
  const tried: Tried[] = [];
  for (const rows of groupBy(uses, resourceKey).values()) {
    const table = tableOf(rows, agents, runs, argumentsOf);
    const parts = rows.map((use) => partOfRun.get(runKey(use)) as number);
    const trials: Trial[][] = [];
    for (const column of table.columns) {
      const own: Trial[] = [];
      for (const candidate of candidatesFor(column)) {
        await pause();
        own.push(tryOut(candidate, column, table, parts, agents.length));
      }
      trials.push(own);
    }
    tried.push({ table, trials });
  }
  const work = { runsOf, calls: uses.length, tried };
  const learnt: Learnt[] = [];
  for (const [at, agent] of agents.entries()) {
    await pause();
    learnt.push(learnAgent(agent, at, job, uses, work));
  }
  return learnt;
}

const resourceKey = ({ action, resource }: Use): string => JSON.stringify([action, resource.type, resource.id]);
const runKey = ({ agent, run }: Use): string => JSON.stringify([agent, run.id]);

function numbered(keys: readonly string[]): ReadonlyMap<string, number> {
  return new Map([...new Set(keys)].map((key, at) => [key, at]));
}

/** Runs of each agent go round the parts in their order, so that each part has some of every agent. */
function partsOf(uses: readonly Use[], runs: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const parts = new Map<string, number>();
  for (const use of uses) {
    const key = runKey(use);
    if (!runs.has(key) || parts.has(key)) continue;
    const count = counts.get(use.agent) ?? 0;
    counts.set(use.agent, count + 1);
    parts.set(key, count % PARTS);
  }
  return parts;
}

function tableOf(
  uses: readonly Use[],
  agents: readonly string[],
  runs: ReadonlyMap<string, number>,
  argumentsOf: ArgumentsOf,
): Table {
  const { action, resource } = uses[0] as Use;
  const record = argumentsOf(action, resource);
  return {
    action,
    resource,
    uses,
    agents: uses.map(({ agent }) => agents.indexOf(agent)),
    runs: uses.map((use) => runs.get(runKey(use)) as number),
    columns: record === undefined ? [] : columnsOf(record, uses),
  };
}

/** A tool that others of the job use, and this agent not, is left out where its absence would else be a surprise. */
const SURPRISE = 0.05;
/** What leaving such a tool out is worth: all that could be done with it. */
const TOOL_WORTH = 0.5;

/** Share of the agent's calls that will be of a tool which it has not used yet; undefined where it certainly does not. */
function expectedShare({ table }: Tried, at: number, { runsOf, calls }: Work): number | undefined {
  const others = sum(runsOf) - (runsOf[at] as number);
  const share = new Set(table.runs).size / Math.max(1, others);
  if ((1 - share) ** (runsOf[at] as number) <= SURPRISE) return undefined;
  return table.uses.length / calls;
}

function learnAgent(agent: string, at: number, job: string, uses: readonly Use[], work: Work): Learnt {
  const own = uses.filter((use) => use.agent === agent);
  const offers = work.tried.flatMap((tried, tool) => offersFor(tried, at, tool, own.length, work));
  const chosen = choose(offers, RISK_BUDGET);
  const without = new Set(chosen.filter(({ leavesOut }) => leavesOut).map(({ tool }) => tool));
  const isKept = ({ table }: Tried, tool: number): boolean =>
    table.agents.includes(at) || (!without.has(tool) && offers.some((offer) => offer.tool === tool && offer.leavesOut));
  return {
    agent,
    job,
    runs: work.runsOf[at] as number,
    calls: own.length,
    tools: work.tried.flatMap((tried, tool): LearntTool[] => {
      if (!isKept(tried, tool)) return [];
      const { table } = tried;
      const conditions = chosen.filter((offer) => offer.tool === tool).map(({ make }) => make());
      return [
        {
          action: table.action,
          resource: table.resource,
          uses: table.uses.filter((_, row) => table.agents[row] === at),
          conditions: conditions.filter((condition) => condition !== undefined),
        },
      ];
    }),
  };
}

type RuleOffer = Offer & { tool: number; leavesOut: boolean; make(): LearntCondition | undefined };

const COLUMNS_STRIDE = 1_000;

function offersFor(tried: Tried, at: number, tool: number, calls: number, work: Work): RuleOffer[] {
  const { table, trials } = tried;
  const ownCalls = table.agents.filter((agent) => agent === at).length;
  const share = ownCalls > 0 ? ownCalls / calls : expectedShare(tried, at, work);
  if (share === undefined) return [];
  const found: RuleOffer[] = [];
  if (ownCalls === 0) {
    const column = tool * COLUMNS_STRIDE + COLUMNS_STRIDE - 2;
    found.push({ column, tool, leavesOut: true, worth: TOOL_WORTH, risk: share, make: () => undefined });
  }
  table.columns.forEach((column, index) => {
    const slot = tool * COLUMNS_STRIDE + index;
    for (const trial of trials[index] ?? []) {
      const offer = shapeOffer(trial, column, table, at, ownCalls);
      if (offer === undefined) continue;
      found.push({ ...offer, column: slot, tool, leavesOut: false, risk: offer.risk * share });
    }
  });
  const absent = absentOffer(table, ownCalls);
  if (absent !== undefined) {
    const column = tool * COLUMNS_STRIDE + COLUMNS_STRIDE - 1;
    found.push({ ...absent, column, tool, leavesOut: false, risk: absent.risk * share });
  }
  return found;
}

/** As many calls' worth of the job's rate goes into an agent's own. */
const JOB_WEIGHT = 15;
/** What is left of a doubt where nothing broke, in calls. */
const DOUBT = 0.1;
/** What is not known of an agent that has done something once, whatever others have shown; it falls with the square. */
const LITTLE = 0.3;
/** Below as many calls of its own, what other agents do says little of this one. */
const OWN_CALLS_MIN = 4;

function shapeOffer(
  trial: Trial,
  column: Column,
  table: Table,
  at: number,
  ownCalls: number,
): Omit<RuleOffer, 'column' | 'tool' | 'leavesOut'> | undefined {
  const { candidate } = trial;
  const ownTried = trial.tried[at] as number;
  const ownGiven = rowsOf(column).filter((row) => table.agents[row] === at).length;
  if (candidate.scope === 'own' && ownGiven === 0) return undefined;
  const tried = sum(trial.tried);
  const broken = sum(trial.broken);
  if (tried === 0) return undefined;
  let rate = (broken + DOUBT) / (tried + 1);
  if (candidate.scope === 'job' && ownTried < OWN_CALLS_MIN && new Set(table.agents).size > 1) {
    const across = tryAcrossAgents(candidate, column, table);
    rate = Math.max(rate, (across.broken + DOUBT) / (across.tried + 1));
  }
  const given = ownCalls === 0 ? 1 : Math.max(0.05, ownGiven / ownCalls);
  const little = candidate.scope === 'own' ? LITTLE / (ownGiven + 1) ** 2 : 0;
  const known = ((trial.broken[at] as number) + JOB_WEIGHT * rate) / (ownTried + JOB_WEIGHT) + little;
  const missing = missingRisk(column, tried, table.uses.length);
  const risk = known * given + missing;
  if (risk > RISK_MAX) return undefined;
  const mayLack = column.optional && missing === 0;
  const worth =
    WORTH[roleOf(column.path)] *
    candidate.tightness *
    nearness(fitAll(candidate, column, table, at), column, table, at);
  return {
    worth,
    risk,
    make: () => {
      const shape = fitAll(candidate, column, table, at);
      if (shape === undefined) return undefined;
      const { path, type, optional } = column;
      return {
        rule: { kind: 'shape', path, type, shape, optional, mayLack },
        risk,
        tried,
        broken,
        scope: candidate.scope,
      };
    },
  };
}

/** How near a bound lies to what the agent itself has reached: one that lies far above keeps little out. */
function nearness(shape: Shape | undefined, column: Column, table: Table, at: number): number {
  if (shape?.kind !== 'range' || shape.high === undefined || shape.high <= 0) return 1;
  const own = rowsOf(column).filter((row) => table.agents[row] === at);
  const most = Math.max(0, ...own.map((row) => column.cells[row] as number));
  return own.length === 0 ? 1 : 0.6 + 0.4 * Math.min(1, most / shape.high);
}

/** Where an argument may be left out and never was, the condition asks for it; unless that is known from few calls. */
function missingRisk(column: Column, given: number, calls: number): number {
  return column.optional && given === calls && calls >= ALWAYS_CALLS_MIN ? DOUBT / calls : 0;
}

const ALWAYS_CALLS_MIN = 8;

/** Arguments that a call may have and none had: a flag for deleting, an option for exporting all. */
function absentOffer(table: Table, ownCalls: number): Omit<RuleOffer, 'column' | 'tool' | 'leavesOut'> | undefined {
  const calls = table.uses.length;
  const never = table.columns.filter(({ cells, optional }) => optional && cells.every((cell) => cell === undefined));
  if (never.length === 0) return undefined;
  const worth = Math.max(...never.map(({ path }) => WORTH[roleOf(path)]));
  const risk = DOUBT / (calls + 1);
  const scope = ownCalls === calls ? 'own' : 'job';
  const paths = never.map(({ path }) => path);
  return { worth, risk, make: () => ({ rule: { kind: 'absent', paths }, risk, tried: calls, broken: 0, scope }) };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
