import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import { isStorageError, type Transaction } from '../../storage/index.ts';
import type { Engine } from './engine.ts';
import { loadPolicies, watchFolder } from './folder.ts';
import { compareSets } from './narrowing.ts';
import type { PolicyParts } from './open.ts';
import { createPolicySet } from './policy-set.ts';
import { digestOf, type PolicyText, readPolicies } from './source.ts';
import * as store from './store.ts';
import type { ActiveSet, PolicyListing, PolicyProblem, PolicySets, PolicyStatus, Proposal } from './types.ts';
import { validatePolicies } from './validate.ts';

/** The topic of policy's changes in the state's version. */
const TOPIC = 'policy';
const RETRY_MS = 5_000;
const NEVER: ActiveSet = {
  digest: '',
  activated_by: 'nobody',
  why: 'no policy set has been activated',
  activated_at: 0,
};

const NO_POLICIES: PolicyProblem = {
  severity: 'error',
  file: '.',
  line: 1,
  column: 1,
  policy: undefined,
  message: 'the folder holds no policies, so what was active stays active',
  help: 'To stop everything at once: sallyport kill all.',
};

/**
 * The sets' life. What decides is what the database names as active; the folder only proposes. So every replica decides
 * alike, and whoever can write the folder cannot widen by it.
 */
export class Sets implements PolicySets {
  readonly #parts: PolicyParts;
  readonly #engine: Engine;
  #active: ActiveSet = NEVER;
  #text: PolicyText;
  #folderProblems: readonly PolicyProblem[] = [];
  /** Problems of the active set against the catalogs it was checked with. */
  #checked: { registered: unknown; digest: string; problems: readonly PolicyProblem[] } | undefined;
  #proposed: string | undefined;
  #work: Promise<unknown> = Promise.resolve();
  #following: Promise<void> = Promise.resolve();
  readonly #ends: (() => void)[] = [];
  #endRetry: () => void = () => {};
  #closed = false;

  constructor(parts: PolicyParts, engine: Engine, text: PolicyText) {
    this.#parts = parts;
    this.#engine = engine;
    this.#text = text;
  }

