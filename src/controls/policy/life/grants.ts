import { newId } from '../../../core/ids.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { Sql, Transaction } from '../../../storage/index.ts';
import type { Engine } from '../engine.ts';
import type { PolicyParts } from '../open.ts';
import { type PolicyText, readPolicies } from '../source.ts';
import type { PolicyProblem } from '../types.ts';
import { validatePolicies } from '../validate.ts';
import { ACTIONS, GRANTS_FILE } from '../vocabulary.ts';
import { change } from './change.ts';
import { GRANT_PREFIX, type GrantAsked, grantText } from './grant-text.ts';
import { openGrant } from './past-grants.ts';
import type { OpenGrant } from './rules.ts';
import * as store from './store.ts';

/** A permit that ends by itself, as people see it. */
export type Grant = GrantAsked & {
  id: string;
  /** `grant:<id>`: how decisions and receipts name it. */
  policy: string;
  text: string;
  reason: string;
  given_by: string;
  given_at: number;
  given_version: number;
  expires_at: number;
  ended: { at: number; by: string; why: string; version: number } | undefined;
};

export type GrantGiven = { grant: Grant; warnings: readonly string[] };

/** Temporary privilege: given with a reason and an end, listed while it stands open, never more than a permit. */
export interface Grants {
  /** Open ones, the soonest end first; and, where asked for, as many of the others as a page holds. */
  list(ended?: boolean): Promise<readonly Grant[]>;
  give(asked: GrantAsked & { for_seconds: number; reason: string }, by: string): Promise<GrantGiven | Refusal>;
  end(id: string, by: string, why: string): Promise<Grant | Refusal>;
  /** Those that were open at any moment from `since` on; by their versions and times a decision of then can be made again. */
  since(since: number): Promise<readonly Grant[]>;
  readonly seconds_max: number;
  /** The database's clock, by which they end. */
  now(): number;
}

/** Each is evaluated for its agent's requests, and each is one more thing that somebody has to keep in mind. */
const OPEN_MAX = 1_000;
const ENDED_LISTED_MAX = 200;
/** How long after its end a grant's end may be recorded; it counts at once. */
const LATE_MS = 50;
const RETRY_MS = 5_000;

export class OpenGrants implements Grants {
  readonly #parts: PolicyParts;
  readonly #engine: Engine;
  /** Takes over what the database says. */
  readonly #follow: () => Promise<void>;
  #known = new Map<string, OpenGrant>();
  #cancel: () => void = () => {};
  #closed = false;

  constructor(parts: PolicyParts, engine: Engine, follow: () => Promise<void>) {
    this.#parts = parts;
    this.#engine = engine;
    this.#follow = follow;
  }

  get seconds_max(): number {
    return this.#parts.grant_seconds_max();
  }

  now(): number {
    return this.#parts.now();
  }

