import { createPublicKey, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Hop, hopDigest, readHop, signHop } from '../../src/controls/identity/delegation/hop.ts';
import type { SigningJwk } from '../../src/controls/identity/index.ts';
import { newId } from '../../src/core/ids.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { AgentClient, ProofKey } from './agent-client.ts';
import type { World } from './world.ts';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
export const DELEGATION = 'urn:sallyport:oauth:token-type:delegation';

export type Details = {
  actions?: readonly string[];
  resources?: readonly string[];
  budgets?: Readonly<Record<string, number>>;
};

/** An agent's part in a delegation: it lends what it has, and redeems what it was lent. */
export class Delegate {
  readonly agent: AgentClient;

  constructor(agent: AgentClient) {
    this.agent = agent;
  }

  /** A grant for `to`, or the code of the refusal. */
  lend(to: string, details: Details | undefined, seconds?: number, token = this.agent.token): Promise<Granted> {
    return this.#exchange({
      subject_token: token,
      subject_token_type: ACCESS_TOKEN,
      requested_token_type: DELEGATION,
      audience: to,
      authorization_details:
        details === undefined ? undefined : JSON.stringify([{ type: 'sallyport_delegation', ...details }]),
      expires_in: seconds === undefined ? undefined : String(seconds),
    });
  }

  /** The token of a grant. */
  redeem(grant: string, extra: Record<string, string | undefined> = {}): Promise<Granted> {
    return this.#exchange({
      subject_token: grant,
      subject_token_type: DELEGATION,
      actor_token: this.agent.token,
      actor_token_type: ACCESS_TOKEN,
      ...extra,
    });
  }

  /** Itself, acting by a token of the chain. */
  acting(token: string): AgentClient {
    const acting = new AgentClient(this.agent.options);
    acting.use(token);
    return acting;
  }

  async #exchange(form: Record<string, string | undefined>): Promise<Granted> {
    const response = await this.agent.ask({ grant_type: EXCHANGE, resource: undefined, ...form });
    const answer = (await response.json()) as { access_token?: string; error?: string; error_description?: string };
    const code = answer.error === 'invalid_grant' ? /^(\w+): /.exec(answer.error_description ?? '')?.[1] : undefined;
    return { token: answer.access_token, code: code ?? answer.error, said: JSON.stringify(answer) };
  }
}

export type Granted = { token: string | undefined; code: string | undefined; said: string };

/** Two hundred addresses, so that the token endpoint's bound of one source is none of a test's. */
export function manySources(): () => string {
  let at = 0;
  return () => `127.0.1.${(at++ % 200) + 1}`;
}

/** Who holds the gateway's signing key and its database: what is signed and stored is then whatever they like. */
export class Insider {
  readonly #key: SigningJwk;
  readonly #issuer: string;
  readonly #file: string;

  constructor(world: World) {
    const folder = join(world.folder, '.sallyport');
    this.#key = JSON.parse(readFileSync(join(folder, 'keys', 'token-signing.jwk'), 'utf8')) as SigningJwk;
    this.#file = join(folder, 'sallyport.db');
    this.#issuer = world.public_url;
  }

  token(claims: Record<string, unknown>): string {
    return new ProofKey(this.#key).jwt({ typ: 'at+jwt', alg: 'ES256', kid: this.#key.kid }, claims);
  }

  sign(hop: Hop): string {
    return signHop(hop, this.#issuer, this.#key);
  }

  read(grant: string): Hop {
    const key = createPublicKey({ key: { ...this.#key }, format: 'jwk' });
    const hop = readHop(grant, { issuer: this.#issuer, signingKey: () => key });
    if (isRefusal(hop)) throw new Error(hop.reason);
    return hop;
  }

  /** Signs a hop and puts it where the gateway keeps what it granted. */
  plant(hop: Hop): string {
    const signed = this.sign(hop);
    const { id, actor, issued_at, expires_at } = hop;
    this.change(
      `insert into identity_delegations (id, parent, actor, run, signed, issued_at, expires_at)
       values (?, ?, ?, null, ?, ?, ?)`,
      [id, hop.parent?.id ?? null, actor, signed, issued_at, expires_at],
    );
    return signed;
  }

  receipt(id: string): Record<string, unknown> {
    const db = new DatabaseSync(this.#file, { readOnly: true });
    const row = db.prepare('select body from audit_receipts where id = ?').get(id) as { body: string };
    db.close();
    return JSON.parse(row.body) as Record<string, unknown>;
  }

  change(sql: string, values: (string | number | null)[]): void {
    const db = new DatabaseSync(this.#file);
    db.exec('pragma busy_timeout = 5000');
    db.prepare(sql).run(...values);
    db.close();
  }
}

/** Another hop after `grant`, as its actor could have lent it; `bent` is what is wrong with it. */
export function nextHop(insider: Insider, grant: string, run: string, to: string, bent: Partial<Hop> = {}): Hop {
  const before = insider.read(grant);
  return {
    ...before,
    id: newId('dlg', (length) => randomBytes(length)),
    parent: { id: before.id, digest: hopDigest(grant) },
    lender: { kind: 'agent', id: before.actor, generation: before.generation, run },
    actor: to,
    depth: before.depth + 1,
    ...bent,
  };
}
