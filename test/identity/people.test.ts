import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { SignedIn } from '../../src/controls/identity/index.ts';
import { codeAt } from '../../src/controls/identity/people/authenticator.ts';
import type { Role } from '../../src/core/person.ts';
import { isRefusal, type Refusal } from '../../src/core/refusal.ts';
import { openWorld, type World } from '../support/identity.ts';

const MINUTE_MS = 60_000;
const PASSWORD = 'correct horse battery staple';
let world: World;
let source = '';
let people: World['identity']['people'];

before(async () => {
  world = await openWorld();
  people = world.identity.people;
});
after(() => world.close());
let sources = 0;
beforeEach(() => {
  // Limits count by source; each test is somebody else.
  source = `10.0.${sources >> 8}.${sources++ & 255}`;
});

async function link(roles: readonly Role[] = ['admin']): Promise<string> {
  const made = await people.setupLink({ roles, by: 'local' });
  assert.ok(!isRefusal(made));
  return made.secret.reveal();
}

async function join(name: string, roles: readonly Role[] = ['admin']): Promise<SignedIn> {
  const signed = await people.redeemSetup({ secret: await link(roles), name, password: PASSWORD, source });
  assert.ok(!isRefusal(signed), isRefusal(signed) ? signed.reason : '');
  return signed;
}

function code(result: unknown): string {
  return isRefusal(result) ? result.code : 'accepted';
}

describe('a set-up link', () => {
  test('makes one account, once, and signs it in', async () => {
    const secret = await link(['auditor']);
    const signed = await people.redeemSetup({ secret, name: 'Ada', password: PASSWORD, source });
    assert.ok(!isRefusal(signed));
    assert.deepEqual(signed.session.person.roles, ['auditor']);
    assert.equal(code(await people.session(signed.cookie.reveal())), 'accepted');
    assert.equal(
      code(await people.redeemSetup({ secret, name: 'Eve', password: PASSWORD, source })),
      'setup_link_invalid',
    );
    const events = world.recorded.map(({ event }) => event);
    for (const event of ['person.setup', 'person.add', 'person.sign_in'] as const) assert.ok(events.includes(event));
  });

  test('used twice at once makes one account', async () => {
    const secret = await link();
    const results = await Promise.all(
      ['One', 'Two', 'Three'].map((name) => people.redeemSetup({ secret, name, password: PASSWORD, source })),
    );
    assert.deepEqual(results.map(code).sort(), ['accepted', 'setup_link_invalid', 'setup_link_invalid']);
  });

  test('lives ten minutes', async () => {
    const secret = await link();
    world.clock.forward(10 * MINUTE_MS + 1);
    assert.equal(
      code(await people.redeemSetup({ secret, name: 'Late', password: PASSWORD, source })),
      'setup_link_invalid',
    );
  });

  const bad: [string, { name?: string; password?: string }][] = [
    ['a short password', { password: 'short' }],
    ['a password of one letter', { password: 'aaaaaaaaaaaaaaaa' }],
    ['a password that contains the name', { name: 'Margaret', password: 'margaret-margaret' }],
    ['a password beyond any size', { password: 'abcdefgh'.repeat(100) }],
    ['no name', { name: ' ' }],
    ['a name with a bidirectional override', { name: 'admin\u202e' }],
    ['a name with a terminal escape', { name: 'a\u001b[31m' }],
  ];
  for (const [what, change] of bad) {
    test(`is not used up by ${what}`, async () => {
      const secret = await link(['viewer']);
      const account = { secret, name: `Person ${sources}`, password: PASSWORD, source };
      assert.equal(code(await people.redeemSetup({ ...account, ...change })), 'input_invalid');
      assert.equal(code(await people.redeemSetup(account)), 'accepted');
    });
  }

  test('gives no second account of one name, however it is spelt', async () => {
    await join('Grace');
    for (const name of ['Grace', 'gRACE', 'Ｇrace', ' Grace ']) {
      assert.equal(
        code(await people.redeemSetup({ secret: await link(), name, password: PASSWORD, source })),
        'already_exists',
      );
    }
  });

  test('gives roles that exist, and at least one', async () => {
    assert.equal(code(await people.setupLink({ roles: [], by: 'local' })), 'input_invalid');
    assert.equal(code(await people.setupLink({ roles: ['root' as Role], by: 'local' })), 'input_invalid');
  });
});

