import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as library from 'oidc-provider/lib/provider.js';

/** A person as the company knows them. */
export type CompanyUser = { sub: string } & Record<string, unknown>;

/** A real OpenID provider: a second oidc-provider, over HTTP, in which whoever is set as `user` signs in at once. */
export type CompanyProvider = {
  issuer: string;
  user: CompanyUser;
  /** How often somebody signed in there. */
  sign_ins: number;
  /** A browser that goes to `url` and comes back: the query that it comes back with. */
  visit(url: string): Promise<string>;
  close(): void;
};

type Interaction = { prompt: { name: string } };
type Context = { oidc: { client: { clientId: string }; session: { accountId: string } } };
type Grant = { addOIDCScope(scope: string): void; addOIDCClaims(claims: string[]): void; save(): Promise<string> };
/** What of oidc-provider's interface an interaction needs; the package ships no types. */
type Interactive = library.Provider & {
  interactionDetails(request: unknown, response: unknown): Promise<Interaction>;
  interactionFinished(request: unknown, response: unknown, result: object): Promise<void>;
  Grant: new (given: { clientId: string; accountId: string }) => Grant;
};

const CLAIMS = ['email', 'email_verified', 'groups', 'name'];

export async function openCompany(client: {
  redirect_uris: () => string[];
  secret?: string;
  /** Whether groups are in the ID token, and not only in the answer of its userinfo endpoint. */
  in_id_token?: boolean;
}): Promise<CompanyProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const company: CompanyProvider = {
    issuer,
    user: { sub: 'ada', email: 'ada@acme.example', email_verified: true, groups: ['gateway-admins'] },
    sign_ins: 0,
    visit: (url) => visit(url, issuer),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  let provider: Interactive | undefined;
  // Addresses to come back to are known only when the gateway listens.
  const opened = (): Interactive => {
    provider ??= new library.Provider(issuer, {
      ...settings(company, client.in_id_token === true),
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'company', use: 'sig', alg: 'RS256' }] },
      clients: [
        {
          client_id: 'sallyport',
          redirect_uris: client.redirect_uris(),
          ...(client.secret === undefined
            ? { token_endpoint_auth_method: 'none' }
            : { client_secret: client.secret, token_endpoint_auth_method: 'client_secret_post' }),
        },
      ],
    }) as Interactive;
    return provider;
  };
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/interaction/') !== true) return void opened().callback()(request, response);
    void interact(opened(), company, request, response);
  });
  return company;
}

function settings(company: CompanyProvider, in_id_token: boolean): Record<string, unknown> {
  return {
    claims: { openid: ['sub'], email: CLAIMS },
    conformIdTokenClaims: !in_id_token,
    features: { devInteractions: { enabled: false } },
    cookies: { keys: ['for tests'] },
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    findAccount: (_: unknown, sub: string) => ({ accountId: sub, claims: () => ({ ...company.user, sub }) }),
    loadExistingGrant: async (context: Context & { oidc: { provider: Interactive } }) => {
      const { client, session, provider } = context.oidc;
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope('openid email profile');
      grant.addOIDCClaims(CLAIMS);
      await grant.save();
      return grant;
    },
  };
}

async function interact(provider: Interactive, company: CompanyProvider, request: unknown, response: unknown) {
  const { prompt } = await provider.interactionDetails(request, response);
  company.sign_ins += 1;
  const result = prompt.name === 'login' ? { login: { accountId: company.user.sub } } : { consent: {} };
  await provider.interactionFinished(request, response, result);
}

async function visit(url: string, issuer: string): Promise<string> {
  const cookies = new Map<string, string>();
  let next = url;
  for (let hop = 0; hop < 10; hop++) {
    if (!next.startsWith(issuer)) return new URL(next).search.slice(1);
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(next, { redirect: 'manual', headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0]!.split('=') as [string, string];
      cookies.set(name, value);
    }
    const location = answer.headers.get('location');
    if (location === null) throw new Error(`the company answers ${answer.status}: ${await answer.text()}`);
    next = new URL(location, next).href;
  }
  throw new Error('the company sends the browser in a circle');
}
