import type { FetchDocument } from '../../core/document.ts';
import { isJsonObject, JsonError, type JsonObject, parseJson } from '../../core/json.ts';
import { isRefusal, type Refusal } from '../../core/refusal.ts';

/** Somebody else's token endpoint (RFC 6749, section 3.2), asked in bounds. Nothing of an answer is quoted: a token may be in it. */
const SECONDS_MAX = 10;
const BYTES_MAX = 64 * 1024;
/** Where nothing is said of it: soon enough for whatever is usual. */
const LIFE_SECONDS_USUAL = 300;
const TOKEN = /^[\x21-\x7e]{8,16384}$/;
/** RFC 6749, section 5.2: a code, and no text of the server's choosing. */
const ERROR = /^[a-z_]{1,40}$/;

/** `nonce`: what the next DPoP proof for this server is to have. */
export type TokenAnswer = { status: number; body: JsonObject; nonce: string | undefined };

/** @param more headers: the client's authorization, where it does not authenticate in the form, and a proof. */
export async function askTokenEndpoint(
  url: string,
  form: URLSearchParams,
  more: Readonly<Record<string, string>>,
  fetchDocument: FetchDocument,
): Promise<TokenAnswer | Refusal> {
  const answer = await fetchDocument(url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...more },
    body: Buffer.from(form.toString(), 'utf8'),
    bytes_max: BYTES_MAX,
    seconds_max: SECONDS_MAX,
  });
  if (isRefusal(answer)) return answer;
  return { status: answer.status, body: readBody(answer.body), nonce: answer.headers['dpop-nonce'] };
}

/** RFC 6749, section 2.3.1: both are form-encoded before they are joined. */
export function basicAuthorization(id: string, secret: string): string {
  const encode = (text: string) => new URLSearchParams({ v: text }).toString().slice(2);
  return `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')}`;
}

export function isTokenText(value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value);
}

/** `expires_in` within a bound of ours. */
export function lifeSecondsOf({ expires_in }: JsonObject, seconds_max: number): number {
  return Math.min(typeof expires_in === 'number' && expires_in > 0 ? expires_in : LIFE_SECONDS_USUAL, seconds_max);
}

/** ` invalid_grant`, where the answer has a code that can be repeated. */
export function errorCodeOf({ error }: JsonObject): string {
  return typeof error === 'string' && ERROR.test(error) ? ` ${error}` : '';
}

function readBody(bytes: Uint8Array): JsonObject {
  try {
    const value = parseJson(bytes);
    return isJsonObject(value) ? value : {};
  } catch (error) {
    if (error instanceof JsonError) return {};
    throw error;
  }
}