  async list(ended = false): Promise<readonly Grant[]> {
    const now = this.#parts.now();
    const open = await store.readOpenGrants(this.#parts.db);
    const past = ended ? await store.readEndedGrants(this.#parts.db, ENDED_LISTED_MAX) : [];
    return [...open.filter(({ expires_at }) => expires_at > now), ...past].map(grantOf);
  }

  async since(since: number): Promise<readonly Grant[]> {
    return (await store.readGrantsSince(this.#parts.db, since)).map(grantOf);
  }

  async give(
    { for_seconds, reason, ...asked }: GrantAsked & { for_seconds: number; reason: string },
    by: string,
  ): Promise<GrantGiven | Refusal> {
    const id = newId('prv', this.#parts.random);
    const text = grantText(id, asked, reason);
    const wrong = wrongWith(asked) ?? this.#tooLong(for_seconds) ?? this.#unreadable(text, GRANT_PREFIX + id);
    if (wrong !== undefined) return refuse('input_invalid', wrong, { public: wrong });
    const given = await change(this.#parts, async (tx, version) => {
      const open = await store.readOpenGrants(tx);
      const full = `${OPEN_MAX} grants are open, which is as many as there may be. End some: sallyport grant list`;
      if (open.length >= OPEN_MAX) return refuse('input_invalid', full, { public: full });
      const now = await tx.now();
      const row = {
        ...{ id, agent: asked.agent, asked: JSON.stringify(asked), text, reason, given_by: by, given_at: now },
        ...{ given_version: version, expires_at: now + for_seconds * 1000 },
        ...{ ended_at: null, ended_by: null, end_reason: null, ended_version: null },
      };
      await store.storeGrant(tx, row);
      await this.#parts.record(tx, {
        event: 'privilege.give',
        by,
        subject: id,
        before: null,
        after: null,
        payload: { agent: asked.agent, text, why: reason, expires_at: row.expires_at },
      });
      return grantOf(row);
    });
    if (isRefusal(given)) return given;
    await this.#follow();
    return { grant: given, warnings: this.#warnings(text, asked) };
  }

  async end(id: string, by: string, why: string): Promise<Grant | Refusal> {
    const ended = await change(this.#parts, async (tx, version) => {
      const now = await tx.now();
      const row = await this.#end(tx, id, { at: now, by, reason: why, version });
      return row ?? refuse('not_found', `no grant ${id} is open`, { public: 'No such grant is open.' });
    });
    if (isRefusal(ended)) return ended;
    await this.#follow();
    return grantOf(ended);
  }

  async #end(
    tx: Transaction,
    id: string,
    end: { at: number; by: string; reason: string; version: number },
  ): Promise<store.GrantRow | undefined> {
    const row = await store.endGrant(tx, id, end);
    if (row === undefined) return undefined;
    await this.#parts.record(tx, {
      event: 'privilege.end',
      by: end.by,
      subject: id,
      before: null,
      after: null,
      payload: { agent: row.agent, why: end.reason },
    });
    return row;
  }

  /** What the database says is open, ready to decide. Called in turn with everything else that a change of policy brings. */
  async read(sql: Sql): Promise<readonly OpenGrant[]> {
    const now = this.#parts.now();
    const rows = await store.readOpenGrants(sql);
    const open = new Map<string, OpenGrant>();
    for (const row of rows) {
      if (row.expires_at > now) open.set(row.id, this.#known.get(row.id) ?? openGrant(row, this.#parts.fulfillable));
    }
    this.#known = open;
    this.#expect(rows.map(({ expires_at }) => expires_at));
    return [...open.values()];
  }

  /** Ends are recorded by whichever replica is first; what has expired counts no more before that, on every one. */
  #expect(ends: readonly number[]): void {
    this.#cancel();
    const [first] = [...ends].sort((a, b) => a - b);
    if (first === undefined || this.#closed) return;
    // Timers take no more than 2^31 milliseconds; a wait that is too short looks again.
    const wait_ms = Math.min(Math.max(0, first - this.#parts.now()) + LATE_MS, 86_400_000);
    this.#cancel = this.#parts.clock.after(wait_ms, () => void this.#expire());
  }

  async #expire(): Promise<void> {
    try {
      await this.#recordEnds();
    } catch (error) {
      this.#parts.report('the end of a grant could not be recorded; it has ended all the same', error);
      if (!this.#closed) this.#cancel = this.#parts.clock.after(RETRY_MS, () => void this.#expire());
    }
  }

  async #recordEnds(): Promise<void> {
    const rows = await store.readOpenGrants(this.#parts.db);
    const now = this.#parts.now();
    const over = rows.filter(({ expires_at }) => expires_at <= now);
    if (over.length > 0 && !this.#closed) {
      const done = await change(this.#parts, async (tx, version) => {
        for (const { id, expires_at } of over) {
          await this.#end(tx, id, { at: expires_at, by: 'gateway', reason: 'it has expired', version });
        }
      });
      if (isRefusal(done)) throw new Error(done.reason);
    }
    await this.#follow();
  }

  #tooLong(for_seconds: number): string | undefined {
    const { seconds_max } = this;
    if (Number.isInteger(for_seconds) && for_seconds >= 1 && for_seconds <= seconds_max) return undefined;
    return `A grant lasts at most ${seconds_max} seconds here (policy.grant_seconds_max), and at least one.`;
  }

  /** A condition may not end the policy and begin another. */
  #unreadable(text: string, id: string): string | undefined {
    const read = readPolicies([{ name: GRANTS_FILE, text }], this.#parts.fulfillable);
    const wrong = [...read.problems, ...this.#check(read)].find(({ severity }) => severity === 'error');
    if (wrong !== undefined) return `The grant is not a valid policy: ${wrong.message}`;
    const [policy, another] = read.policies;
    const one = policy?.id === id && policy.effect === 'permit' && another === undefined;
    return one && policy.json.conditions.length <= 1 ? undefined : 'The condition has to be one Cedar expression.';
  }

  #check(read: PolicyText): PolicyProblem[] {
    return read.problems.length > 0 ? [] : validatePolicies(read, this.#engine.registered);
  }

  #warnings(text: string, { agent, actions, resource }: GrantAsked): string[] {
    const read = readPolicies([{ name: GRANTS_FILE, text }], this.#parts.fulfillable);
    const unknown = this.#check(read).map(({ message }) => `${message}.`);
    const forbids = this.#engine.forbidding(agent, actions, resource);
    const many = forbids.length > 1 ? 'prohibitions' : 'the prohibition';
    return forbids.length === 0
      ? unknown
      : [...unknown, `A grant lifts no prohibition; ${many} ${forbids.join(', ')} may still refuse this.`];
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }
}

function wrongWith({ actions, resource }: GrantAsked): string | undefined {
  const unknown = actions.find((action) => !Object.hasOwn(ACTIONS, action));
  if (unknown !== undefined) return `There is no action ${unknown}; there is ${Object.keys(ACTIONS).join(', ')}.`;
  const others = actions.find((action) => !ACTIONS[action]?.principals.includes('Agent'));
  if (others !== undefined) return `${others} is asked by a server, not by an agent, so it cannot be given to one.`;
  if (!/^[A-Z][A-Za-z]*$/.test(resource.type)) return `${resource.type} is not a type of resource.`;
  return undefined;
}

function grantOf(row: store.GrantRow): Grant {
  const { id, text, reason, given_by, given_at, given_version, expires_at } = row;
  const { ended_at, ended_by, end_reason, ended_version } = row;
  const { agent, actions, resource, when } = JSON.parse(row.asked) as { [K in keyof GrantAsked]: GrantAsked[K] };
  const ended =
    ended_at === null
      ? undefined
      : { at: ended_at, by: ended_by ?? '', why: end_reason ?? '', version: ended_version ?? 0 };
  const asked = { agent, actions, resource, when };
  return {
    id,
    policy: GRANT_PREFIX + id,
    text,
    reason,
    given_by,
    given_at,
    given_version,
    expires_at,
    ended,
    ...asked,
  };
}
