import { createPrivateKey, hash, type KeyObject, randomBytes, sign } from 'node:crypto';
import { type Dispatcher, fetch as fetchFrom, Agent as UndiciAgent } from 'undici';

/** A private key as `agent add` prints it. */
export type AgentKey = { kty: string; crv: string; x: string; y?: string; d: string; kid?: string };

export type AgentClientOptions = {
  /** The agents' public address, which is the issuer. */
  issuer: string;
  agent: string;
  key: AgentKey;
  job?: string;
  /** RFC 8707; the whole gateway without it. */
  resource?: string;
  /** Another key for proofs than the one that authenticates. */
  proofKey?: AgentKey;
  /** From where token requests come: a loopback address, since the token endpoint counts by source. */
  from?: () => string;
};

export type TokenAnswer = { access_token: string; token_type: string; expires_in: number; scope?: string };

/**
 * An agent as its authors would write one: authenticates with `private_key_jwt`, holds a token for one run, makes a proof
 * for each request. Signing takes about 30 µs, so that a bench measures the gateway; `precompute` takes even that away.
 */
export class AgentClient {
  readonly options: AgentClientOptions;
  readonly key: ProofKey;
  readonly #clientKey: ProofKey;
  #token = '';
  #ath = '';
  #ready: { method: string; url: string; proofs: string[] } = { method: '', url: '', proofs: [] };

  constructor(options: AgentClientOptions) {
    this.options = options;
    this.#clientKey = new ProofKey(options.key);
    this.key = options.proofKey === undefined ? this.#clientKey : new ProofKey(options.proofKey);
  }

  static async open(options: AgentClientOptions): Promise<AgentClient> {
    const client = new AgentClient(options);
    await client.renew();
    return client;
  }

  get token(): string {
    return this.#token;
  }

  get claims(): Record<string, unknown> {
    return JSON.parse(Buffer.from(this.#token.split('.')[1] ?? '', 'base64url').toString());
  }

  /** Takes another token; of the same run with `run`. */
  async renew(run?: string): Promise<void> {
    const response = await this.ask(run === undefined ? {} : { run });
    const answer = (await response.json()) as TokenAnswer & { error?: string; error_description?: string };
    if (response.status !== 200) {
      throw new Error(`no token: ${response.status} ${answer.error}: ${answer.error_description}`);
    }
    this.use(answer.access_token);
  }

  use(token: string): void {
    this.#token = token;
    this.#ath = hash('sha256', token, 'base64url');
    this.#ready.proofs = [];
  }

  /** The token request; `extra` overrides parameters, undefined leaves one out. */
  ask(extra: Record<string, string | undefined> = {}, headers: Record<string, string> = {}): Promise<Response> {
    const { issuer, job, resource } = this.options;
    const url = `${issuer}/oauth/token`;
    const form: Record<string, string | undefined> = {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: this.assertion(),
      job,
      resource,
      ...extra,
    };
    const body = new URLSearchParams();
    for (const [name, value] of Object.entries(form)) if (value !== undefined) body.set(name, value);
    const init = { method: 'POST', body, headers: { dpop: this.key.proof('POST', url), ...headers } };
    const { from } = this.options;
    if (from === undefined) return fetch(url, init);
    return fetchFrom(url, { ...init, dispatcher: sourceAt(from()) }) as unknown as Promise<Response>;
  }

  assertion(claims: Record<string, unknown> = {}): string {
    const now = Math.floor(Date.now() / 1000);
    const { agent, issuer } = this.options;
    const jti = randomBytes(16).toString('base64url');
    return this.#clientKey.jwt(
      { alg: this.#clientKey.algorithm },
      { iss: agent, sub: agent, aud: issuer, jti, iat: now, exp: now + 60, ...claims },
    );
  }

  /** What goes with one request. */
  headers(method: string, url: string): { authorization: string; dpop: string } {
    return { authorization: `DPoP ${this.#token}`, dpop: this.proof(method, url) };
  }

  proof(method: string, url: string): string {
    const ready = this.#ready;
    if (ready.proofs.length > 0 && ready.method === method && ready.url === url) return ready.proofs.pop()!;
    return this.key.proof(method, url, this.#ath);
  }

  /** Makes proofs before they are needed; they are good for a minute. */
  precompute(count: number, method: string, url: string): void {
    const proofs = Array.from({ length: count }, () => this.key.proof(method, url, this.#ath));
    this.#ready = { method, url, proofs };
  }

  fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const method = init.method ?? 'GET';
    return fetch(url, { ...init, headers: { ...init.headers, ...this.headers(method, url) } });
  }
}

const sources = new Map<string, Dispatcher>();

function sourceAt(localAddress: string): Dispatcher {
  const known = sources.get(localAddress) ?? new UndiciAgent({ localAddress });
  sources.set(localAddress, known);
  return known;
}

const SIGNATURES = { 'P-256': 'ES256', Ed25519: 'EdDSA' } as const;

/** Signs JWTs with one key. */
export class ProofKey {
  readonly algorithm: 'ES256' | 'EdDSA';
  readonly publicJwk: Record<string, string>;
  readonly #key: KeyObject;
  readonly #header: string;
  readonly #prefix = randomBytes(12).toString('base64url');
  #count = 0;

  constructor(key: AgentKey) {
    const { kty, crv, x, y } = key;
    this.algorithm = SIGNATURES[crv as keyof typeof SIGNATURES];
    this.publicJwk = { kty, crv, x, ...(y === undefined ? {} : { y }) };
    this.#key = createPrivateKey({ key: { ...key }, format: 'jwk' });
    this.#header = encode({ typ: 'dpop+jwt', alg: this.algorithm, jwk: this.publicJwk });
  }

  /** A proof as RFC 9449, section 4.2 has it; `ath` where it goes with a token. */
  proof(method: string, url: string, ath?: string): string {
    const jti = `${this.#prefix}${(this.#count++).toString(36)}`;
    const iat = Math.floor(Date.now() / 1000);
    const claims = ath === undefined ? { jti, htm: method, htu: url, iat } : { jti, htm: method, htu: url, iat, ath };
    return this.#sign(`${this.#header}.${encode(claims)}`);
  }

  /** Any JWT by this key. */
  jwt(header: object, claims: object): string {
    return this.#sign(`${encode(header)}.${encode(claims)}`);
  }

  #sign(signed: string): string {
    const data = Buffer.from(signed);
    const signature =
      this.algorithm === 'ES256'
        ? sign('sha256', data, { key: this.#key, dsaEncoding: 'ieee-p1363' })
        : sign(null, data, this.#key);
    return `${signed}.${signature.toString('base64url')}`;
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
