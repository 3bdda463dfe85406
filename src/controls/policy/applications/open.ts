import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import { Entity } from '../cedar/values.ts';
import { loadPolicies, watchFolder } from '../folder.ts';
import { problemOf } from '../places.ts';
import { createPolicySet } from '../policy-set.ts';
import { readPolicies } from '../source.ts';
import type { PolicyProblem } from '../types.ts';
import { ACTIONS } from '../vocabulary.ts';
import { type Application, evaluateQuestion } from './application.ts';
import { type Entities, NOTHING_KNOWN, readEntities } from './entities.ts';
import type { Question, Verdict } from './question.ts';

const ENTITIES_FILE = 'entities.json';
const ENTITIES_BYTES_MAX = 33_554_432;
/** What describes a policy. Nothing here carries out an obligation, or asks a person. */
const ANNOTATIONS = ['id', 'reason', 'public', 'shadow'];

/**
 * Policies that are not about this gateway: those of other enforcement points, which ask here and act there. They share
 * nothing with the gateway's own but the language, so that no edit of theirs can widen what an agent may do here.
 */
export interface Applications {
  evaluate(question: Question): Verdict;
  /** Ids of the entities of this type that are known. */
  known(type: string): readonly string[];
  isKnown(type: string, id: string): boolean;
  actions(): readonly string[];
  close(): void;
}

export type ApplicationsParts = {
  /** Folder of `*.cedar` files and `entities.json`, absolute. */
  folder: string;
  clock: Clock;
  /** What is wrong with the folder as it is now; what was valid before goes on counting. Empty: nothing. */
  onProblems(problems: readonly PolicyProblem[]): void;
};

/** @throws Error where the folder cannot be read at start: an answer without its policies would be a wrong one. */
export async function openApplications(parts: ApplicationsParts): Promise<Applications> {
  const first = await readApplication(parts.folder);
  if ('problems' in first) throw new Error(first.problems.map(describe).join('\n'));
  const now: { application: Application } = { application: first };
  const stop = watchFolder(parts.folder, parts.clock, () => void reload());
  async function reload(): Promise<void> {
    const next = await readApplication(parts.folder);
    parts.onProblems('problems' in next ? next.problems : []);
    if (!('problems' in next)) now.application = next;
  }
  return {
    evaluate: (question) => evaluateQuestion(now.application, question),
    known: (type) => now.application.entities.ofType(type).map(({ id }) => id),
    isKnown: (type, id) => now.application.entities.find(new Entity(type, id)) !== undefined,
    actions: () => now.application.entities.ofType('Action').map(({ id }) => id),
    close: stop,
  };
}

async function readApplication(folder: string): Promise<Application | { problems: readonly PolicyProblem[] }> {
  const { files, problems: unread } = await loadPolicies(folder);
  const fulfillable = Object.fromEntries(Object.values(ACTIONS).map(({ protocol }) => [protocol, ANNOTATIONS]));
  const text = readPolicies(files, fulfillable);
  const problems = [...unread, ...text.problems].filter(({ severity }) => severity === 'error');
  const entities = await readEntitiesFile(join(folder, ENTITIES_FILE));
  if (entities instanceof Error) problems.push(fileProblem(entities.message));
  if (problems.length > 0 || entities instanceof Error) return { problems };
  const set = createPolicySet(text);
  const left = set.policies.filter(({ conjuncts }) => conjuncts === undefined);
  if (left.length === 0) return { set, entities };
  return { problems: left.map(({ source }) => problemOf(source, 'uses what only cedar-wasm can evaluate')) };
}

async function readEntitiesFile(path: string): Promise<Entities | Error> {
  try {
    const { size } = await stat(path);
    if (size > ENTITIES_BYTES_MAX) return new Error(`larger than ${ENTITIES_BYTES_MAX} bytes`);
    return readEntities(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? NOTHING_KNOWN : (error as Error);
  }
}

function fileProblem(message: string): PolicyProblem {
  const place = { file: ENTITIES_FILE, line: 1, column: 1 };
  return { severity: 'error', ...place, policy: undefined, message, help: 'It is a list in Cedar’s entities format.' };
}

function describe({ file, line, column, message }: PolicyProblem): string {
  return `${file}:${line}:${column} ${message}`;
}
