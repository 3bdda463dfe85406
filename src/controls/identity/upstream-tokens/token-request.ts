import type { JsonObject } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { type Form, requestToken, type TokenAsking, type TokenClient } from '../token-client.ts';
import { errorCodeOf, isTokenText, lifeSecondsOf } from '../token-endpoint.ts';

const LIFE_SECONDS_MAX = 3_600;

export type Given = { token: string; issued_type: string | undefined; token_type: string; seconds: number };

/** One token from a token endpoint. Nothing of its answer is quoted: a token may be in it. */
export async function askForToken(client: TokenClient, form: Form, asking: TokenAsking): Promise<Given | Refusal> {
  const answer = await requestToken(client, { ...form, scope: form['scope'] ?? client.scope }, asking);
  if (isRefusal(answer)) return notGiven(client, `did not answer: ${answer.code}`);
  if (answer.status !== 200) return notGiven(client, `answered ${answer.status}${errorCodeOf(answer.body)}`);
  return readGiven(answer.body) ?? notGiven(client, 'answered without a token');
}

function readGiven(body: JsonObject): Given | undefined {
  const { access_token, issued_token_type, token_type } = body;
  if (!isTokenText(access_token) || typeof token_type !== 'string') return undefined;
  return {
    token: access_token,
    issued_type: typeof issued_token_type === 'string' ? issued_token_type : undefined,
    token_type: token_type.toLowerCase(),
    seconds: lifeSecondsOf(body, LIFE_SECONDS_MAX),
  };
}

export function notGiven({ token_endpoint }: TokenClient, why: string): Refusal {
  return refuse('upstream_credential_refused', `${new URL(token_endpoint).host} ${why}`);
}
