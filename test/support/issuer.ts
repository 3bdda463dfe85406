import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Another issuer, as small as one can be: a discovery document, keys, and whatever a test wants it to sign. */
export type Issuer = {
  issuer: string;
  /** `aud` of its tokens: whom they are for. */
  audience: string;
  /** How often each path was asked for. */
  asked: Map<string, number>;
  /** What the next answers are, in the place of the right ones. */
  answers: Map<string, { status?: number; body: unknown }>;
  /** A JWT of this issuer: `claims` over a set that a rule of a test fits; undefined leaves one out. */
  token(claims?: Record<string, unknown>, header?: Record<string, unknown>): string;
  /** Another key of the same name, or of another. */
  rotate(kid: string): void;
  close(): void;
};

type Key = { kid: string; privateKey: KeyObject; jwk: Record<string, unknown> };

export async function openIssuer(): Promise<Issuer> {
  const asked = new Map<string, number>();
  const answers: Issuer['answers'] = new Map();
  const keys: Key[] = [makeKey('first')];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.set(path, (asked.get(path) ?? 0) + 1);
    const usual: Record<string, unknown> = {
      '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/keys` },
      '/keys': { keys: keys.map(({ jwk }) => jwk) },
    };
    const { status = 200, body } = answers.get(path) ?? { body: usual[path] };
    response.writeHead(body === undefined ? 404 : status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const self: Issuer = {
    issuer,
    audience: '',
    asked,
    answers,
    token(claims = {}, header = {}) {
      const now = Math.floor(Date.now() / 1000);
      const { kid, privateKey } = keys.at(-1)!;
      const all = {
        iss: issuer,
        aud: self.audience,
        sub: 'repo:acme/site',
        iat: now,
        exp: now + 300,
        jti: randomUUID(),
      };
      return jws({ alg: 'ES256', kid, ...header }, { ...all, repository: 'acme/site', ...claims }, privateKey);
    },
    rotate: (kid) => void keys.splice(0, keys.length, makeKey(kid)),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return self;
}

export function jws(header: object, claims: object, key: KeyObject): string {
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

function makeKey(kid: string): Key {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'ES256' } };
}
