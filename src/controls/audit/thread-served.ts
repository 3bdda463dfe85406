import type { MessagePort } from 'node:worker_threads';
import { type Database, openDatabase, StorageError, Turns } from '../../storage/index.ts';
import type { IntentDraft, LedgerOptions, OutcomeDraft, RefusalDraft } from './contract.ts';
import { directoryFiles } from './files.ts';
import { openLedger, type WorkingLedger } from './ledger.ts';
import type { Calls, FromThread, Item, Result, ThreadSettings, ToThread } from './thread-messages.ts';

/** What the thread's ledger has of others: their code, in this thread. */
export type ThreadParts = Pick<LedgerOptions, 'clock' | 'random' | 'claimProofs'> & {
  stateVersion: (db: Database) => LedgerOptions['stateVersion'];
};

/** What a ledger's thread runs: a ledger on a connection of its own, spoken to by messages, until it is closed. */
export async function serveLedger(port: MessagePort, settings: ThreadSettings, parts: ThreadParts): Promise<void> {
  const served = new ServedLedger(port, settings);
  await served.open(parts);
}

/** What the ledger is asked, once it is open. */
type Request = Exclude<ToThread, { kind: 'take' | 'pass' | 'posted' }>;

class ServedLedger {
  readonly #port: MessagePort;
  readonly #settings: ThreadSettings;
  /** This thread keeps the order of all who write. */
  readonly #turns = new Turns();
  readonly #posts = new Map<number, (result: Result) => void>();
  readonly #early: Request[] = [];
  #config_digest: string;
  #ledger!: WorkingLedger;
  #close!: () => Promise<void>;
  #answers: [number, unknown][] = [];
  #read = 0;
  #posted = 0;
  #standing = '';

  constructor(port: MessagePort, settings: ThreadSettings) {
    this.#port = port;
    this.#settings = settings;
    this.#config_digest = settings.config_digest;
  }

  async open(parts: ThreadParts): Promise<void> {
    const { path, folder, high_water, witnesses, replica, build, origin, keys, reserve_bytes, missed } = this.#settings;
    // Before anything is written: the other thread may ask for its turn already.
    this.#port.on('message', (message: ToThread) => this.#onMessage(message));
    const place = { url: `sqlite:${path}`, clock: parts.clock };
    const db = await openDatabase({ ...place, turns: this.#turns, alone: true });
    this.#ledger = await openLedger({
      ...parts,
      stateVersion: parts.stateVersion(db),
      ...{ db, replica, build, origin, keys, missed },
      ...(reserve_bytes === undefined ? {} : { reserve_bytes }),
      config_digest: () => this.#config_digest,
      files: directoryFiles(folder),
      ...(high_water === undefined ? {} : { high_water: directoryFiles(high_water) }),
      ...(witnesses && { witnesses: { ...witnesses, post: (url, body) => this.#post(url, body) } }),
      changed: () => this.#tell(),
      report: (problem, error) => this.#send({ kind: 'report', problem, reason: reasonOf(error) }),
    });
    this.#close = async () => {
      await this.#ledger.close();
      await db.close();
    };
    this.#tell();
    this.#send({ kind: 'ready' });
    for (const message of this.#early.splice(0)) this.#onRequest(message);
  }

  #onMessage(message: ToThread): void {
    switch (message.kind) {
      case 'take':
        void Promise.resolve(this.#turns.take()).then(() => this.#send({ kind: 'taken' }));
        break;
      case 'pass':
        this.#turns.pass();
        break;
      case 'posted':
        this.#posts.get(message.number)?.(message.result);
        this.#posts.delete(message.number);
        break;
      case 'items':
      case 'floods':
      case 'call':
      case 'touch':
        // After a crash exchanges go on ending while the ledger is opened anew.
        if (this.#ledger === undefined) this.#early.push(message);
        else this.#onRequest(message);
    }
  }

  #onRequest(message: Request): void {
    switch (message.kind) {
      case 'items':
        this.#read += 1;
        this.#config_digest = message.config_digest;
        this.#begin(JSON.parse(message.items) as Item[], message.first);
        break;
      case 'floods':
        for (const flood of message.floods) this.#ledger.flood(flood);
        break;
      case 'call':
        void this.#call(message.number, message.method, message.args);
        break;
      case 'touch':
        this.#ledger.touch();
        break;
    }
  }

  #begin(items: readonly Item[], first: number): void {
    for (const [at, [method, draft]] of items.entries()) {
      void this.#item(method, draft).then((result) => this.#answer(first + at, result));
    }
  }

  #item(method: Item[0], draft: unknown): Promise<unknown> {
    switch (method) {
      case 'intent':
        return this.#ledger.intent(draft as IntentDraft);
      case 'outcome':
        return this.#ledger.outcome(draft as OutcomeDraft);
      case 'refusal':
        return this.#ledger.refusal(draft as RefusalDraft);
    }
  }

  /** All that one commit answers goes in one message: they resolve one after another, before the next tick. */
  #answer(number: number, result: unknown): void {
    if (this.#answers.length === 0) process.nextTick(() => this.#flush());
    this.#answers.push([number, result]);
  }

  #flush(): void {
    this.#send({ kind: 'answers', answers: JSON.stringify(this.#answers), read: this.#read });
    this.#answers = [];
  }

  async #call(number: number, method: keyof Calls, args: unknown[]): Promise<void> {
    const result = await settled(() => this.#method(method, args));
    this.#tell();
    this.#send({ kind: 'called', number, result });
  }

  #method(method: keyof Calls, args: unknown[]): Promise<unknown> {
    const calls: Calls = {
      control: (draft) => this.#ledger.control(undefined, draft),
      proof: (receipt) => this.#ledger.proof(receipt),
      erase: (receipts, by) => this.#ledger.erase(receipts, by),
      fork: (by) => this.#ledger.fork(by),
      drain: () => this.#ledger.drain(),
      close: () => this.#close(),
    };
    return (calls[method] as (...given: unknown[]) => Promise<unknown>)(...args);
  }

  /** Sockets are the other thread's. */
  async #post(url: string, body: string): Promise<{ status: number; type: string; body: string }> {
    this.#posted += 1;
    const number = this.#posted;
    this.#send({ kind: 'post', number, url, body });
    const result = await new Promise<Result>((resolve) => this.#posts.set(number, resolve));
    if ('failure' in result) throw new Error(result.failure);
    return result.value as { status: number; type: string; body: string };
  }

  #tell(): void {
    if (this.#ledger === undefined) return;
    const standing = { status: this.#ledger.status(), checkpoint: this.#ledger.checkpoint() };
    const text = JSON.stringify(standing);
    if (text === this.#standing) return;
    this.#standing = text;
    this.#send({ kind: 'standing', standing });
  }

  #send(message: FromThread): void {
    this.#port.postMessage(message);
  }
}

/** A failure as it can be told to another thread. */
export async function settled(work: () => Promise<unknown>): Promise<Result> {
  try {
    return { value: await work() };
  } catch (error) {
    return { failure: reasonOf(error), storage: error instanceof StorageError ? error.kind : undefined };
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
