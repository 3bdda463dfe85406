import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Clock, Random } from '../../../core/clock.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../../../core/json.ts';
import type { Secret } from '../../../core/secret.ts';

/**
 * `requestState` travels through the agent (2026-07-28, multi round-trip requests), and so is in an attacker's hands. The
 * server's own state is sealed inside ours, which only the same principal, in the same run, can bring back with the same
 * request, for a while. What the server asked for stands in it too, so that answers to other questions are dropped.
 */
export type CarriedState = {
  server: string;
  /** Receipt of the exchange that asked; the retry takes it up. */
  receipt: string;
  /** Keys of the requests that the agent was shown. */
  asked: readonly string[];
  /** The server's own state. */
  state: string | undefined;
};

/** What the state is bound to. */
export type Binding = { principal: string; run: string; method: string; params: JsonObject };

export type Seal = {
  seal(state: CarriedState, binding: Binding): string;
  /** Undefined for whatever was not sealed here, for this binding, within the last minutes. */
  open(sealed: string, binding: Binding): CarriedState | undefined;
};

/** People answer questions in this time; afterwards the call is made anew. */
const LIFE_MS = 15 * 60_000;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CHARACTERS_MAX = 65_536;
const FORM = 'sallyport request state 1';

/** @param key 32 bytes, the same on every replica. */
export function openSeal({ key, clock, random }: { key: Secret<Uint8Array>; clock: Clock; random: Random }): Seal {
  return {
    seal(state, binding) {
      const nonce = random(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key.reveal(), nonce);
      cipher.setAAD(bound(binding));
      const text = JSON.stringify({ ...state, expires_at: clock.now() + LIFE_MS });
      const parts = [nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()];
      return Buffer.concat(parts).toString('base64url');
    },
    open(sealed, binding) {
      const text = decrypt(sealed, key.reveal(), bound(binding));
      return text === undefined ? undefined : fresh(parseJson(text), clock.now());
    },
  };
}

function decrypt(sealed: string, key: Uint8Array, aad: Buffer): string | undefined {
  if (sealed.length > CHARACTERS_MAX || !/^[A-Za-z0-9_-]+$/.test(sealed)) return undefined;
  const bytes = Buffer.from(sealed, 'base64url');
  if (bytes.length <= NONCE_BYTES + TAG_BYTES) return undefined;
  // The last character has bits that a lenient reader ignores: one text for each state, or it is not ours.
  if (bytes.toString('base64url') !== sealed) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(aad);
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const body = bytes.subarray(NONCE_BYTES, -TAG_BYTES);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}

function fresh(value: JsonValue, now: number): CarriedState | undefined {
  if (!isJsonObject(value) || (value['expires_at'] as number) <= now) return undefined;
  const { server, receipt, asked, state } = value;
  return {
    server: server as string,
    receipt: receipt as string,
    asked: asked as string[],
    state: state as string | undefined,
  };
}

/** The parameters that say what is asked; not the answers, the state or the progress token, which a retry changes. */
function bound({ principal, run, method, params }: Binding): Buffer {
  const salient = { name: params['name'] ?? null, uri: params['uri'] ?? null, arguments: params['arguments'] ?? null };
  const digest = createHash('sha256')
    .update(canonicalize(salient) ?? '')
    .digest('base64');
  return Buffer.from(JSON.stringify([FORM, principal, run, method, digest]), 'utf8');
}
