import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import type { Engine } from './engine.ts';
import { loadPolicies, watchFolder } from './folder.ts';
import { activate, storeFolder, wasRolledBack } from './life/activation.ts';
import { setCanary } from './life/canary.ts';
import { type Candidate, countsOf, digestOfTests, failuresOf, isError } from './life/candidate.ts';
import { TOPIC, transact } from './life/change.ts';
import { OpenGrants } from './life/grants.ts';
import * as proposals from './life/proposals.ts';
import type { CanaryRow } from './life/store.ts';
import * as life from './life/store.ts';
import { detailOf, findFolder, readHistory, type StoredFolder, type VersionDetail } from './life/versions.ts';
import { compareSets } from './narrowing.ts';
import type { PolicyParts } from './open.ts';
import { createPolicySet, type PolicySet } from './policy-set.ts';
import { digestOf, type PolicyText, readPolicies } from './source.ts';
import * as store from './store.ts';
import type {
  ActiveSet,
  PolicyFile,
  PolicyListing,
  PolicyProblem,
  PolicySets,
  PolicyStatus,
  Proposal,
  Proposed,
  TestRun,
} from './types.ts';
import { validateInTurns, validatePolicies } from './validate.ts';

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
  readonly grants: OpenGrants;
  #active: ActiveSet = NEVER;
  #text: PolicyText;
  /** Sets that decide, by digest: what stays is not made again. */
  #loaded = new Map<string, PolicySet>();
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
    this.grants = new OpenGrants(parts, engine, () => this.#follow());
  }

  async start(): Promise<void> {
    await this.#follow();
    this.#ends.push(
      this.#parts.state.onChange(async (_version, topics) => {
        if (topics.has(TOPIC)) await this.#follow();
      }),
    );
    if (this.#parts.source() === 'console' && this.#active !== NEVER) return;
    await this.#inTurn(() => this.#readFolder('start'));
    if (!this.#parts.watch || this.#parts.source() === 'console') return;
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
    return waiting.map(({ digest, files, proposed_at, proposed_by }) => {
      const { policies } = readPolicies(files, this.#parts.fulfillable);
      return { digest, proposed_at, proposed_by, ...compareSets(this.#text.policies, policies) };
    });
  }

  async versions() {
    const { db, source, two_persons } = this.#parts;
    return { source: source(), two_persons: two_persons(), ...(await readHistory(db)) };
  }

  async version(digest: string, against = this.#active.digest): Promise<VersionDetail | Refusal> {
    const folder = await findFolder(this.#parts.db, digest);
    if (isRefusal(folder)) return folder;
    const other = await findFolder(this.#parts.db, against);
    if (isRefusal(other)) return other;
    const { versions } = await readHistory(this.#parts.db);
    const version = versions.find((one) => one.digest === folder.digest);
    if (version === undefined) return refuse('not_found', `nobody has proposed the set ${digest}`);
    return detailOf(version, folder, other, this.#parts.fulfillable);
  }

  propose(candidate: Candidate, how: proposals.How): Promise<Proposed | Refusal> {
    return this.#inTurn(async () => {
      const done = await proposals.propose(this.#parts, this.#engine, candidate, how);
      if (isRefusal(done) || done.kind !== 'written') return done;
      await this.#readFolder('edit', how);
      return proposals.stands(this.#parts, done.digest);
    });
  }

  test(candidate: Candidate, cases?: readonly PolicyFile[]): Promise<TestRun | Refusal> {
    return proposals.test(this.#parts, this.#engine, candidate, cases);
  }

  activate(digest: string, by: string, why: string): Promise<ActiveSet | Refusal> {
    return this.#inTurn(async () => {
      const set = await this.#findSound(digest);
      return isRefusal(set) ? set : this.#activate({ set, by, why, how: 'activate' });
    });
  }

  rollback(by: string, why: string): Promise<ActiveSet | Refusal> {
    return this.#inTurn(async () => {
      const { before } = await readHistory(this.#parts.db);
      const none = 'There is no version before this one.';
      if (before === undefined) return refuse('not_found', none, { public: none });
      const set = await this.#findSound(before);
      if (isRefusal(set)) return set;
      return this.#activate({ set, by, why, how: 'rollback', instead: this.#active.digest });
    });
  }

  canary(
    { digest, share_ppm }: { digest?: string | undefined; share_ppm: number },
    by: string,
    why: string,
  ): Promise<CanaryRow | undefined | Refusal> {
    return this.#inTurn(async () => {
      const set = digest === undefined ? undefined : await this.#findSound(digest);
      if (isRefusal(set)) return set;
      const done = await setCanary(this.#parts, { set, share_ppm, by, why });
      await this.#follow();
      return done;
    });
  }

  /** A set that is known, and that this version can still load. */
  async #findSound(digest: string): Promise<StoredFolder | Refusal> {
    const found = await findFolder(this.#parts.db, digest);
    if (isRefusal(found)) return found;
    const wrong = readPolicies(found.policies, this.#parts.fulfillable).problems.find(isError);
    return wrong === undefined ? found : refuse('input_invalid', `${wrong.file}:${wrong.line}: ${wrong.message}`);
  }

  async reload(): Promise<PolicyStatus> {
    await this.#inTurn(() => this.#readFolder('edit'));
    return this.status();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const end of this.#ends) end();
    this.grants.close();
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
    const { db } = this.#parts;
    const active = await store.readActive(db);
    if (active === undefined) return;
    const canary = await life.readCanary(db);
    const open = await this.grants.read(db);
    const set = await this.#load(active.digest);
    const other = canary === undefined ? undefined : await this.#load(canary.digest);
    this.#loaded = new Map([set, ...(other === undefined ? [] : [other])].map((one) => [one.digest, one]));
    this.#engine.use(set, canary && other && { set: other, share_ppm: canary.share_ppm }, open);
    // With another set all proposals went: they were made against the one before.
    if (active.digest !== this.#active.digest) this.#proposed = undefined;
    this.#text = set.text;
    this.#active = active;
  }

  async #load(digest: string): Promise<PolicySet> {
    const known = this.#loaded.get(digest);
    if (known !== undefined) return known;
    const [stored] = await store.findSets(this.#parts.db, digest);
    if (stored === undefined) throw new Error(`the active policy set ${digest} is not in the database`);
    const text = readPolicies(stored.files, this.#parts.fulfillable);
    const wrong = text.problems.find(isError);
    if (wrong !== undefined || digestOf(stored.files) !== digest) {
      throw new Error(`the active policy set ${digest} cannot be loaded: ${wrong?.message ?? 'its digest is wrong'}`);
    }
    return createPolicySet(text);
  }

  /** @param author who edits the folder through this gateway; undefined where nobody is known but that they could. */
  async #readFolder(occasion: 'start' | 'edit', author?: proposals.How): Promise<void> {
    const { files, problems } = await loadPolicies(this.#parts.folder);
    const cases = await loadPolicies(this.#parts.folder, '.test.yaml');
    const set = { digest: digestOf(files), policies: files, tests: cases.files };
    const isActive = set.digest === this.#active.digest;
    const found = [...problems, ...cases.problems];
    const tested = isActive && found.length === 0 && (await this.#isTested(set));
    const text = readPolicies(files, this.#parts.fulfillable);
    if (!tested) found.push(...(await this.#problemsOf(set, text, found)));
    // What is active is reported by `#activeProblems`, against the catalogs of that moment.
    this.#folderProblems = isActive ? found.filter(({ file }) => file.endsWith('.test.yaml')) : found;
    if (isActive) return this.#withdraw();
    const wrong = found.find(isError);
    if (wrong !== undefined) return this.#reportBad(wrong, found.filter(isError).length);
    if (set.digest === this.#proposed) return;
    const reason = author === undefined ? await this.#reasonToActivate(set.digest, text, occasion) : this.#byFile();
    if (reason === undefined) return this.#propose(set, author);
    const done = await this.#activate({
      ...{ set, by: 'gateway', why: reason, how: 'activate', instead: this.#active.digest },
      author: author?.by ?? 'folder',
    });
    if (!isRefusal(done)) return;
    if (done.code !== 'state_changed') throw new Error(done.reason);
    // Another replica was quicker: what would this folder change about its set?
    await this.#follow();
    return this.#readFolder('start', author);
  }

  /** @param found before the texts were looked at: a file that cannot be read makes a set that nobody wrote. */
  async #problemsOf(set: StoredFolder, text: PolicyText, found: readonly PolicyProblem[]): Promise<PolicyProblem[]> {
    const problems = [...text.problems];
    const isWrong = () => [...found, ...problems].some(isError);
    // An empty folder is a disk that is not mounted more often than a wish; stopping everything has its own verb.
    if (!isWrong() && text.policies.length === 0) problems.push(NO_POLICIES);
    if (!isWrong()) {
      const { registered } = this.#engine;
      problems.push(...(await validateInTurns(text, registered, proposals.turn)));
    }
    if (!isWrong()) problems.push(...failuresOf(set));
    return problems;
  }

  /** The cases of what is active have passed, unless the folder has others by now; then those are kept once they pass. */
  async #isTested(set: StoredFolder): Promise<boolean> {
    const version = await life.readVersion(this.#parts.db, set.digest);
    if (version === undefined || digestOfTests(version.tests) === digestOfTests(set.tests)) return true;
    if (failuresOf(set).length > 0) return false;
    const { author, reason, base } = version;
    await transact(this.#parts, (tx) => storeFolder(tx, set, { author, reason, base, ...countsOf(set) }));
    return true;
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
    // A person went back from it; only a person goes there again.
    if (await wasRolledBack(this.#parts.db, digest)) return undefined;
    if (this.#byFile() !== undefined) return this.#byFile();
    if (compareSets(this.#text.policies, text.policies).widens.length > 0) return undefined;
    if (occasion === 'start' && (await store.isStored(this.#parts.db, digest))) return undefined;
    return 'the edit takes away only';
  }

  #byFile(): string | undefined {
    return this.#parts.activation() === 'file' ? 'policy.activation is file' : undefined;
  }

  async #activate(asked: Parameters<typeof activate>[1]): Promise<ActiveSet | Refusal> {
    const done = await activate(this.#parts, asked);
    if (isRefusal(done)) return done;
    this.#folderProblems = [];
    await this.#follow();
    return done;
  }

  async #propose(set: StoredFolder, author?: proposals.How): Promise<void> {
    const earlier = this.#proposed === set.digest ? undefined : this.#proposed;
    const by = author?.by ?? 'folder';
    const done = await transact(this.#parts, async (tx) => {
      if (earlier !== undefined) await store.withdrawProposal(tx, earlier);
      await proposals.store(this.#parts, tx, { set, base: this.#active.digest, by, why: author?.why ?? '' });
    });
    if (isRefusal(done)) throw new Error(done.reason);
    this.#proposed = set.digest;
  }

  /** The folder is back at what is active: what it proposed meanwhile is nobody's wish any more. */
  async #withdraw(): Promise<void> {
    const earlier = this.#proposed;
    if (earlier === undefined) return;
    const done = await transact(this.#parts, (tx) => store.withdrawProposal(tx, earlier));
    if (isRefusal(done)) throw new Error(done.reason);
    this.#proposed = undefined;
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
