import { andThen } from '../../core/and-then.ts';
import type { Access, DecisionRequest, DenialCode } from '../../core/decision.ts';
import { ACCESSES_MAX, eachElement } from '../../core/each-element.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { AgentFacts, EntityRef, Principal, Run } from '../../core/principal.ts';
import type { ExchangeFacts, IntentReceipt, Receipt, RefusalReceipt } from '../../core/receipt.ts';
import { ACTIONS, ARGUMENT_CHECK } from './vocabulary.ts';

/**
 * What policy was once asked, and what it answered, put together again from a receipt, its sealed payload and the rows that
 * the receipt names. It holds all that a decision rests on, so the same set makes the same decision of it for ever.
 */
export type RecordedDecision = {
  receipt: string;
  /** Milliseconds since the Unix epoch. */
  time: number;
  /** With the first access; most exchanges have one. */
  request: DecisionRequest;
  /** All of them, in order: the exchange was permitted only if each was. */
  accesses: readonly Access[];
  /** It asked what there is, which nobody has to permit (`list-what-you-may-use`). */
  discovers: boolean;
  /** By what the arguments were mapped; undefined where the action carries none. */
  registered: RegisteredThen | undefined;
  /** What policy said of the exchange as a whole; another stage may have refused it after that. */
  effect: 'permit' | 'deny' | 'hold';
  /** Whether it was let through all the same or by right: while observing, what policy denies may be. */
  forwarded: boolean;
  /** Of the refusal, where the effect is `deny`. */
  code: DenialCode | undefined;
  /** Ids of the policies that determined it, and of those in scope that failed. */
  policies: readonly string[];
  errors: readonly string[];
  /** Digest of the set that decided. */
  set: string;
  /** Of the gateway's state that it was decided under; tells what stood open beside the set. */
  state_version: number;
};

/** A tool or a prompt as it was pinned then, and which of its arguments were decided element by element. */
export type RegisteredThen = {
  action: string;
  resource: EntityRef;
  digest: string;
  definition: JsonObject;
  each: readonly string[];
};

/** A decision that was made and cannot be made again. */
export type NotReplayable = { receipt: string; time: number; because: Missing };

/**
 * - `erased`: the payload's key was destroyed, and with it what was asked.
 * - `agent`, `run`, `definition`: a row that the receipt names is not in this database.
 * - `delegation`: what was lent is not what the receipt has the digest of.
 * - `form`: the payload does not say what was asked in a form that this version reads.
 */
export type Missing = 'erased' | 'agent' | 'run' | 'delegation' | 'definition' | 'form';

/** Where the rows are that a receipt names. At once where they are at hand. */
export interface RecordedFacts {
  agent(id: string, state_version: number): AgentFacts | undefined | Promise<AgentFacts | undefined>;
  run(id: string): Run | undefined | Promise<Run | undefined>;
  definition(digest: string): JsonObject | undefined | Promise<JsonObject | undefined>;
}

/** Reads decisions back from the log. Whoever asks is named in a `payload.read` receipt: arguments are read. */
export interface RecordedDecisions {
  /** Undefined where there is no such receipt, or it records no decision. */
  of(receipt: string, reader: string): Promise<Recorded | undefined>;
  /** What a receipt records whose payload the caller has opened already, under a receipt of its own. */
  from(receipt: Receipt, content: RecordedContent): Recorded | undefined | Promise<Recorded | undefined>;
  /** Every decision from this time on (milliseconds since the Unix epoch), in the order of the log, up to its end now. */
  since(time: number, reader: string): AsyncIterable<Recorded>;
}

/** What lay sealed beside the receipt. */
export type RecordedContent = { names: JsonValue; value: JsonValue } | 'erased';

export type Recorded = RecordedDecision | NotReplayable;

export function isReplayable(recorded: Recorded): recorded is RecordedDecision {
  return 'request' in recorded;
}

/** The receipts of decisions; what was refused before policy was asked is none. */
export type Decided = IntentReceipt | (RefusalReceipt & ExchangeFacts);

export function decidedOf(receipt: Receipt): Decided | undefined {
  if (receipt.kind === 'intent') return receipt;
  if (receipt.kind !== 'refusal' && receipt.kind !== 'hold') return undefined;
  return receipt.policy === undefined || receipt.accesses === undefined ? undefined : (receipt as Decided);
}

/** The decision that a receipt records; what keeps it from being made again otherwise. */
export function readRecorded(
  receipt: Decided,
  content: RecordedContent,
  facts: RecordedFacts,
): Recorded | Promise<Recorded> {
  const missing = (because: Missing): NotReplayable => ({ receipt: receipt.id, time: receipt.time, because });
  if (content === 'erased') return missing('erased');
  const asked = askedIn(receipt, content);
  if (asked === undefined) return missing('form');
  const [first] = asked.accesses;
  const needsDefinition = ACTIONS[first.action]?.args === 'declared';
  const manifest = receipt.tool?.manifest;
  if (needsDefinition && manifest === undefined) return missing('definition');
  return andThen(facts.agent(receipt.agent.id, receipt.state_version), (agent) =>
    andThen(facts.run(receipt.run), (run) =>
      andThen(needsDefinition ? facts.definition(manifest as string) : undefined, (definition) => {
        if (agent === undefined || !isSameAgent(agent, receipt)) return missing('agent');
        if (run === undefined) return missing('run');
        if (!isSameChain(run, receipt)) return missing('delegation');
        if (needsDefinition && definition === undefined) return missing('definition');
        return recordedOf(receipt, asked, { agent, run, definition });
      }),
    ),
  );
}