  async start(): Promise<void> {
    await this.#follow();
    this.#ends.push(
      this.#parts.state.onChange(async (_version, topics) => {
        if (topics.has(TOPIC)) await this.#follow();
      }),
    );
    await this.#inTurn(() => this.#readFolder('start'));
    if (!this.#parts.watch) return;
    this.#ends.push(watchFolder(this.#parts.folder, this.#parts.clock, () => this.#takeUp()));
    this.#ends.push(() => this.#endRetry());
  }

  /** An edit that could not be made durable is tried again: nobody will touch the file a second time for us. */
  #takeUp(): void {
    this.#endRetry();
    this.reload().catch((error: unknown) => {
      this.#parts.report('the policy folder could not be taken over', error);
      if (this.#closed) return;
      this.#endRetry = this.#parts.clock.after(RETRY_MS, () => this.#takeUp());
    });
  }

  status(): PolicyStatus {
    const policies = this.#text.policies.length;
    const compiled = this.#listing.filter((policy) => policy.compiled).length;
    const problems = [...this.#folderProblems, ...this.#activeProblems()];
    return { active: this.#active, evaluator: this.#engine.evaluator, policies, compiled, problems };
  }

  list(): readonly PolicyListing[] {
    return this.#listing;
  }

  async proposals(): Promise<readonly Proposal[]> {
    const waiting = await store.readProposals(this.#parts.db);
    return waiting.map(({ digest, files, proposed_at }) => {
      const { policies } = readPolicies(files, this.#parts.fulfillable);
      return { digest, proposed_at, ...compareSets(this.#text.policies, policies) };
    });
  }

  activate(digest: string, by: string, why: string): Promise<ActiveSet | Refusal> {
    return this.#inTurn(async () => {
      const [found, other] = await store.findSets(this.#parts.db, digest);
      if (found === undefined) return refuse('not_found', `no policy set ${digest} has been proposed or was active`);
      if (other !== undefined) return refuse('input_invalid', `more than one policy set begins with ${digest}`);
      const text = readPolicies(found.files, this.#parts.fulfillable);
      const wrong = text.problems.find(isError);
      if (wrong !== undefined) return refuse('input_invalid', `${wrong.file}:${wrong.line}: ${wrong.message}`);
      return this.#activate(found, by, why);
    });
  }

  async reload(): Promise<PolicyStatus> {
    await this.#inTurn(() => this.#readFolder('edit'));
    return this.status();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const end of this.#ends) end();
    await this.#inTurn(async () => undefined);
  }

  /** One after another: an edit that arrives while a set is being activated is compared with the new one. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#work.then(work, work);
    this.#work = turn.catch(() => undefined);
    return turn;
  }

  /** One after another, so that an answer that was read earlier never replaces a later one. */
  #follow(): Promise<void> {
    this.#following = this.#following.then(
      () => this.#takeOver(),
      () => this.#takeOver(),
    );
    return this.#following;
  }

  /** Takes over what the database names. A throw here lets the lease lapse: better no decision than one of an old set. */
  async #takeOver(): Promise<void> {
    const active = await store.readActive(this.#parts.db);
    if (active === undefined || active.digest === this.#active.digest) return;
    const [stored] = await store.findSets(this.#parts.db, active.digest);
    if (stored === undefined) throw new Error(`the active policy set ${active.digest} is not in the database`);
    const text = readPolicies(stored.files, this.#parts.fulfillable);
    const wrong = text.problems.find(isError);
    if (wrong !== undefined || digestOf(stored.files) !== active.digest) {
      throw new Error(
        `the active policy set ${active.digest} cannot be loaded: ${wrong?.message ?? 'its digest is wrong'}`,
      );
    }
    this.#engine.use(createPolicySet(text));
    this.#text = text;
    this.#active = active;
  }

  async #readFolder(occasion: 'start' | 'edit'): Promise<void> {
    const { files, problems } = await loadPolicies(this.#parts.folder);
    const text = readPolicies(files, this.#parts.fulfillable);
    const found = [...problems, ...text.problems];
    // An empty folder is a disk that is not mounted more often than a wish; stopping everything has its own verb.
    if (!found.some(isError) && text.policies.length === 0) found.push(NO_POLICIES);
    if (!found.some(isError)) found.push(...validatePolicies(text, this.#engine.registered));
    const set = { digest: digestOf(files), files };
    const isActive = set.digest === this.#active.digest;
    // What is active is reported by `#activeProblems`, against the catalogs of that moment.
    this.#folderProblems = isActive ? [] : found;
    if (isActive) return this.#withdraw();
    const wrong = found.find(isError);
    if (wrong !== undefined) return this.#reportBad(wrong, found.filter(isError).length);
    const reason = await this.#reasonToActivate(set.digest, text, occasion);
    if (reason === undefined) return this.#propose(set);
    const done = await this.#activate(set, 'gateway', reason, this.#active.digest);
    if (!isRefusal(done)) return;
    if (done.code !== 'state_changed') throw new Error(done.reason);
    // Another replica was quicker: what would this folder change about its set?
    await this.#follow();
    return this.#readFolder('start');
  }

  #reportBad({ file, line, column, message }: PolicyProblem, errors: number): void {
    const more = errors > 1 ? ` and ${errors - 1} more` : '';
    const error = new Error(`${file}:${line}:${column}: ${message}${more}`);
    this.#parts.report('the policy folder was not taken over; what was active stays active', error);
  }

  /**
   * At start a set that is known already is not an edit: another replica's older folder must not undo what a person has
   * activated since.
   */
  async #reasonToActivate(digest: string, text: PolicyText, occasion: 'start' | 'edit'): Promise<string | undefined> {
    if (this.#active === NEVER) return 'the first policy set of this gateway';
    if (this.#parts.activation() === 'file') return 'policy.activation is file';
    if (compareSets(this.#text.policies, text.policies).widens.length > 0) return undefined;
    if (occasion === 'start' && (await store.isStored(this.#parts.db, digest))) return undefined;
    return 'the edit takes away only';
  }

  /** @param instead digest of the set that the reason was judged against; '' for none. Another one stops it. */
  async #activate(set: store.StoredSet, by: string, why: string, instead?: string): Promise<ActiveSet | Refusal> {
    const done = await this.#transact(async (tx) => {
      await this.#parts.state.bump(tx, TOPIC);
      const before = (await store.readActive(tx))?.digest ?? '';
      if (instead !== undefined && before !== instead) return refuse('state_changed', 'another set became active');
      const active = { digest: set.digest, activated_by: by, why, activated_at: await tx.now() };
      await store.storeSet(tx, set);
      await store.writeActive(tx, active);
      await this.#parts.record(tx, {
        event: 'policy.activate',
        by,
        subject: set.digest,
        before: before === '' ? null : before,
        after: set.digest,
        payload: { why },
      });
      return active;
    });
    if (isRefusal(done)) return done;
    this.#folderProblems = [];
    await this.#follow();
    return done;
  }

  async #propose(set: store.StoredSet): Promise<void> {
    const earlier = this.#proposed;
    const done = await this.#transact(async (tx) => {
      if (earlier !== undefined && earlier !== set.digest) await store.withdrawProposal(tx, earlier);
      await store.storeSet(tx, set);
      if (!(await store.writeProposal(tx, set.digest))) return;
      const { digest } = this.#active;
      await this.#parts.record(tx, {
        event: 'policy.propose',
        by: 'gateway',
        subject: set.digest,
        before: digest,
        after: set.digest,
      });
    });
    if (isRefusal(done)) throw new Error(done.reason);
    this.#proposed = set.digest;
  }

  /** The folder is back at what is active: what it proposed meanwhile is nobody's wish any more. */
  async #withdraw(): Promise<void> {
    const earlier = this.#proposed;
    if (earlier === undefined) return;
    const done = await this.#transact((tx) => store.withdrawProposal(tx, earlier));
    if (isRefusal(done)) throw new Error(done.reason);
    this.#proposed = undefined;
  }

  async #transact<T>(work: (tx: Transaction) => Promise<T>): Promise<T | Refusal> {
    try {
      return await this.#parts.db.transaction(work);
    } catch (error) {
      if (!isStorageError(error)) throw error;
      return refuse('log_unavailable', `the change of policy could not be made durable: ${error.message}`);
    }
  }

  #activeProblems(): readonly PolicyProblem[] {
    const { registered } = this.#engine;
    if (this.#checked?.registered !== registered || this.#checked.digest !== this.#active.digest) {
      const problems = validatePolicies(this.#text, registered);
      this.#checked = { registered, digest: this.#active.digest, problems };
    }
    return this.#checked.problems;
  }

  get #listing(): readonly PolicyListing[] {
    return this.#engine.list();
  }
}

function isError(problem: PolicyProblem): boolean {
  return problem.severity === 'error';
}
