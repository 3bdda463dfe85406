import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, type JWTHeaderParameters, SignJWT } from 'jose';

const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/';
export const SESSION_REVOKED = `${CAEP}session-revoked`;
export const CREDENTIAL_CHANGE = `${CAEP}credential-change`;

export type EventOptions = {
  header?: Partial<JWTHeaderParameters>;
  claims?: Record<string, unknown>;
  key?: KeyObject;
};

/** Another party of Shared Signals, written with `jose`: it signs events, serves its keys, offers and takes events. */
export class SignalPeer {
  readonly url: string;
  /** What was pushed to it, and what it answers. */
  readonly pushed: { authorization: string | undefined; type: string | undefined; body: string }[] = [];
  status = 202;
  /** What it offers to who polls, and the ids that were acknowledged. */
  readonly offered = new Map<string, string>();
  readonly acknowledged: string[] = [];
  readonly #server: Server;
  readonly #pair = generateKeyPairSync('rsa', { modulusLength: 2_048 });

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async open(): Promise<SignalPeer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const peer = new SignalPeer(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('request', async (request, response) => {
      const answer = await peer.#answer(request);
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
    });
    return peer;
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body?: unknown }> {
    if (request.url === '/jwks') {
      const jwk = await exportJWK(this.#pair.publicKey);
      return { status: 200, body: { keys: [{ ...jwk, kid: 'one', use: 'sig', alg: 'RS256' }] } };
    }
    let body = '';
    for await (const part of request) body += part;
    const { authorization, 'content-type': type } = request.headers;
    if (request.url === '/events') {
      this.pushed.push({ authorization, type, body });
      return { status: this.status };
    }
    if (authorization !== 'Bearer fetch-secret') return { status: 401 };
    const { ack } = JSON.parse(body) as { ack: string[] };
    for (const id of ack) {
      this.acknowledged.push(id);
      this.offered.delete(id);
    }
    return { status: 200, body: { sets: Object.fromEntries(this.offered), moreAvailable: false } };
  }

  /** A token that tells of one event, as the issuer `url`. */
  event(
    audience: string,
    sub_id: unknown,
    type: string,
    details: object = {},
    more: EventOptions = {},
  ): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: this.url,
      aud: audience,
      iat: now,
      jti: randomUUID(),
      sub_id,
      events: { [type]: { event_timestamp: now, reason_admin: { en: 'a test' }, ...details } },
      ...more.claims,
    };
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', typ: 'secevent+jwt', kid: 'one', ...more.header })
      .sign(more.key ?? this.#pair.privateKey);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
