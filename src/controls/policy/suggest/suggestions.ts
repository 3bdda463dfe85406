import type { EntityRef } from '../../../core/principal.ts';
import type { ArgumentRecord } from '../argument-types.ts';
import type { PolicyListing } from '../types.ts';
import { type ListAdvice, listsToSplit } from './elements.ts';
import { type LearntCondition, type LearntTool, learn, type Pause } from './learn.ts';
import {
  type AgentJob,
  keyOf,
  type ReadingParts,
  type ReadReport,
  readUses,
  type Seen,
  type Tally,
  tallyKey,
  type Window,
} from './seen.ts';
import { type UnusedPermit, unusedOf } from './unused.ts';
import type { Use } from './use.ts';
import { conditionOf, idOf, inWords, permitOf, sentenceOf } from './write.ts';

/** From what was recorded to what a person may accept: clause by clause, each with what it rests on. */
export interface Suggestions {
  /** Who did what how often; nothing is learnt yet. */
  list(asked: Window & Partial<AgentJob>, reader: string): Promise<SuggestionList>;
  /** Undefined where the agent did nothing in this job that was permitted. */
  one(asked: Window & AgentJob, reader: string): Promise<Suggestion | undefined>;
}

export type SuggestionSummary = AgentJob & {
  runs: number;
  calls: number;
  /** Tools and whatever else was asked for by name. */
  resources: number;
  first_seen: number;
  last_seen: number;
};

export type SuggestionList = { suggestions: readonly SuggestionSummary[]; read: ReadReport };

export type Suggestion = SuggestionSummary & {
  clauses: readonly SuggestedClause[];
  unused: readonly UnusedPermit[];
  /** Lists whose members could each be held to something, were they declared so. */
  lists: readonly ListAdvice[];
  file: { name: string; text: string };
  read: ReadReport;
};

export type SuggestedClause = {
  id: string;
  action: string;
  resource: string;
  says: string;
  text: string;
  conditions: readonly SuggestedCondition[];
  evidence: Evidence;
  active: boolean;
};

export type SuggestedCondition = {
  arguments: readonly string[];
  shape: 'one-of' | 'like' | 'range' | 'members' | 'same-as' | 'absent';
  says: string;
  text: string;
  confidence: Pick<LearntCondition, 'tried' | 'broken' | 'risk'> & { from: 'own' | 'job'; says: string };
};

export type Evidence = {
  calls: number;
  runs: number;
  first_seen: number | null;
  last_seen: number | null;
  receipts: readonly string[];
};

export type SuggestionsParts = ReadingParts & {
  /** The active set. */
  policies(): readonly PolicyListing[];
  pause: Pause;
};

export function createSuggestions(parts: SuggestionsParts): Suggestions {
  return {
    async list({ agent, job, ...window }, reader) {
      const seen = await readUses(parts, window, reader, (use) => isAsked(use, { agent, job }));
      const groups = Map.groupBy(seen.uses, ({ agent: by, run }) => JSON.stringify([by, run.job]));
      return { suggestions: [...groups.values()].map((uses) => summaryOf(uses, seen)), read: seen.read };
    },
    async one({ agent, job, ...window }, reader) {
      const seen = await readUses(parts, window, reader, (use) => use.run.job === job);
      const own = seen.uses.filter((use) => use.agent === agent);
      if (own.length === 0) return undefined;
      const types = (action: string, resource: EntityRef): ArgumentRecord | undefined =>
        seen.types.get(keyOf(action, resource));
      const learnt = (await learn(seen.uses, types, parts.pause)).find((one) => one.agent === agent);
      const listed = parts.policies();
      const clauses = (learnt?.tools ?? []).map((tool) => clauseOf({ agent, job }, tool, listed, seen));
      return {
        ...summaryOf(own, seen),
        clauses,
        unused: unusedOf({ agent, job }, listed, seen, parts.clock.now()),
        lists: listsToSplit(own, types),
        file: { name: fileName(agent, job), text: `${clauses.map(({ text }) => text).join('\n\n')}\n` },
        read: seen.read,
      };
    },
  };
}

