import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import type { IssuerKeys } from '../federation/keys.ts';
import { fitsKey, foreignSignatureHolds, isForeignAlgorithm } from '../federation/signatures.ts';
import { decodeSegment, splitJws } from '../jws.ts';

const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/';
export const SESSION_REVOKED = `${CAEP}session-revoked`;
export const CREDENTIAL_CHANGE = `${CAEP}credential-change`;
export const VERIFICATION = 'https://schemas.openid.net/secevent/ssf/event-type/verification';

export const EVENT_CHARS_MAX = 16_384;
const JTI_CHARS_MAX = 256;
/** A transmitter tries again for days; what is older was kept by somebody. */
const AGE_MS_MAX = 7 * 24 * 60 * 60_000;
const SKEW_MS_MAX = 30_000;

/** RFC 9493: the formats that CAEP's interoperability profile asks for. */
export type SubjectId =
  | { format: 'iss_sub'; iss: string; sub: string }
  | { format: 'email'; email: string }
  | { format: 'opaque'; id: string };

export type SecurityEvent = { jti: string; type: string; subject: SubjectId | undefined; details: JsonObject };

export type EventParts = { issuer: string; audience: string; keys: IssuerKeys; now: () => number };

/** RFC 8417 with SSF's narrowing: what it is and for whom comes before the key, and the key before one signature. */
export async function readEvent(text: string, parts: EventParts): Promise<SecurityEvent | Refusal> {
  const jws = splitJws(text, EVENT_CHARS_MAX);
  const header = jws === undefined ? undefined : decodeSegment(jws.header);
  const claims = jws === undefined ? undefined : decodeSegment(jws.payload);
  if (jws === undefined || header === undefined || claims === undefined) return malformed('not a compact JWS');
  const { typ, alg, kid, crit } = header;
  // RFC 8417, section 2.3: so that no access token passes for an event, nor an event for one.
  if (typ !== 'secevent+jwt' && typ !== 'application/secevent+jwt') return malformed(`typ is ${JSON.stringify(typ)}`);
  if (!isForeignAlgorithm(alg) || crit !== undefined || typeof kid !== 'string') return malformed('alg, crit or kid');
  const event = checkClaims(claims, parts);
  if ('kind' in event) return event;
  const key = await parts.keys.find(kid);
  if ('kind' in key) return key;
  if (!fitsKey(alg, key) || !foreignSignatureHolds(alg, key.key, jws.signed, jws.signature)) {
    return refuse('token_signature_invalid', `the signature of an event of ${parts.issuer} does not verify`);
  }
  return event;
}

function checkClaims(claims: JsonObject, { issuer, audience, now }: EventParts): SecurityEvent | Refusal {
  const { iss, aud, iat, jti, events, sub_id } = claims;
  if (iss !== issuer) return refuse('token_unknown', `the event is of ${JSON.stringify(iss)}, not of ${issuer}`);
  if (!(Array.isArray(aud) ? aud : [aud]).includes(audience)) {
    return refuse('token_wrong_audience', 'the event is for another receiver');
  }
  if (typeof iat !== 'number' || typeof jti !== 'string' || jti === '' || jti.length > JTI_CHARS_MAX) {
    return malformed('no time of issue, or no jti');
  }
  if (iat * 1000 > now() + SKEW_MS_MAX) return refuse('token_not_yet_valid', 'the event is from the future');
  if (iat * 1000 < now() - AGE_MS_MAX) return refuse('token_expired', 'the event is more than seven days old');
  // SSF 1.0, section 4.2: what a token would carry has no place here, and there is exactly one event.
  if (claims['sub'] !== undefined || claims['exp'] !== undefined) return malformed('it carries sub or exp');
  const [only, ...more] = isJsonObject(events) ? Object.entries(events) : [];
  if (only === undefined || more.length > 0 || !isJsonObject(only[1])) return malformed('not exactly one event');
  const subject = readSubject(sub_id);
  if (subject === undefined && only[0] !== VERIFICATION) return malformed('a subject of a form that is not known');
  return { jti, type: only[0], subject, details: only[1] };
}

function readSubject(value: unknown): SubjectId | undefined {
  if (!isJsonObject(value)) return undefined;
  const { format, iss, sub, email, id } = value;
  if (format === 'iss_sub' && typeof iss === 'string' && typeof sub === 'string') return { format, iss, sub };
  if (format === 'email' && typeof email === 'string') return { format, email };
  return format === 'opaque' && typeof id === 'string' ? { format, id } : undefined;
}

function malformed(what: string): Refusal {
  return refuse('event_malformed', `a security event that cannot be read: ${what}`);
}
