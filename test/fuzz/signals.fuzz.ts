import { readEvent } from '../../src/controls/identity/signals/events.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { isRefusal, refuse } from '../../src/core/refusal.ts';
import { type Dice, fuzz } from './harness.ts';

/**
 * Security events as anybody may push them: whatever a token holds, it is refused with a code before a key is asked for, or
 * goes on to the key, which here nobody has. Nothing is acted on.
 */
const NOW = 1_800_000_000_000;
const ISSUER = 'https://issuer.example';
const TYPES = ['secevent+jwt', 'JWT', 'at+jwt', '', 7];
const NAMES = ['iss', 'aud', 'iat', 'jti', 'events', 'sub_id', 'sub', 'exp', '__proto__', 'constructor'];
const EVENT = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';
const VALUES: readonly JsonValue[] = [
  ISSUER,
  'https://gateway.example',
  NOW / 1000,
  -1,
  1e300,
  '',
  'x'.repeat(300),
  null,
  [],
  ['https://gateway.example', 1],
  {},
  { [EVENT]: {} },
  { [EVENT]: 'text' },
  { [EVENT]: {}, other: {} },
  { format: 'opaque', id: 'a' },
  { format: 'iss_sub', iss: ISSUER },
  { format: 'email', email: 7 },
];

function token(dice: Dice): string {
  const header = { typ: dice.pick(TYPES), alg: dice.pick(['RS256', 'none', 'HS256', 7]), kid: dice.pick(['one', 7]) };
  const good = {
    iss: ISSUER,
    aud: 'https://gateway.example',
    iat: NOW / 1000,
    jti: 'a',
    sub_id: { format: 'opaque', id: 'a' },
  };
  const odd = Array.from({ length: dice.integer(4) }, () => [dice.pick(NAMES), dice.pick(VALUES)]);
  const claims = { ...good, events: { [EVENT]: {} }, ...Object.fromEntries(odd) };
  const parts = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  const text = [...parts, 'AAAA'].join('.');
  return dice.integer(4) > 0 ? text : text.slice(0, dice.integer(text.length));
}

await fuzz('signals', 500, async (dice) => {
  const asked: string[] = [];
  const keys = {
    find(kid: string) {
      asked.push(kid);
      return refuse('token_key_unknown', 'nobody has a key here');
    },
  };
  const read = await readEvent(token(dice), {
    issuer: ISSUER,
    audience: 'https://gateway.example',
    keys,
    now: () => NOW,
  });
  if (!isRefusal(read)) throw new Error('an event that nobody signed was read');
  if (asked.length > 1) throw new Error('more than one key was asked for');
});
