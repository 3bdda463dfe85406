import { z } from 'zod';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import type { Question, Searched, SearchQuestion } from './decision-point.ts';
import type { Endpoint } from './endpoints.ts';

/** AuthZEN Authorization API 1.0, section 5. Unknown fields are ignored; a missing or mistyped one is an error (section 10). */
const properties = z.record(z.string(), z.custom<JsonValue>()).default({});
const name = z.string().min(1).max(1_024);
const entity = z.object({ type: name, id: name, properties });
const described = z.object({ type: name, id: name.optional(), properties });
const action = z.object({ name, properties });
const context = properties;

const question = z.object({ subject: entity, action, resource: entity, context });
const searches = {
  subject: z.object({ subject: described, action, resource: entity, context }),
  resource: z.object({ subject: entity, action, resource: described, context }),
  action: z.object({ subject: entity, action: z.custom<undefined>().optional(), resource: entity, context }),
} as const;

const SEMANTICS = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'] as const;
export type Semantic = (typeof SEMANTICS)[number];
const EVALUATIONS_MAX = 1_000;
const batch = z.object({
  evaluations: z.array(z.record(z.string(), z.custom<JsonValue>())).max(EVALUATIONS_MAX).optional(),
  options: z.object({ evaluations_semantic: z.enum(SEMANTICS).default('execute_all') }).prefault({}),
});

/** `items`: a question each, or what is wrong with it. One that is wrong spoils no other. */
export type Batch = { semantic: Semantic; items: readonly (Question | Refusal)[] };

export type Asked =
  | { kind: 'question'; question: Question }
  | { kind: 'batch'; batch: Batch }
  | { kind: 'search'; search: SearchQuestion };

export function readAsked(endpoint: Endpoint, body: JsonObject): Asked | Refusal {
  switch (endpoint.kind) {
    case 'evaluation':
      return single(readQuestion(body));
    case 'evaluations': {
      const read = readBatch(body);
      return isRefusal(read) || !('items' in read) ? single(read) : { kind: 'batch', batch: read };
    }
    case 'subject':
    case 'resource':
    case 'action': {
      const read = readSearch(endpoint.kind, body);
      return isRefusal(read) ? read : { kind: 'search', search: read };
    }
  }
}

function single(read: Question | Refusal): Asked | Refusal {
  return isRefusal(read) ? read : { kind: 'question', question: read };
}

function readQuestion(body: JsonObject): Question | Refusal {
  const read = question.safeParse(body);
  return read.success ? read.data : malformed(read.error);
}

/** Section 6: what stands at the top is the default of every item, each key as a whole. Without items it is one question. */
function readBatch(body: JsonObject): Batch | Question | Refusal {
  const read = batch.safeParse(body);
  if (!read.success) return malformed(read.error);
  const { evaluations, options } = read.data;
  if (evaluations === undefined || evaluations.length === 0) return readQuestion(body);
  const { evaluations: _items, options: _options, ...defaults } = body;
  return {
    semantic: options.evaluations_semantic,
    items: evaluations.map((item) => readQuestion({ ...defaults, ...item })),
  };
}

function readSearch(searched: Searched, body: JsonObject): SearchQuestion | Refusal {
  const read = searches[searched].safeParse(body);
  if (!read.success) return malformed(read.error);
  return { ...read.data, searched, action: searched === 'action' ? undefined : read.data.action } as SearchQuestion;
}

function malformed(error: z.ZodError): Refusal {
  const [issue] = error.issues;
  const where = issue?.path.join('.') ?? '';
  const reason = `${where === '' ? 'the question' : where}: ${issue?.message ?? 'cannot be read'}`;
  return refuse('request_malformed', reason, { public: `The request could not be read: ${reason}.` });
}
