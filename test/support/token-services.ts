import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { createRemoteJWKSet, decodeJwt, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import * as errors from 'oidc-provider/lib/helpers/errors.js';
import { type GrantContext, Provider } from 'oidc-provider/lib/provider.js';
import { freePort } from './world.ts';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag';

export type Issued = { grant: string; sub: string; act: unknown; client: string; form: Record<string, unknown> };

/** How an identity provider may get an ID-JAG wrong. */
export type JagFault = 'none' | 'typ' | 'aud' | 'client_id' | 'resource' | 'sub';

/**
 * An authorization server that is not ours (oidc-provider), and knows the gateway as its client `sallyport` by secret and
 * `sallyport-key` by key. It takes the gateway's word (its keys are at `gateway`) in token exchange, ID-JAGs of `idp`, and
 * issues ID-JAGs itself. `issued` says for whom each token is.
 */
export class TokenService {
  readonly issued = new Map<string, Issued>();
  url = '';
  gateway = '';
  idp: TokenService | undefined;
  /** Whose ID tokens it takes: an OpenID provider's. Without it, its own. */
  people: string | undefined;
  seconds = 600;
  fault: JagFault = 'none';
  /** The half that the operator keeps of the key that `sallyport-own` was registered with. */
  readonly own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  #server: Server | undefined;
  #keys: Awaited<ReturnType<typeof generateKeyPair>> | undefined;

  async start(gateway: string): Promise<this> {
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}`;
    this.gateway = gateway;
    this.#keys = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...(await exportJWK(this.#keys.privateKey)), alg: 'ES256', use: 'sig', kid: 'service' };
    const grant_types = ['client_credentials', EXCHANGE, JWT_BEARER];
    const client = { grant_types, redirect_uris: [], response_types: [], id_token_signed_response_alg: 'ES256' };
    const provider = new Provider(this.url, {
      clients: [
        { ...client, client_id: 'sallyport', client_secret: SERVICE_SECRET },
        {
          ...client,
          client_id: 'sallyport-own',
          token_endpoint_auth_method: 'private_key_jwt',
          token_endpoint_auth_signing_alg: 'ES256',
          jwks: { keys: [{ ...(await exportJWK(this.own.publicKey)), alg: 'ES256', use: 'sig', kid: 'own' }] },
        },
        {
          ...client,
          client_id: 'sallyport-key',
          token_endpoint_auth_method: 'private_key_jwt',
          token_endpoint_auth_signing_alg: 'ES256',
          jwks_uri: `${gateway}/oauth/jwks`,
        },
      ],
      jwks: { keys: [jwk] },
      // Its own refuses loopback addresses, and the gateway's keys are at one.
      fetch: (url: string) => fetch(url, { redirect: 'manual' }),
      ttl: { ClientCredentials: () => this.seconds },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => `${this.url}/api`,
          getResourceServerInfo: () => ({ scope: '', accessTokenFormat: 'opaque' }),
        },
      },
    });
    provider.silent = true;
    provider.registerGrantType(
      EXCHANGE,
      (context) => this.#exchange(context, provider),
      ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'resource'],
      [],
    );
    provider.registerGrantType(JWT_BEARER, (context) => this.#bearer(context, provider), ['assertion', 'resource'], []);
    const answer = provider.callback();
    this.#server = createServer((request, response) => void answer(request, response));
    await new Promise<void>((resolve) => this.#server!.listen(port, '127.0.0.1', resolve));
    return this;
  }

  close(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  get client(): { token_endpoint: string; issuer: string; client_id: string; client_secret: string } {
    return {
      token_endpoint: `${this.url}/token`,
      issuer: this.url,
      client_id: 'sallyport',
      client_secret: 'env:SERVICE_SECRET',
    };
  }

  async #exchange(context: GrantContext, provider: Provider): Promise<void> {
    const form = formOf(context);
    const own = form['subject_token_type'] === ID_TOKEN;
    const issuer = own ? (this.people ?? this.url) : this.gateway;
    const keys = createRemoteJWKSet(new URL(own ? `${issuer}/jwks` : `${issuer}/oauth/jwks`));
    const audience = own ? 'sallyport' : this.url;
    const checked = await jwtVerify(form['subject_token'] ?? '', keys, { issuer, audience }).catch(() => {
      throw new errors.InvalidRequest('the subject token does not verify');
    });
    const { sub = '', act } = checked.payload;
    if (form['requested_token_type'] === ID_JAG) context.body = await this.#jag(context, form, sub);
    else context.body = await this.#token(context, provider, { grant: 'exchange', sub, act, form });
  }

  async #jag(context: GrantContext, form: Form, sub: string): Promise<object> {
    const { fault } = this;
    const client_id = fault === 'client_id' ? 'another' : context.oidc.client!.clientId;
    const resource = fault === 'resource' ? 'https://elsewhere.example' : form['resource'];
    const token = await new SignJWT({ client_id, resource })
      .setProtectedHeader({ alg: 'ES256', kid: 'service', typ: fault === 'typ' ? 'JWT' : 'oauth-id-jag+jwt' })
      .setIssuer(this.url)
      .setSubject(fault === 'sub' ? 'another' : sub)
      .setAudience(fault === 'aud' ? 'https://elsewhere.example' : (form['audience'] ?? ''))
      .setJti(`${this.issued.size}-${Date.now()}`)
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(this.#keys!.privateKey);
    return { access_token: token, issued_token_type: ID_JAG, token_type: 'N_A', expires_in: 300 };
  }

  /** What it says of a person, to whoever asked. */
  idToken(sub: string, more: { aud?: string; iss?: string; seconds?: number } = {}): Promise<string> {
    const { aud = 'sallyport', iss = this.url, seconds = 600 } = more;
    const ends = Math.floor(Date.now() / 1_000) + seconds;
    const token = new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: 'service' }).setIssuedAt();
    return token.setIssuer(iss).setSubject(sub).setAudience(aud).setExpirationTime(ends).sign(this.#keys!.privateKey);
  }

  /** A word that it gives of `client_id`, for `audience`. */
  async word(audience: string, client_id: string): Promise<string> {
    return new SignJWT({ client_id })
      .setProtectedHeader({ alg: 'ES256', kid: 'service', typ: 'oauth-id-jag+jwt' })
      .setIssuer(this.url)
      .setSubject('a workload')
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(this.#keys!.privateKey);
  }

  async #bearer(context: GrantContext, provider: Provider): Promise<void> {
    const form = formOf(context);
    const assertion = form['assertion'] ?? '';
    const { payload, protectedHeader } = await jwtVerify(assertion, this.idp!.#keys!.publicKey, {
      issuer: this.idp!.url,
      audience: this.url,
    }).catch(() => {
      throw new errors.InvalidRequest('the assertion does not verify');
    });
    if (protectedHeader.typ !== 'oauth-id-jag+jwt' || payload['client_id'] !== context.oidc.client!.clientId) {
      throw new errors.InvalidRequest('the assertion is for another');
    }
    const { sub = '' } = decodeJwt(assertion);
    context.body = await this.#token(context, provider, { grant: 'id_jag', sub, act: undefined, form });
  }

  async #token(context: GrantContext, provider: Provider, made: Omit<Issued, 'client'>): Promise<object> {
    const Token = (provider as unknown as { ClientCredentials: new (of: object) => { save(): Promise<string> } })
      .ClientCredentials;
    const token = await new Token({ client: context.oidc.client }).save();
    this.issued.set(token, { ...made, client: context.oidc.client!.clientId });
    return { access_token: token, token_type: 'Bearer', expires_in: this.seconds };
  }
}

export const SERVICE_SECRET = 'a secret that the gateway has at the token service';

type Form = Record<string, string | undefined>;

function formOf(context: GrantContext): Form {
  return context.oidc.body as Form;
}
