import type { JsonObject } from '../../../src/core/json.ts';
import { type Random, randomOf } from './random.ts';

/** Runs as they stand in a file: one a line. */
export type RunLine = {
  agent: string;
  job: string;
  run: string;
  label: 'benign' | 'misuse';
  /** Where the generator knows it: what kind of misuse. */
  kind?: string;
  subject?: string;
  events: readonly ({ type: 'tool_call'; id: string; tool: string; args: JsonObject } | { type: string })[];
};

export type Call = { tool: string; args: JsonObject };
export type Misuse = Call & { kind: string };

/** The schema of one tool, in a short form: `?` may be left out, `|` lists an enumeration. */
export type ToolLine = { name: string; description?: string; inputSchema: JsonObject };

/** One agent at work in one job. */
export type Worker = {
  episode(run: { id: string; subject: string }): Call[];
  misuse(run: { id: string; subject: string }): Misuse;
};
export type Job = {
  name: string;
  tools: readonly ToolLine[];
  worker(agent: string, at: number, random: Random): Worker;
};
export type World = { tools: readonly ToolLine[]; runs: readonly RunLine[] };

export type WorldSize = { agents: number; runs: number; misuse: number };

export function worldOf(jobs: readonly Job[], { agents, runs, misuse }: WorldSize, seed: number): World {
  const random = randomOf(seed);
  const lines: RunLine[] = [];
  for (let at = 0; at < agents; at += 1) {
    const job = jobs[at % jobs.length] as Job;
    const agent = `${job.name}-${Math.floor(at / jobs.length) + 1}`;
    const worker = job.worker(agent, Math.floor(at / jobs.length), random);
    for (let run = 0; run < runs; run += 1) lines.push(benign(agent, job, worker, random));
    for (let run = 0; run < misuse; run += 1) lines.push(misused(agent, job, worker, random));
  }
  const tools = new Map(jobs.flatMap((job) => job.tools.map((tool) => [tool.name, tool])));
  return { tools: [...tools.values()], runs: lines };
}

const PEOPLE = ['ann', 'bo', 'cem', 'dana', 'eli', 'fay', 'gus', 'hana'];

function begin(random: Random): { id: string; subject: string } {
  return { id: `run_${random.hex(12)}`, subject: random.pick(PEOPLE) };
}

function benign(agent: string, job: Job, worker: Worker, random: Random): RunLine {
  const run = begin(random);
  const calls = worker.episode(run);
  return { agent, job: job.name, run: run.id, label: 'benign', subject: run.subject, events: eventsOf(calls, random) };
}

/** An honest run in which, at some point, something else happens. */
function misused(agent: string, job: Job, worker: Worker, random: Random): RunLine {
  const run = begin(random);
  const calls = worker.episode(run);
  const { kind, ...bad } = worker.misuse(run);
  calls.splice(random.below(calls.length + 1), 0, bad);
  return {
    agent,
    job: job.name,
    run: run.id,
    label: 'misuse',
    kind,
    subject: run.subject,
    events: eventsOf(calls, random),
  };
}

function eventsOf(calls: readonly Call[], random: Random): RunLine['events'] {
  return calls.flatMap(({ tool, args }) => [
    { type: 'tool_call', id: `c_${random.hex(8)}`, tool, args },
    { type: 'tool_result', text: 'done' },
  ]);
}

/** `tool('read_file', {path: 'string', 'limit?': 'integer', tags: 'string[]', mode: 'a|b'})` */
export function tool(name: string, short: Record<string, string | JsonObject>): ToolLine {
  const properties: JsonObject = {};
  const required: string[] = [];
  for (const [key, type] of Object.entries(short)) {
    const plain = key.replace(/\?$/, '');
    properties[plain] = typeof type === 'string' ? schemaOf(type) : type;
    if (plain === key) required.push(plain);
  }
  return { name, inputSchema: { type: 'object', properties, required } };
}

function schemaOf(type: string): JsonObject {
  if (type.endsWith('[]')) return { type: 'array', items: schemaOf(type.slice(0, -2)) };
  if (type.includes('|')) return { type: 'string', enum: type.split('|') };
  return { type };
}

/** Some words, never twice the same. */
export function prose(random: Random): string {
  const words =
    'the report shows that orders from last week were late because of a new carrier and we will follow up soon'.split(
      ' ',
    );
  return `${Array.from({ length: random.between(5, 25) }, () => random.pick(words)).join(' ')}.`;
}
