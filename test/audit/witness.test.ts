import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { verifyLog, type WitnessPost } from '../../src/controls/audit/index.ts';
import { publicBytes } from '../../src/controls/audit/note.ts';
import { Cosigner } from '../../src/controls/audit/witness.ts';
import { exchanges, freshLedger, testKeys } from '../support/ledger.ts';
import { startWitness, type Witness } from '../support/witness.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const post: WitnessPost = async (url, body) => {
  const response = await fetch(url, { method: 'POST', body });
  return { status: response.status, type: response.headers.get('content-type') ?? '', body: await response.text() };
};

async function witness(origin = 'sallyport.test/log', name?: string): Promise<Witness> {
  const started = await startWitness({ origin, publicKey: publicBytes(testKeys.signing) }, name);
  undo.push(() => started.close());
  return started;
}

async function witnessed(witnesses: readonly Witness[], required: number, through: WitnessPost = post) {
  const problems: string[] = [];
  const report = (problem: string, error: unknown) => problems.push(`${problem}: ${error}`);
  const known = witnesses.map(({ url, key }) => ({ url, key }));
  const fresh = await freshLedger(undo, { witnesses: { known, required, post: through }, report });
  return { ...fresh, problems };
}

test('an independent witness cosigns each checkpoint, and its word makes a log verified', async () => {
  const own = await witness();
  const { ledger, folder, problems } = await witnessed([own], 1);
  for (const count of [1, 3, 130, 7]) {
    await exchanges(ledger, count);
    await ledger.drain();
  }
  assert.equal(own.seen(), 282);
  assert.deepEqual(ledger.status().witnesses, ['witness.test/w1']);
  assert.match(own.requests.at(-1) ?? '', /^old 268\n[A-Za-z0-9+/=\n]+\n\nsallyport/);
  const report = await verifyLog(folder, { witnesses: [own.key] });
  assert.deepEqual([report.verdict, report.vouched], ['verified', 282], JSON.stringify(report.problems));
  assert.equal((await verifyLog(folder)).verdict, 'self-asserted', 'a witness that nobody trusts vouches for nothing');
  assert.deepEqual(problems, []);
});

test('a witness that has seen the log before is asked again from there', async () => {
  const own = await witness();
  const { ledger } = await witnessed([own], 1);
  await exchanges(ledger, 10);
  await ledger.drain();
  const before = own.requests.length;
  // Another replica on the same log, which does not know what the witness has seen.
  const posts: number[] = [];
  const through: WitnessPost = async (url, body) => {
    const answer = await post(url, body);
    posts.push(answer.status);
    return answer;
  };
  const nodes = () => async () => assert.fail('an equal tree needs no proof');
  const cosigner = new Cosigner({ witnesses: [own], required: 1, post: through, nodes, report: assert.fail });
  const cosigned = await cosigner.cosign(ledger.checkpoint()!, 0);
  assert.deepEqual(posts, [409, 200]);
  assert.equal(cosigned.length, 1);
  assert.equal(own.requests.length, before + 2);
});

test('with fewer cosignatures than required nothing new is published', async () => {
  const own = await witness();
  let isDown = false;
  const through: WitnessPost = (url, body) => (isDown ? Promise.reject(new Error('down')) : post(url, body));
  const { ledger, problems } = await witnessed([own], 1, through);
  await exchanges(ledger, 2);
  await ledger.drain();
  const kept = ledger.checkpoint();
  isDown = true;
  await exchanges(ledger, 2);
  await ledger.drain();
  assert.equal(ledger.checkpoint(), kept);
  assert.ok(problems.some((problem) => /only 0 of 1 witnesses/.test(problem)));
  isDown = false;
  await ledger.drain();
  assert.match(ledger.checkpoint() ?? '', /\n8\n/);
  assert.equal(ledger.status().witnesses.length, 1);
});

test('with none required the checkpoint is published at once and the cosignature follows', async () => {
  const own = await witness();
  const { ledger } = await witnessed([own], 0, async (url, body) => {
    assert.match(ledger.checkpoint() ?? '', /\n2\n/, 'published before the witness was asked');
    return post(url, body);
  });
  await exchanges(ledger, 1);
  await ledger.drain();
  assert.match(ledger.checkpoint() ?? '', /— witness\.test\/w1 /);
});

test('answers that are wrong, forged, endless or for another log cost the cosignature and nothing else', async () => {
  const own = await witness();
  const stranger = await witness('another.test/log');
  const other = await witness('sallyport.test/log', 'witness.test/w2');
  const answers: WitnessPost[] = [
    async () => ({ status: 200, type: '', body: 'thanks\n' }),
    async () => ({ status: 200, type: '', body: `— witness.test/w1 ${Buffer.alloc(76).toString('base64')}\n` }),
    async () => ({ status: 409, type: 'text/plain', body: '1\n' }),
    async () => ({ status: 409, type: 'text/x.tlog.size', body: '99999\n' }),
    async () => ({ status: 500, type: '', body: 'x'.repeat(100_000) }),
    (_url, body) => post(stranger.url, body),
    (_url, body) => post(other.url, body),
  ];
  let turn = 0;
  const { ledger, folder, problems } = await witnessed([own], 0, (url, body) => answers[turn]!(url, body));
  for (; turn < answers.length; turn += 1) {
    await exchanges(ledger, 1);
    await ledger.drain();
    assert.equal(problems.length, turn + 1, `answer ${turn}`);
    assert.deepEqual(ledger.status().witnesses, []);
  }
  assert.equal((await verifyLog(folder, { witnesses: [own.key] })).verdict, 'self-asserted');
});

test('what is not the key of a witness is refused at start', async () => {
  const known = [{ url: 'http://127.0.0.1:1', key: 'witness.test/w1+00000000+BAAA' }];
  await assert.rejects(
    freshLedger(undo, { witnesses: { known, required: 1, post } }),
    /not the verifier key of a witness/,
  );
});
