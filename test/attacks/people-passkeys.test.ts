import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type Browser, type ControlPlane, openControlPlane } from '../support/control-plane.ts';
import { type Changes, SoftPasskey } from '../support/passkey.ts';

/**
 * A page that looks like ours, an authenticator that lies, a copy of one, somebody else's passkey, an answer that was overheard.
 * What Chromium's virtual authenticator does honestly is in test/browser/sign-in.test.ts.
 */
let plane: ControlPlane;
let ada: Browser;
let eve: Browser;
let own: SoftPasskey;
const CLIENT = { 'sallyport-client': 'test' };

before(async () => {
  plane = await openControlPlane({ localhost: true });
  ada = await plane.person(['admin']);
  eve = await plane.person(['viewer']);
  own = new SoftPasskey();
  assert.equal(await enrol(ada, own), 'enrolled');
});
after(() => plane.close());
beforeEach(() => plane.clock.forward(30_000));

type Begun = { question: unknown; flow: string };
const headersOf = (person: Browser | undefined): Record<string, string> => person?.headers ?? CLIENT;

async function begin(path: string, person?: Browser): Promise<Begun> {
  const answer = await plane.send({ method: 'POST', path, headers: headersOf(person), body: {} });
  assert.equal(answer.status, 200, answer.text);
  return { question: answer.json()['question'], flow: answer.headers['set-cookie']![0]!.split(';')[0]! };
}

async function finish(path: string, body: object, flow: string, person?: Browser): Promise<string> {
  const headers = headersOf(person);
  const cookie = [headers['cookie'], flow].filter((part) => part !== undefined && part !== '').join('; ');
  const answer = await plane.send({ method: 'POST', path, headers: { ...headers, cookie }, body });
  return String(answer.json()['code'] ?? answer.json()['name']);
}

const ADD = '/api/me/passkeys';
async function enrol(person: Browser, passkey: SoftPasskey, changes: Changes = {}): Promise<string> {
  const { question, flow } = await begin(`${ADD}/question`, person);
  const answer = passkey.create(question, plane.url, changes);
  const code = await finish(ADD, { name: 'key', answer }, flow, person);
  return code === person.name ? 'enrolled' : code;
}

const SIGN_IN = '/api/sign-in/passkey';
async function signIn(passkey: SoftPasskey, changes: Changes = {}): Promise<string> {
  const { question, flow } = await begin(SIGN_IN);
  return finish(`${SIGN_IN}/answer`, { answer: passkey.get(question, plane.url, changes) }, flow);
}

test('an honest one signs in, so that what follows is refused for its own reason', async () => {
  assert.equal(await signIn(own), ada.name);
});

const lies: [string, Changes][] = [
  ['for a page of another origin', { origin: 'https://sallyport.example' }],
  ['for another port of this machine', { origin: 'http://localhost:1' }],
  ['for another domain', { rpId: 'sallyport.example' }],
  ['for another question', { challenge: Buffer.alloc(32).toString('base64url') }],
  ['for making one, not for using one', { type: 'webauthn.create' }],
  ['without the person having been verified', { flags: 0x01 }],
  ['without anybody there', { flags: 0x00 }],
];
for (const [what, changes] of lies) {
  test(`one that signed ${what} signs nobody in`, async () => {
    assert.equal(await signIn(own, changes), 'passkey_refused');
  });
}

test('one whose counter does not rise signs nobody in', async () => {
  assert.equal(await signIn(own), ada.name);
  assert.equal(await signIn(own, { counter: 1 }), 'passkey_refused');
  assert.equal(await signIn(own), ada.name);
});

test('one that nobody enrolled, or that lends another’s name, signs nobody in', async () => {
  const stranger = new SoftPasskey();
  assert.equal(await signIn(stranger), 'passkey_refused');
  const { question, flow } = await begin(SIGN_IN);
  const answer = { ...stranger.get(question, plane.url), id: own.id, rawId: own.id };
  assert.equal(await finish(`${SIGN_IN}/answer`, { answer }, flow), 'passkey_refused');
});

