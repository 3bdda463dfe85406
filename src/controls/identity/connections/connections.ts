import { hash } from 'node:crypto';
import { andThen } from '../../../core/and-then.ts';
import type { Subject } from '../../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { CredentialAnswer, OnBehalf, UpstreamCredential } from '../../../core/upstream-credential.ts';
import { BoundedMap } from '../bounded-map.ts';
import { digestOf } from '../digest.ts';
import type { Vault } from '../vault/contract.ts';
import { type Challenge, readChallenge } from './challenge.ts';
import { type Connection, type Connections, type ConnectSource, GATEWAY } from './contract.ts';
import { beginFlow, type FlowParts, finishFlow, type Made, namesTokenEndpoint } from './flow.ts';
import {
  deleteConnection,
  findChallenge,
  findConnection,
  findForLists,
  listConnections,
  listLeft,
  putConnection,
  saveChallenge,
} from './store.ts';

export type ConnectionParts = FlowParts & { vault: Vault; console_url(): string };

type Found = UpstreamCredential | Refusal | undefined;
type Kept = { connection: Connection | undefined };

const KEPT_MAX = 10_000;
/** What the vault says where the person has to sign in again. */
const OVER: ReadonlySet<string> = new Set(['connection_missing', 'upstream_credential_missing']);
/** The key of what a server said to whoever showed nothing, beside what it said of single holders. */
const ANYBODY = '';

/**
 * Servers at which each person signs in by themselves, with a browser, once: the gateway keeps what it is given there in the
 * vault, for runs in that person's name, and asks them again when the server wants more or the connection is over.
 */
export function openConnections(parts: ConnectionParts): Connections & { close(): void } {
  const kept = new BoundedMap<string, Kept>(KEPT_MAX);
  const heard = new Heard(parts);
  const close = parts.vault.onChange(() => kept.clear());

  /** Whose connection it is: never another one than of the user in whose name the run is. */
  const connectionFor = (server: string, on: OnBehalf | undefined): Kept | Promise<Kept> => {
    const holder = on === undefined ? undefined : holderOf(on);
    const key = JSON.stringify([server, holder ?? null]);
    const known = kept.get(key);
    if (known !== undefined) return known;
    const looking =
      holder === undefined ? findForLists(parts.db, server, GATEWAY) : findConnection(parts.db, server, holder);
    return looking.then((connection) => {
      const entry = { connection };
      kept.set(key, entry);
      return entry;
    });
  };

  return {
    close,
    credential: (server, source, on) =>
      andThen(connectionFor(server, on), ({ connection }): Found | Promise<Found> => {
        const fits = connection !== undefined && (source.issuer === undefined || source.issuer === connection.issuer);
        const teller = { server, connection: fits ? connection : undefined, on, heard, console_url: parts.console_url };
        if (!fits) return on === undefined ? anonymous(teller) : missing(teller);
        const entry = entryName(server, connection.holder);
        const shown = parts.vault.credential({ entry, server, to: { kind: 'http', url: source.url }, on });
        return andThen(shown, (credential) => told(credential, teller));
      }),
    hasHeard: async (server) => (await heard.of(server, ANYBODY)) !== undefined,
    async begin(server, source, person, holder) {
      const before = await findConnection(parts.db, server, holder);
      const wanted = await heard.of(server, holder);
      const more = [...(before?.scope.split(' ') ?? []), ...(wanted?.scope?.split(' ') ?? [])].filter(
        (one) => one !== '',
      );
      const challenge = await heard.of(server, ANYBODY);
      return beginFlow({ server, source, person, holder, challenge, more, granted_by: before?.issuer }, parts);
    },
    async finish(person, returned, sourceOf) {
      const made = await finishFlow(person, returned, sourceOf, parts);
      return isRefusal(made) ? made : keep(made, person, parts);
    },
    async list(holder) {
      const found = await listConnections(parts.db, holder);
      const held = new Set((await parts.vault.list()).map(({ name }) => name));
      return found.filter(({ upstream }) => held.has(entryName(upstream, holder)));
    },
    endsAt: async ({ upstream, holder }) =>
      (await parts.vault.find(entryName(upstream, holder)))?.access_expires_at ?? null,
    end: (server, holder, person) => end(server, holder, `person:${person.id}`, parts),
    async endLeft() {
      for (const { upstream, holder } of await listLeft(parts.db, GATEWAY))
        await end(upstream, holder, 'gateway', parts);
    },
  };
}

function holderOf({ run }: OnBehalf): string {
  return run.subject?.id ?? GATEWAY;
}

/** A name that an admin recognises in the vault, and that no two holders share. */
function entryName(server: string, holder: string): string {
  const readable = server
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 24);
  return `connect-${readable}-${hash('sha256', JSON.stringify([server, holder]), 'hex').slice(0, 24)}`;
}

async function keep(
  made: Made & { source: ConnectSource },
  person: Subject,
  parts: ConnectionParts,
): Promise<Connection | Refusal> {
  const { flow, client, source } = made;
  const { server: upstream, holder, issuer, client_id } = flow;
  const by = `person:${person.id}`;
  const common = { upstream, holder, issuer, client_id, scope: made.scope, dpop: flow.dpop_key !== null };
  const connection = { ...common, renewable: made.refresh_token !== null, made_by: person.id, made_at: 0 };
  const oauth = {
    token_endpoint: flow.token_endpoint,
    client_id,
    scope: null,
    issuer,
    method: flow.method,
    ...(flow.resource === null ? {} : { resource: flow.resource }),
    ...(connection.dpop ? { dpop: true } : {}),
    ...(namesTokenEndpoint(flow, source) ? { named: true } : {}),
  };
  const { client_secret, client_key } = client;
  const kept = await parts.vault.connect(
    {
      name: entryName(upstream, holder),
      users: [holder === GATEWAY ? '*' : holder],
      host: new URL(source.url).host,
      oauth,
      secrets: { refresh_token: made.refresh_token, client_secret, client_key, dpop_key: flow.dpop_key },
      access: { token: made.token, seconds: made.seconds },
    },
    by,
    async (tx, entry) => {
      connection.made_at = entry.set_at;
      await putConnection(tx, connection);
      const after = digestOf({ upstream, holder, issuer, client_id, scope: made.scope });
      const payload = { upstream, holder, issuer, scope: made.scope, renewable: connection.renewable };
      await parts.record(tx, { event: 'connection.make', by, subject: entry.id, before: null, after, payload });
    },
  );
  return isRefusal(kept) ? kept : connection;
}

