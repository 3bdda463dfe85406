import type { Clock } from '../../../core/clock.ts';
import type { Documents, FetchDocument } from '../../../core/document.ts';
import { isJsonObject, type JsonObject, parseJson } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { TrustedIssuer } from './contract.ts';
import { type ForeignKey, readForeignKey } from './signatures.ts';

const DOCUMENT_BYTES_MAX = 256 * 1024;
const DOCUMENT_SECONDS_MAX = 5;
const KEYS_MAX = 64;
/** After this, keys are read again beside the request; a key that the issuer took back is gone soon after. */
const FRESH_MS = 5 * 60_000;
/** After this they are not used at all, so that an issuer that cannot be asked is not believed for ever. */
const USABLE_MS = 60 * 60_000;
/** Between two readings, whatever was asked for: names of keys that do not exist cost a stranger nothing. */
const AGAIN_MS_MIN = 30_000;
/** After a reading that failed. */
const FAILED_MS_MIN = 5_000;

export type KeyParts = { clock: Clock; documents: Documents };

export interface IssuerKeys {
  /** The key of this name. A promise only where the issuer must be asked first. */
  find(kid: string): ForeignKey | Refusal | Promise<ForeignKey | Refusal>;
}

type Known = { keys: ReadonlyMap<string, ForeignKey>; read_at: number };

/** The keys of one issuer, read through the egress door and kept in bounds of size, number, age and frequency. */
export function openIssuerKeys(issuer: TrustedIssuer, { clock, documents }: KeyParts): IssuerKeys {
  const addresses = [issuer.issuer, ...(issuer.jwks_uri === undefined ? [] : [issuer.jwks_uri])];
  const fetchDocument = documents.configured({ addresses, ca: issuer.ca });
  let known: Known | undefined;
  let failure: Refusal | undefined;
  let next_at = 0;
  let reading: Promise<void> | undefined;

  const read = (): Promise<void> => {
    if (reading !== undefined) return reading;
    if (clock.monotonic() < next_at) return Promise.resolve();
    reading = readKeys(issuer, fetchDocument).then((result) => {
      const now = clock.monotonic();
      failure = isRefusal(result) ? result : undefined;
      if (!isRefusal(result)) known = { keys: result, read_at: now };
      next_at = now + (isRefusal(result) ? FAILED_MS_MIN : AGAIN_MS_MIN);
      reading = undefined;
    });
    return reading;
  };
  const usable = (): Known | undefined =>
    known !== undefined && clock.monotonic() - known.read_at < USABLE_MS ? known : undefined;
  const found = (kid: string): ForeignKey | Refusal => {
    const now = usable();
    if (now === undefined) return failure ?? refuse('issuer_unavailable', `the keys of ${issuer.issuer} are too old`);
    return now.keys.get(kid) ?? refuse('token_key_unknown', `${issuer.issuer} has no key of the name in the token`);
  };
  return {
    find(kid) {
      const now = usable();
      if (now?.keys.has(kid) !== true) return read().then(() => found(kid));
      if (clock.monotonic() - now.read_at > FRESH_MS) void read();
      return found(kid);
    },
  };
}

async function readKeys(
  issuer: TrustedIssuer,
  read: FetchDocument,
): Promise<ReadonlyMap<string, ForeignKey> | Refusal> {
  const jwks_uri = issuer.jwks_uri ?? (await discover(issuer.issuer, read));
  if (typeof jwks_uri !== 'string') return jwks_uri;
  const document = await readObject(jwks_uri, read);
  if (isRefusal(document)) return document;
  const { keys } = document;
  if (!Array.isArray(keys) || keys.length > KEYS_MAX) {
    return refuse('issuer_unavailable', `${jwks_uri} is not a set of at most ${KEYS_MAX} keys (RFC 7517, section 5)`);
  }
  const usable = keys.flatMap((key) => (isJsonObject(key) ? (readForeignKey(key) ?? []) : []));
  // Two keys of one name: which of them the issuer means cannot be told, so neither counts.
  const once = usable.filter(({ kid }) => usable.filter((other) => other.kid === kid).length === 1);
  return new Map(once.map((key) => [key.kid, key]));
}

/** OpenID Connect Discovery, section 4.3: a document that names another issuer is not this one's. */
async function discover(issuer: string, read: FetchDocument): Promise<string | Refusal> {
  const document = await readObject(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, read);
  if (isRefusal(document)) return document;
  if (document.issuer !== issuer) {
    return refuse('issuer_unavailable', `the discovery document of ${issuer} names another issuer`);
  }
  const { jwks_uri } = document;
  return typeof jwks_uri === 'string' && URL.canParse(jwks_uri)
    ? jwks_uri
    : refuse('issuer_unavailable', `the discovery document of ${issuer} names no jwks_uri`);
}

async function readObject(url: string, read: FetchDocument): Promise<JsonObject | Refusal> {
  const bounds = { bytes_max: DOCUMENT_BYTES_MAX, seconds_max: DOCUMENT_SECONDS_MAX };
  const answer = await read(url, { accept: ['application/json', 'application/jwk-set+json'], ...bounds });
  if (isRefusal(answer)) return refuse('issuer_unavailable', answer.reason);
  if (answer.status !== 200) return refuse('issuer_unavailable', `${url} answered ${answer.status}`);
  try {
    const value = parseJson(Buffer.from(answer.body));
    if (isJsonObject(value)) return value;
  } catch {
    // Said below: what is not JSON is not an object either.
  }
  return refuse('issuer_unavailable', `${url} is not a JSON object`);
}
