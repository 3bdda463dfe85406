import { hash } from 'node:crypto';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import { decodeSegment, splitJws } from '../jws.ts';
import { type Assert, audienceOf, type TokenAsking, type TokenClient } from '../token-client.ts';
import type { TokenSource } from './contract.ts';
import { askForToken, type Given, notGiven } from './token-request.ts';

type Asking = TokenAsking;

/** Who acts for whom, in the gateway's own words: the subject, and the agent that acts where it is another. */
export type OnWhoseBehalf = {
  sub: string;
  act: { sub: string } | undefined;
  /** What the identity provider said of them itself, where that is exchanged in the place of our word. */
  id_token?: { token: Secret; sub: string } | undefined;
};

const TYPE = 'urn:ietf:params:oauth:token-type';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JAG_CHARS_MAX = 16_384;

export async function obtain(source: TokenSource, who: OnWhoseBehalf, asking: Asking): Promise<Given | Refusal> {
  const given = await ask(source, who, asking);
  const wanted = source.dpop ? 'dpop' : 'bearer';
  if (isRefusal(given) || given.token_type === wanted) return given;
  // A bearer in the place of a bound token could be used by whoever reads it on its way.
  return notGiven(
    source.client,
    source.dpop ? 'gave a token that is bound to no key' : 'gave a token that is no bearer',
  );
}

function ask(source: TokenSource, who: OnWhoseBehalf, asking: Asking): Promise<Given | Refusal> {
  const { client, resource } = source;
  switch (source.kind) {
    case 'client_credentials':
      return askForToken(client, { grant_type: 'client_credentials', resource }, asking);
    case 'workload':
      return byAssertion(source, asking);
    case 'exchange':
      return askForToken(
        client,
        { ...exchangeForm(client, who, asking.assert), resource, audience: source.audience },
        asking,
      );
    case 'id_jag':
      return byIdJag(source, who, asking);
  }
}

const BEARER_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

async function byAssertion(
  { client, resource, assertion }: Extract<TokenSource, { kind: 'workload' }>,
  asking: Asking,
): Promise<Given | Refusal> {
  const said = await assertion();
  if (isRefusal(said)) return said;
  return askForToken(client, { grant_type: BEARER_GRANT, assertion: said.reveal(), resource }, asking);
}

/** RFC 8693: what is exchanged is an assertion of the gateway's own, made for this endpoint alone. */
function exchangeForm(client: TokenClient, { sub, act }: OnWhoseBehalf, assert: Assert) {
  return {
    grant_type: EXCHANGE,
    subject_token: assert(audienceOf(client), act === undefined ? { sub } : { sub, act }),
    subject_token_type: `${TYPE}:jwt`,
    requested_token_type: `${TYPE}:access_token`,
  };
}

/** draft-ietf-oauth-identity-assertion-authz-grant: an ID-JAG from the identity provider, then RFC 7523 at the server's. */
async function byIdJag(
  { idp, client, resource }: Extract<TokenSource, { kind: 'id_jag' }>,
  who: OnWhoseBehalf,
  asking: Asking,
): Promise<Given | Refusal> {
  const form = { ...subjectForm(idp, who, asking.assert), requested_token_type: `${TYPE}:id-jag` };
  // What the identity provider gives goes to the server's authorization server, and is bound to nothing.
  const unbound = { ...asking, proof: undefined };
  const jag = await askForToken(idp, { ...form, audience: audienceOf(client), resource, scope: client.scope }, unbound);
  if (isRefusal(jag)) return jag;
  const meant = { client, resource, sub: who.id_token?.sub };
  const problem = jag.issued_type === `${TYPE}:id-jag` ? jagProblem(jag.token, meant) : 'gave another token';
  if (problem !== undefined) return notGiven(idp, problem);
  return askForToken(client, { grant_type: BEARER_GRANT, assertion: jag.token, resource }, asking);
}

/** The identity provider's own ID token of the user, which it takes back; else our word. */
function subjectForm(idp: TokenClient, who: OnWhoseBehalf, assert: Assert) {
  if (who.id_token === undefined) return exchangeForm(idp, who, assert);
  const subject_token = who.id_token.token.reveal();
  return { grant_type: EXCHANGE, subject_token, subject_token_type: `${TYPE}:id_token` };
}

/** Its signature is for the server's authorization server; that it is meant for that one and for us is for us to see. */
function jagProblem(text: string, { client, resource, sub }: Meant): string | undefined {
  const jws = splitJws(text, JAG_CHARS_MAX);
  const header = jws && decodeSegment(jws.header);
  const claims = jws && decodeSegment(jws.payload);
  if (header?.typ !== 'oauth-id-jag+jwt' || claims === undefined) return 'gave what is no ID-JAG';
  if (claims.aud !== audienceOf(client)) return 'gave an ID-JAG for another authorization server';
  if (claims.client_id !== client.client_id) return 'gave an ID-JAG for another client';
  if (sub !== undefined && claims.sub !== sub) return 'gave an ID-JAG for another user';
  if (claims.resource !== undefined && claims.resource !== resource) return 'gave an ID-JAG for another resource';
  return undefined;
}

type Meant = { client: TokenClient; resource: string; sub: string | undefined };

/** What a person consents to: this client of the gateway's, at this place. Another one needs their word anew. */
export function clientDigest(source: TokenSource): string {
  const { client, resource } = source;
  return hash('sha256', JSON.stringify([source.kind, client.token_endpoint, client.client_id, resource]), 'hex');
}
