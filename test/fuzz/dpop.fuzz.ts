import { hash } from 'node:crypto';
import type { Presented } from '../../src/core/exchange.ts';
import { isRefusal, REFUSAL_CODES } from '../../src/core/refusal.ts';
import { openWorld } from '../support/identity.ts';
import { type Dice, fuzz } from './harness.ts';

/**
 * Credentials as nobody would write them: honest tokens and proofs with members, types, segments and characters changed,
 * signed again or not. Whatever comes, the answer is a caller or a refusal with a known code, soon; no proof is accepted
 * twice, and nobody is accepted as another.
 */
const STRANGE: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  2 ** 53,
  '',
  ' ',
  '\u0000',
  '\ud800',
  '__proto__',
  'none',
  'HS256',
  'ES256',
  'Ed25519',
  [],
  [[]],
  {},
  { jkt: [] },
  'x'.repeat(5_000),
  { kty: 'oct', k: 'AA' },
  { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) },
  { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) },
  'http://[::1]:99999/mcp',
  'http:\\\\host\\mcp',
];
const MEMBERS =
  'typ alg jwk kid crit jti htm htu iat ath exp aud iss cnf run job nbf client_id generation __proto__'.split(' ');
const PATHS = ['/mcp', '/mcp/files', '/mcp?x', '/', '', '//', '/mcp/../x', '/%2e', '\u0000', '/mcp/'];

const world = await openWorld();
const clients = [await world.agent({ id: 'one' }), await world.agent({ id: 'two', kind: 'Ed25519' })];
const accepted = new Set<string>();
const known: ReadonlySet<string> = new Set(REFUSAL_CODES);

type Members = Record<string, unknown>;

function changed(dice: Dice, members: Members): Members {
  const result = { ...members };
  for (let count = dice.integer(3); count > 0; count -= 1) {
    const name = dice.pick(MEMBERS);
    if (dice.integer(4) === 0) delete result[name];
    else Object.defineProperty(result, name, { value: dice.pick(STRANGE), enumerable: true, configurable: true });
  }
  return result;
}

/** Cuts, doubles or overwrites somewhere. */
function torn(dice: Dice, text: string): string {
  if (dice.integer(3) > 0) return text;
  const [from, to] = [dice.integer(text.length + 1), dice.integer(text.length + 1)].sort((a, b) => a - b) as [
    number,
    number,
  ];
  const middle = dice.pick([
    '',
    '.',
    '=',
    ' ',
    '\u0000',
    ',',
    text.slice(from, to).repeat(2),
    dice.bytes(20).toString('latin1'),
  ]);
  return text.slice(0, from) + middle + text.slice(to);
}

function presentedOf(dice: Dice): Presented {
  const [owner, signer] = [dice.pick(clients), dice.integer(6) === 0 ? dice.pick(clients) : undefined];
  const key = (signer ?? owner).key;
  const token = dice.integer(2) === 0 ? owner.token : world.forge(changed(dice, owner.claims), changed(dice, {}));
  const ath = hash('sha256', token, 'base64url');
  const path = dice.integer(4) === 0 ? dice.pick(PATHS) : '/mcp';
  const jti = dice.integer(5) === 0 ? `j${dice.integer(50)}` : crypto.randomUUID();
  const claims = { jti, htm: 'POST', htu: world.issuer + path, iat: Math.floor(Date.now() / 1000), ath };
  const header = { typ: 'dpop+jwt', alg: owner.key.algorithm, jwk: owner.key.publicJwk };
  const proof = torn(dice, key.jwt(changed(dice, header), changed(dice, claims)));
  const scheme = dice.pick(['DPoP', 'DPoP', 'DPoP', 'dpop', 'Bearer', 'Basic', '']);
  const proofs = dice.pick([[proof], [proof], [proof], [], [proof, proof], [dice.bytes(300).toString('latin1')]]);
  return world.present(owner, { authorization: torn(dice, `${scheme} ${token}`), proofs, path });
}

await fuzz('dpop', 500, async (dice) => {
  const presented = presentedOf(dice);
  const result = await world.identity.authenticate(presented);
  if (isRefusal(result)) {
    if (!known.has(result.code) || result.reason === '')
      throw new Error(`a refusal without a code or a reason: ${result.code}`);
    return;
  }
  const { proof, credential, agent } = result;
  if (proof === undefined) throw new Error('accepted without a proof to claim');
  const [claimed] = await world.db.transaction((tx) => world.identity.claimProofs(tx, [proof]));
  if (claimed !== true) return;
  const once = hash('sha256', presented.proofs[0]!, 'base64url');
  if (accepted.has(once)) throw new Error(`accepted twice: ${presented.proofs[0]}`);
  accepted.add(once);
  if (credential.thumbprint !== world.identity.agents.get(agent.id)?.key) throw new Error(`accepted as ${agent.id}`);
});
console.log(`dpop: ${accepted.size} of them were accepted`);
await world.close();