describe('an answer', () => {
  test('that was overheard counts for nothing the second time, nor in another browser', async () => {
    const { question, flow } = await begin(SIGN_IN);
    const answer = own.get(question, plane.url);
    assert.equal(await finish(`${SIGN_IN}/answer`, { answer }, ''), 'sign_in_lost');
    const other = await begin(SIGN_IN);
    assert.equal(await finish(`${SIGN_IN}/answer`, { answer }, other.flow), 'passkey_refused');
    assert.equal(await finish(`${SIGN_IN}/answer`, { answer }, flow), ada.name);
    assert.equal(await finish(`${SIGN_IN}/answer`, { answer }, flow), 'sign_in_lost');
  });

  test('that comes after ten minutes is lost', async () => {
    const { question, flow } = await begin(SIGN_IN);
    plane.clock.forward(10 * 60_000 + 1);
    const answer = own.get(question, plane.url);
    assert.equal(await finish(`${SIGN_IN}/answer`, { answer }, flow), 'sign_in_lost');
  });

  const strange: unknown[] = [{}, { id: 1 }, { id: 'x', response: { clientDataJSON: '!' } }];
  test('in no known form is refused, and breaks nothing', async () => {
    for (const answer of strange) {
      const { flow } = await begin(SIGN_IN);
      assert.equal(await finish(`${SIGN_IN}/answer`, { answer: answer as object }, flow), 'passkey_refused');
    }
    assert.deepEqual(plane.problems, []);
  });
});

describe('presence', () => {
  const path = '/api/me/presence/passkey';

  test('is shown by one’s own passkey, in the session that asked', async () => {
    const { question, flow } = await begin(path, ada);
    assert.equal(await finish(`${path}/answer`, { answer: own.get(question, plane.url) }, flow, ada), ada.name);
  });

  test('is not shown by somebody else’s', async () => {
    const hers = new SoftPasskey();
    assert.equal(await enrol(await plane.person(['viewer']), hers), 'enrolled');
    const { question, flow } = await begin(path, ada);
    assert.equal(
      await finish(`${path}/answer`, { answer: hers.get(question, plane.url) }, flow, ada),
      'passkey_refused',
    );
  });

  test('asked for in one session does not count in another, and a sign-in is no presence', async () => {
    const asked = await begin(path, ada);
    const answer = own.get(asked.question, plane.url);
    assert.equal(await finish(`${path}/answer`, { answer }, asked.flow, eve), 'sign_in_lost');
    const plain = await begin(SIGN_IN);
    const other = own.get(plain.question, plane.url);
    assert.equal(await finish(`${path}/answer`, { answer: other }, plain.flow, ada), 'sign_in_lost');
  });

  test('is asked of nobody without a passkey', async () => {
    const person = await plane.person(['viewer']);
    const answer = await plane.send({ method: 'POST', path, headers: person.headers, body: {} });
    assert.equal(answer.json()['code'], 'presence_required');
  });
});

describe('enrolling', () => {
  for (const [what, changes] of lies.filter(([, { type }]) => type === undefined)) {
    test(`one that signed ${what} is refused`, async () => {
      const person = await plane.person(['viewer']);
      assert.equal(await enrol(person, new SoftPasskey(), changes), 'passkey_refused');
    });
  }

  test('one that somebody has already is refused', async () => {
    const person = await plane.person(['viewer']);
    assert.equal(await enrol(person, own), 'already_exists');
  });

  test('a second one needs presence, and the first one a fresh sign-in: a stolen cookie brings no passkey', async () => {
    const person = await plane.person(['viewer']);
    assert.equal(await enrol(person, new SoftPasskey()), 'enrolled');
    const again = { method: 'POST', path: `${ADD}/question`, headers: person.headers, body: {} };
    assert.equal((await plane.send(again)).json()['code'], 'presence_required');
    const other = await plane.person(['viewer']);
    plane.clock.forward(16 * 60_000);
    const late = await plane.send({ ...again, headers: other.headers });
    assert.equal(late.json()['code'], 'presence_required');
  });

  test('and removing somebody else’s does nothing', async () => {
    const person = await plane.person(['admin'], { present: true });
    const path = `${ADD}/${own.id}`;
    const answer = await plane.send({ method: 'DELETE', path, headers: person.headers });
    assert.equal(answer.json()['code'], 'not_found');
    assert.equal(await signIn(own), ada.name);
  });
});