describe('signing in', () => {
  test('with name and password, in any case and normal form of the name', async () => {
    await join('Zoë');
    assert.equal(code(await people.signIn({ name: 'ZOE\u0308', password: PASSWORD, source })), 'accepted');
  });

  test('answers alike for an unknown name and a wrong password, and takes as long', async () => {
    await join('Known');
    const attempt = async (name: string): Promise<{ answer: Refusal; ms: number }> => {
      const began = performance.now();
      const answer = await people.signIn({ name, password: 'something else entirely', source });
      assert.ok(isRefusal(answer));
      return { answer, ms: performance.now() - began };
    };
    // The quicker of two each: what else the machine does only adds.
    const known = [await attempt('Known'), await attempt('Known')];
    const unknown = [await attempt('Unknown'), await attempt('Unknown')];
    assert.deepEqual(known[0]!.answer, unknown[0]!.answer);
    const [slow, quick] = [known, unknown].map((two) => Math.min(...two.map(({ ms }) => ms))) as [number, number];
    assert.ok(quick > slow / 4, `${quick} ms for an unknown name, ${slow} ms for a wrong password`);
    assert.ok(world.recorded.some(({ event }) => event === 'person.sign_in_failed'));
  });

  test('is slowed for one who guesses, and not for the same person elsewhere', async () => {
    await join('Guessed');
    const codes: string[] = [];
    for (let at = 0; at < 8; at++)
      codes.push(code(await people.signIn({ name: 'Guessed', password: `guess ${at}`, source })));
    assert.deepEqual(codes.slice(0, 5), Array(5).fill('sign_in_failed'));
    assert.deepEqual(codes.slice(5), Array(3).fill('rate_limited'));
    assert.equal(code(await people.signIn({ name: 'Guessed', password: PASSWORD, source })), 'rate_limited');
    assert.equal(code(await people.signIn({ name: 'Guessed', password: PASSWORD, source: '192.0.2.7' })), 'accepted');
    world.clock.forward(MINUTE_MS);
    assert.equal(code(await people.signIn({ name: 'Guessed', password: PASSWORD, source })), 'accepted');
  });

  test('stores argon2id and no password, no cookie, no link', async () => {
    const { cookie } = await join('Stored');
    const secret = await link();
    const rows: object[] = [];
    for (const table of ['people', 'sessions', 'setup_links'])
      rows.push(...(await world.db.query(`select * from identity_${table}`)));
    const text = JSON.stringify(rows);
    assert.match(text, /\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    for (const value of [PASSWORD, cookie.reveal(), secret]) assert.ok(!text.includes(value));
    assert.ok(!JSON.stringify(world.recorded).includes(PASSWORD));
  });
});

describe('a session', () => {
  test('ends when it idles, when it is old, and when its person signs out', async () => {
    const idle = (await join('Idle')).cookie.reveal();
    world.clock.forward(59 * MINUTE_MS);
    assert.equal(code(await people.session(idle)), 'accepted');
    world.clock.forward(61 * MINUTE_MS);
    assert.equal(code(await people.session(idle)), 'sign_in_required');

    const old = (await join('Old')).cookie.reveal();
    for (let hour = 0; hour < 13; hour++) {
      world.clock.forward(55 * MINUTE_MS);
      await people.session(old);
    }
    assert.equal(code(await people.session(old)), 'accepted');
    world.clock.forward(10 * MINUTE_MS);
    assert.equal(code(await people.session(old)), 'sign_in_required');

    const out = (await join('Out')).cookie.reveal();
    await people.signOut(out);
    assert.equal(code(await people.session(out)), 'sign_in_required');
    assert.ok(world.recorded.some(({ event }) => event === 'person.sign_out'));
  });

  test('is none for a cookie that is forged or that is the stored hash', async () => {
    await join('Copied');
    const rows = await world.db.query<{ id: string }>('select id from identity_sessions');
    for (const cookie of ['', 'x', 'A'.repeat(43), rows[0]!.id, "' or 1=1 --"]) {
      assert.equal(code(await people.session(cookie)), 'sign_in_required');
    }
  });

  test('ends when its person’s roles change or the person is removed', async () => {
    const first = await join('Changing', ['viewer']);
    const id = first.session.person.id;
    assert.equal(await people.changeRoles(id, ['auditor'], 'local'), undefined);
    assert.equal(code(await people.session(first.cookie.reveal())), 'sign_in_required');
    const second = await people.signIn({ name: 'Changing', password: PASSWORD, source });
    assert.ok(!isRefusal(second));
    assert.deepEqual(second.session.person.roles, ['auditor']);
    assert.equal(await people.remove(id, 'local'), undefined);
    assert.equal(code(await people.session(second.cookie.reveal())), 'sign_in_required');
    assert.equal(code(await people.signIn({ name: 'Changing', password: PASSWORD, source })), 'sign_in_failed');
  });
});

test('the last admin stays', async () => {
  const own = await openWorld();
  const made = await own.identity.people.setupLink({ roles: ['admin'], by: 'local' });
  assert.ok(!isRefusal(made));
  const only = await own.identity.people.redeemSetup({
    secret: made.secret.reveal(),
    name: 'Only',
    password: PASSWORD,
    source,
  });
  assert.ok(!isRefusal(only));
  const { id } = only.session.person;
  assert.equal((await own.identity.people.remove(id, 'local'))?.code, 'input_invalid');
  assert.equal((await own.identity.people.changeRoles(id, ['viewer'], 'local'))?.code, 'input_invalid');
  assert.equal((await own.identity.people.remove('usr_none', 'local'))?.code, 'not_found');
  await own.close();
});

describe('presence', () => {
  test('codes are those of RFC 6238, appendix B', () => {
    const secret = Buffer.from('12345678901234567890');
    const vectors: [number, string][] = [
      [59, '287082'],
      [1_111_111_109, '081804'],
      [1_111_111_111, '050471'],
      [1_234_567_890, '005924'],
      [2_000_000_000, '279037'],
      [20_000_000_000, '353130'],
    ];
    for (const [time, expected] of vectors) assert.equal(codeAt(secret, Math.floor(time / 30)), expected);
  });

  test('is shown by an authenticator, whose codes count once', async () => {
    const { cookie, session } = await join('Present');
    const id = cookie.reveal();
    assert.deepEqual([session.authenticator, session.present_until], [false, null]);
    assert.equal(code(await people.present(id, '000000')), 'presence_required');
    const enrolment = await people.enrol(id);
    assert.ok(!isRefusal(enrolment));
    const secret = fromBase32(enrolment.secret.reveal());
    assert.match(enrolment.uri.reveal(), /^otpauth:\/\/totp\/Sallyport:Present%40.*secret=[A-Z2-7]{32}&/);
    const now = (): string => codeAt(secret, Math.floor(world.clock.now() / 30_000));
    assert.equal(code(await people.present(id, wrong(now()))), 'presence_failed');
    const present = await people.present(id, now());
    assert.ok(!isRefusal(present));
    assert.ok(present.authenticator && present.present_until! > world.clock.now());
    assert.equal(code(await people.present(id, now())), 'presence_failed');
    world.clock.forward(30_000);
    assert.equal(code(await people.present(id, now())), 'accepted');
    world.clock.forward(6 * MINUTE_MS);
    const later = await people.session(id);
    assert.ok(!isRefusal(later) && later.present_until! < world.clock.now());
    const events = world.recorded.map(({ event }) => event);
    assert.ok(events.includes('person.enrol') && events.includes('person.present'));
  });

  test('a stolen cookie cannot bring its own authenticator', async () => {
    const { cookie } = await join('Victim');
    world.clock.forward(16 * MINUTE_MS);
    assert.equal(code(await people.enrol(cookie.reveal())), 'presence_required');
    const fresh = (await people.signIn({ name: 'Victim', password: PASSWORD, source })) as SignedIn;
    const enrolment = await people.enrol(fresh.cookie.reveal());
    assert.ok(!isRefusal(enrolment));
    const secret = fromBase32(enrolment.secret.reveal());
    await people.present(fresh.cookie.reveal(), codeAt(secret, Math.floor(world.clock.now() / 30_000)));
    world.clock.forward(6 * MINUTE_MS);
    assert.equal(code(await people.enrol(fresh.cookie.reveal())), 'presence_required');
  });

  test('codes cannot be guessed', async () => {
    const { cookie } = await join('Tried');
    await people.enrol(cookie.reveal());
    const codes: string[] = [];
    for (let at = 0; at < 10; at++)
      codes.push(code(await people.present(cookie.reveal(), String(at).padStart(6, '0'))));
    assert.ok(
      codes.slice(5).every((answer) => answer === 'rate_limited'),
      codes.join(),
    );
  });

  test('its secret is sealed, and is worth nothing in another’s row', async () => {
    const one = await join('Sealed');
    const enrolment = await people.enrol(one.cookie.reveal());
    assert.ok(!isRefusal(enrolment));
    const rows = await world.db.query<{ authenticator_pending: string }>(
      'select authenticator_pending from identity_people where id = $1',
      [one.session.person.id],
    );
    const sealed = rows[0]!.authenticator_pending;
    assert.ok(!Buffer.from(sealed, 'base64url').includes(fromBase32(enrolment.secret.reveal())));
    const two = await join('Thief');
    await world.db.query('update identity_people set authenticator_pending = $2 where id = $1', [
      two.session.person.id,
      sealed,
    ]);
    assert.equal(code(await people.present(two.cookie.reveal(), '000000')), 'presence_failed');
    assert.ok(world.problems.some((problem) => problem.includes('sealed with another key')));
  });
});

function wrong(right: string): string {
  return right === '123456' ? '654321' : '123456';
}

function fromBase32(text: string): Buffer {
  const bits = [...text]
    .map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'))
    .join('');
  return Buffer.from(bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)));
}
