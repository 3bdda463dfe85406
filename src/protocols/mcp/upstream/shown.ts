import { andThen } from '../../../core/and-then.ts';
import { isKeptNumber, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import { Secret } from '../../../core/secret.ts';
import { type Masker, maskerOf } from '../../../core/secret-forms.ts';
import type { HttpMethod, UpstreamCredential } from '../../../core/upstream-credential.ts';
import type { HttpHeaders } from '../../../enforcement/index.ts';
import type { RpcOutcome } from '../upstream.ts';
import type { Incoming } from './messages.ts';

/** What a server is shown beside a message, and what is taken out of its answers again. */
export type Shown = {
  /** Name, value, name, value. */
  headers: readonly string[];
  mask: Masker | undefined;
  /** What only this message is shown: name, value, name, value. */
  proof(method: HttpMethod): readonly string[];
  heard(status: number, headers: HttpHeaders): 'again' | Refusal | undefined;
};

/** Before anything was shown. */
export const NOTHING_SHOWN: Shown = { headers: [], mask: undefined, proof: () => [], heard: () => undefined };

type Named = Readonly<Record<string, string | Secret>>;

/** `fixed` is what the configuration sends with every request; a credential stands in the place of a header of its name. */
export function shownOf(fixed: Named, credential: UpstreamCredential | undefined): Shown {
  const kept = Object.entries(fixed).filter(([name]) => credential?.headers[name.toLowerCase()] === undefined);
  const values = Object.values(fixed).filter((value) => value instanceof Secret);
  return {
    headers: [...kept, ...Object.entries(credential?.headers ?? {})].flatMap(([name, value]) => [
      name.toLowerCase(),
      value instanceof Secret ? value.reveal() : value,
    ]),
    mask: maskerOf([...values.map(withoutScheme), ...(credential?.secrets ?? [])]),
    proof: (method) =>
      Object.entries(credential?.proof?.(method) ?? {}).flatMap(([name, value]) => [name, value.reveal()]),
    heard: (status, headers) =>
      credential?.heard?.({
        status,
        challenge: textOf(headers['www-authenticate']),
        nonce: textOf(headers['dpop-nonce']),
      }),
  };
}

function textOf(value: HttpHeaders[string]): string | undefined {
  return typeof value === 'string' ? value : value?.join(', ');
}

/** `Bearer abc` comes back as `abc`, too. */
export function withoutScheme(value: Secret): Secret {
  return new Secret(value.reveal().replace(/^[A-Za-z][A-Za-z-]* (?=\S)/, ''));
}

export type Found = UpstreamCredential | Refusal | undefined;

/** Without a credential every message is shown the same. */
const always = new WeakMap<Named, Shown>();

/** Waits only where there is something to wait for. */
export function thenShown(fixed: Named, found: Found | Promise<Found>): Shown | Refusal | Promise<Shown | Refusal> {
  return andThen(found, (credential) => {
    if (credential !== undefined) return isRefusal(credential) ? credential : shownOf(fixed, credential);
    const shown = always.get(fixed) ?? shownOf(fixed, undefined);
    always.set(fixed, shown);
    return shown;
  });
}

/** The message without what the server was shown. The same object where it has nothing of it. */
export function masked(message: Incoming, mask: Masker | undefined): Incoming {
  if (mask === undefined) return message;
  switch (message.kind) {
    case 'answer':
      return { ...message, outcome: maskOutcome(message.outcome, mask) };
    case 'request':
    case 'notification':
      return { ...message, params: maskValue(message.params, mask) as JsonObject };
    case 'garbage':
      return { kind: 'garbage', why: mask(message.why) };
  }
}

function maskOutcome(outcome: RpcOutcome, mask: Masker): RpcOutcome {
  if (outcome.kind === 'result') return { kind: 'result', result: maskValue(outcome.result, mask) as JsonObject };
  const { code, message, data } = outcome.error;
  const error = { code, message: mask(message) };
  return { kind: 'error', error: data === undefined ? error : { ...error, data: maskValue(data, mask) } };
}

/** Parsing has bounded the depth. A secret of digits may come back as a number. */
function maskValue(value: JsonValue, mask: Masker): JsonValue {
  if (typeof value === 'string') return mask(value);
  if (typeof value === 'number' || isKeptNumber(value)) {
    const text = JSON.stringify(value);
    const clean = mask(text);
    return clean === text ? value : clean;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => maskValue(item, mask));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [mask(key), maskValue(item, mask)]));
}