function isAsked({ agent, run }: Use, asked: { agent: string | undefined; job: string | undefined }): boolean {
  return (asked.agent === undefined || asked.agent === agent) && (asked.job === undefined || asked.job === run.job);
}

function summaryOf(uses: readonly Use[], seen: Seen): SuggestionSummary {
  const [first] = uses as readonly [Use];
  const tallies = [...new Set(uses.map(tallyKey))].map((key) => seen.tallies.get(key) as Tally);
  return {
    agent: first.agent,
    job: first.run.job,
    runs: new Set(tallies.flatMap(({ runs }) => [...runs])).size,
    calls: tallies.reduce((sum, { calls }) => sum + calls, 0),
    resources: tallies.length,
    first_seen: Math.min(...tallies.map(({ first_seen }) => first_seen)),
    last_seen: Math.max(...tallies.map(({ last_seen }) => last_seen)),
  };
}

function clauseOf(of: AgentJob, tool: LearntTool, listed: readonly PolicyListing[], seen: Seen): SuggestedClause {
  const evidence = evidenceOf(of, tool, seen);
  const text = permitOf(of, tool, evidence.receipts);
  const rule = ruleIn(text);
  const rules = tool.conditions.map(({ rule: one }) => one);
  return {
    id: idOf(of.agent, of.job, tool),
    action: tool.action,
    resource: tool.resource.id,
    says: sentenceOf(rules),
    text,
    conditions: tool.conditions.map(conditionFor),
    evidence,
    active: listed.some((policy) => policy.effect === 'permit' && ruleIn(policy.text) === rule),
  };
}

/** What a policy rules, without its annotations and its layout. */
function ruleIn(text: string): string {
  const start = /^(?:permit|forbid)\b/m.exec(text)?.index ?? 0;
  return text.slice(start).replaceAll(/\s+/g, ' ');
}

const RECEIPTS_SHOWN = 4;

/** The first receipt, and the newest: for everybody to look up. Nothing where only others of the job did it. */
function evidenceOf({ agent, job }: AgentJob, { action, resource, uses }: LearntTool, { tallies }: Seen): Evidence {
  const tally = tallies.get(tallyKey({ agent, run: { job }, action, resource }));
  if (tally === undefined) return { calls: 0, runs: 0, first_seen: null, last_seen: null, receipts: [] };
  const { calls, runs, first_seen, last_seen, first_receipt } = tally;
  const newest = uses.slice(-RECEIPTS_SHOWN).map(({ receipt }) => receipt);
  return { calls, runs: runs.size, first_seen, last_seen, receipts: [...new Set([first_receipt, ...newest])] };
}

function conditionFor({ rule, tried, broken, risk, scope }: LearntCondition): SuggestedCondition {
  const paths = rule.kind === 'absent' ? rule.paths : [rule.path];
  const whose = scope === 'own' ? "the agent's own calls" : 'the calls of all agents in the job';
  const fared =
    rule.kind === 'absent'
      ? `${tried} calls, and none gave it`
      : `of ${tried} calls in held-out runs it would have refused ${broken}`;
  return {
    arguments: paths.map((path) => path.join('.')),
    shape: rule.kind === 'absent' ? 'absent' : rule.shape.kind,
    says: inWords(rule),
    text: conditionOf(rule),
    confidence: { tried, broken, risk, from: scope, says: `Learnt from ${whose}; ${fared}.` },
  };
}

const NAME_MAX = 60;

/** `use.<agent>.<job>.cedar`, of characters that every file system has. */
function fileName(agent: string, job: string): string {
  const [a, j] = [agent, job].map((part) => part.replaceAll(/[^A-Za-z0-9_-]+/g, '-').slice(0, NAME_MAX));
  return `use.${a}.${j}.cedar`;
}