type Asked = { accesses: readonly [Access, ...Access[]]; each: readonly string[]; own: boolean };
type Then = { agent: AgentFacts; run: Run; definition: JsonObject | undefined };

function recordedOf(receipt: Decided, asked: Asked, { agent, run, definition }: Then): RecordedDecision {
  const [access] = asked.accesses;
  const { credential, policy, protocol } = receipt;
  const { before } = receipt.labels;
  const isSameLabel =
    before.confidentiality === run.labels.confidentiality && before.integrity === run.labels.integrity;
  const effect = effectOf(receipt);
  return {
    receipt: receipt.id,
    time: receipt.time,
    request: {
      principal: principalOf(receipt),
      agent,
      credential,
      run: isSameLabel ? run : { ...run, labels: before },
      protocol,
      access,
    },
    accesses: asked.accesses,
    discovers: discovers(receipt, access, asked),
    registered: definition && {
      action: access.action,
      resource: access.resource,
      digest: receipt.tool?.manifest ?? '',
      definition,
      each: asked.each,
    },
    effect,
    forwarded: receipt.kind === 'intent',
    code: effect === 'deny' ? codeOf(receipt) : undefined,
    policies: policy.ids,
    errors: policy.errors,
    set: policy.set,
    state_version: receipt.state_version,
  };
}

/** A request of a server's own is made by that server; all others by the agent. */
function principalOf({ credential, upstream, agent }: Decided): Principal {
  return credential.kind === 'child' ? { type: 'Tool', id: upstream ?? '' } : { type: 'Agent', id: agent.id };
}

/** Actions by which a caller asks what there is, or takes back its own wish; about oneself one may ask a decision point. */
function discovers({ operation }: Decided, { action }: Access, { own }: Asked): boolean {
  if (action === 'server.discover' || operation === 'resources/unsubscribe') return true;
  return action === 'access.evaluate' && own;
}

function askedIn(receipt: Decided, { names, value }: Exclude<RecordedContent, 'erased'>): Asked | undefined {
  const payload = receipt.kind === 'intent' ? value : isJsonObject(value) ? value['asked'] : undefined;
  if (!Array.isArray(names) || !isJsonObject(payload)) return undefined;
  const each = textsOf(payload['each']);
  const args = argumentsIn(receipt, payload, each);
  if (names.length !== receipt.accesses.length || args?.length !== names.length) return undefined;
  const accesses = receipt.accesses.map(({ action }, at) => accessOf(action, names[at], args[at]));
  if (!accesses.every((access) => access !== undefined)) return undefined;
  const [first, ...rest] = accesses;
  return first && { accesses: [first, ...rest], each, own: payload['own'] === true };
}

/** One set of arguments for each access. What an action without arguments carries beside it reached no policy. */
function argumentsIn(receipt: Decided, payload: JsonObject, each: readonly string[]): JsonObject[] | undefined {
  const isDeclared = receipt.accesses.some(({ action }) => ACTIONS[action]?.args === 'declared');
  if (!isDeclared) return receipt.accesses.map(() => ({}));
  const { arguments: given = {} } = payload;
  // Beyond the bound it was decided as it stood, and refused for its length.
  return isJsonObject(given) ? (eachElement(given, each, ACCESSES_MAX) ?? [given]) : undefined;
}

function accessOf(action: string, name: JsonValue | undefined, args: JsonObject | undefined): Access | undefined {
  if (!isJsonObject(name) || args === undefined) return undefined;
  const { type, id } = name;
  if (typeof type !== 'string' || typeof id !== 'string') return undefined;
  return { action, resource: { type, id }, args };
}

function textsOf(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

const DENIALS: ReadonlySet<string> = new Set<DenialCode>([
  'policy_denied',
  'policy_error',
  'argument_unmapped',
  'delegation_exceeded',
]);

/** What policy said, which is not always why the exchange ended: arguments may be at fault beside it. */
export function effectOf(receipt: Decided): RecordedDecision['effect'] {
  if (receipt.observing !== undefined) return receipt.observing.would;
  if (receipt.kind === 'hold') return 'hold';
  if (receipt.kind !== 'intent' && isDenied(receipt)) return 'deny';
  const isHeld = receipt.policy.obligations.some((obligation) => obligation.startsWith('approve@'));
  return isHeld ? 'hold' : 'permit';
}

/** While the gateway observed, what ended the exchange need not be what policy said. */
function codeOf(receipt: Decided): DenialCode | undefined {
  if (receipt.observing !== undefined) return (receipt.observing.code ?? undefined) as DenialCode | undefined;
  return receipt.kind === 'intent' ? undefined : (receipt.code as DenialCode);
}

function isDenied({ checks, code, policy }: Exclude<Decided, IntentReceipt>): boolean {
  const stage = checks.find((check) => check.stage === 'decide');
  if (stage?.verdict !== 'refuse') return false;
  return DENIALS.has(code) || (code === 'arguments_invalid' && policy.ids.includes(ARGUMENT_CHECK));
}

function isSameAgent({ owner, version }: AgentFacts, { agent }: Decided): boolean {
  return owner === agent.owner && version === agent.version;
}

function isSameChain({ chain }: Run, receipt: Decided): boolean {
  return (
    chain.length === receipt.chain.length &&
    chain.every(({ actor, scope_digest }, at) => {
      const then = receipt.chain[at];
      return then?.actor === actor && then.scope_digest === scope_digest;
    })
  );
}