async function end(
  upstream: string,
  holder: string,
  by: string,
  { vault, record }: ConnectionParts,
): Promise<Refusal | undefined> {
  const removed = await vault.disconnect(entryName(upstream, holder), async (tx, entry) => {
    await deleteConnection(tx, upstream, holder);
    const payload = { upstream, holder };
    await record(tx, { event: 'connection.end', by, subject: entry.id, before: null, after: null, payload });
  });
  return isRefusal(removed) ? refuse('not_found', `there is no connection to ${upstream}`) : undefined;
}

type Teller = {
  server: string;
  connection: Connection | undefined;
  on: OnBehalf | undefined;
  heard: Heard;
  console_url(): string;
};

/** Lists may be open to anybody; where they are not, the answer says how to sign in. */
function anonymous(teller: Teller): UpstreamCredential {
  return {
    kind: 'credential',
    id: 'nobody',
    headers: {},
    env: {},
    secrets: [],
    heard: (answer) => judge(answer, 'nobody', teller),
  };
}

function told(credential: Found, teller: Teller): Found {
  if (credential === undefined) return undefined;
  if (isRefusal(credential)) return OVER.has(credential.code) ? missing(teller, credential.reason) : credential;
  return {
    ...credential,
    heard: (answer) => {
      const said = credential.heard?.(answer);
      return said ?? judge(answer, credential.id, teller);
    },
  };
}

/** What the server's answer says of the connection, and what a person can do about it. */
function judge(answer: CredentialAnswer, id: string, teller: Teller): Refusal | undefined {
  const { server, connection, heard } = teller;
  if (answer.status === 401) {
    heard.note(server, ANYBODY, readChallenge(answer.challenge));
    // The access token may just be over early: it is renewed before anybody is bothered.
    const renews = connection?.renewable === true && !heard.wasRefused(id);
    heard.refused(id);
    return renews ? undefined : missing(teller, 'the server accepts the connection no more');
  }
  if (answer.status === 403) return wantsMore(answer, teller);
  if (answer.status < 300) heard.accepted(id);
  return undefined;
}

/**
 * MCP 2026-07-28, step-up: asked for once. What was granted and is refused all the same is not asked for again, so that nobody
 * goes in circles.
 */
function wantsMore(answer: CredentialAnswer, teller: Teller): Refusal | undefined {
  const { server, connection, heard } = teller;
  const challenge = readChallenge(answer.challenge);
  if (challenge?.error !== 'insufficient_scope' || challenge.scope === undefined || connection === undefined)
    return undefined;
  const granted = connection.scope.split(' ');
  if (challenge.scope.split(' ').every((scope) => granted.includes(scope))) return undefined;
  heard.note(server, connection.holder, challenge);
  return missing(teller, `the server wants more: ${challenge.scope}`, 'It wants more than it was connected for.');
}

function missing({ server, connection, on, console_url }: Teller, why = 'nobody has connected it', more = ''): Refusal {
  const command = `sallyport connect ${server}`;
  const gateway = connection?.holder === GATEWAY || (on !== undefined && holderOf(on) === GATEWAY);
  const who = gateway
    ? `Sallyport has no account of its own at ${server} that can be used, and you act in no user’s name. An admin connects it, signed in, with: ${command} --gateway`
    : `${on === undefined ? 'Somebody' : 'The user in whose name you act'} has to connect ${server}, signed in, with: ${command}`;
  const text = `${more === '' ? '' : `${more} `}${who}, or at ${console_url()}/connections`;
  return refuse('connection_missing', `${server}: ${why}`, { public: text });
}

/** What servers said they want, kept for the moment at which a person asks; and whose tokens they refused. */
class Heard {
  readonly #parts: ConnectionParts;
  readonly #challenges = new BoundedMap<string, Challenge>(KEPT_MAX);
  readonly #refused = new BoundedMap<string, true>(KEPT_MAX);

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  note(server: string, holder: string, challenge: Challenge | undefined): void {
    if (challenge === undefined) return;
    const key = JSON.stringify([server, holder]);
    const text = JSON.stringify(challenge);
    if (JSON.stringify(this.#challenges.get(key)) === text) return;
    this.#challenges.set(key, challenge);
    saveChallenge(this.#parts.db, server, holder, text).catch((error: unknown) => {
      this.#parts.report('what a server wants could not be kept', error);
    });
  }

  async of(server: string, holder: string): Promise<Challenge | undefined> {
    const known = this.#challenges.get(JSON.stringify([server, holder]));
    if (known !== undefined) return known;
    const text = await findChallenge(this.#parts.db, server, holder);
    return text === undefined ? undefined : (JSON.parse(text) as Challenge);
  }

  wasRefused(id: string): boolean {
    return this.#refused.get(id) === true;
  }

  refused(id: string): void {
    this.#refused.set(id, true);
  }

  accepted(id: string): void {
    this.#refused.delete(id);
  }
}
