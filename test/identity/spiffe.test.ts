import assert from 'node:assert/strict';
import { hash, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openFederated } from '../../src/controls/identity/spiffe/bundles.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { run } from '../cli/support.ts';
import { readEntries } from '../support/forger.ts';
import {
  heldOf,
  metadata,
  OpenSslAuthority,
  OWN,
  openSpiffeWorld,
  PARTNER,
  pem,
  type SpiffeWorld,
  type X509SvidResponse,
} from '../support/spiffe.ts';

/** The trust domain as its operator and its workloads meet it: command line, sockets, files, and an independent gRPC client. */
let world: SpiffeWorld;

before(async () => {
  world = await openSpiffeWorld({ spiffe: '    svid_seconds: 20\n' });
});
after(() => world.stop());

type Stream = NodeJS.EventEmitter & { cancel(): void };
type Answer<T> = (error: Error | null, value: T) => void;
type Client = {
  FetchX509SVID(message: object, metadata: unknown): Stream;
  FetchX509Bundles(message: object, metadata: unknown): Stream;
  FetchJWTBundles(message: object, metadata: unknown): Stream;
  FetchJWTSVID(
    message: object,
    metadata: unknown,
    answer: Answer<{ svids: { spiffe_id: string; svid: string }[] }>,
  ): void;
  ValidateJWTSVID(message: object, metadata: unknown, answer: Answer<{ spiffe_id: string }>): void;
};
const client = (): Client => world.workload() as unknown as Client;

async function first<T>(stream: Stream): Promise<T> {
  stream.on('error', () => undefined);
  const value = await new Promise<T>((resolve) => stream.once('data', resolve));
  stream.cancel();
  return value;
}

test('the published service definition: five methods by somebody else’s client', async () => {
  const { svids, federated_bundles } = await first<X509SvidResponse>(client().FetchX509SVID({}, metadata()));
  assert.equal(svids[0]?.spiffe_id, `spiffe://${OWN}/agent/triage`);
  assert.deepEqual(Object.keys(federated_bundles), [`spiffe://${PARTNER}`]);
  assert.equal(pem('CERTIFICATE', federated_bundles[`spiffe://${PARTNER}`]!), world.partner.held.cert);
  const x509 = await first<{ bundles: object }>(client().FetchX509Bundles({}, metadata()));
  const jwt = await first<{ bundles: object }>(client().FetchJWTBundles({}, metadata()));
  for (const { bundles } of [x509, jwt]) {
    assert.deepEqual(Object.keys(bundles).sort(), [`spiffe://${OWN}`, `spiffe://${PARTNER}`]);
  }
  const svid = await new Promise<string>((resolve, reject) =>
    client().FetchJWTSVID({ audience: ['https://db.example'] }, metadata(), (error, value) =>
      error === null ? resolve(value.svids[0]!.svid) : reject(error),
    ),
  );
  const validate = (audience: string): Promise<string> =>
    new Promise((resolve) =>
      client().ValidateJWTSVID({ audience, svid }, metadata(), (error, value) =>
        resolve(error === null ? value.spiffe_id : error.message),
      ),
    );
  assert.equal(await validate('https://db.example'), `spiffe://${OWN}/agent/triage`);
  assert.match(await validate('https://other.example'), /token_wrong_audience/);
});

test('a stream brings the next SVID at half of the life, and the run goes on', { timeout: 30_000 }, async () => {
  const stream = client().FetchX509SVID({}, metadata());
  stream.on('error', () => undefined);
  const seen: { at: number; der: Buffer; key: Buffer }[] = [];
  const two = new Promise<void>((resolve) => {
    stream.on('data', ({ svids }: X509SvidResponse) => {
      seen.push({ at: Date.now(), der: svids[0]!.x509_svid, key: svids[0]!.x509_svid_key });
      if (new Set(seen.map(({ der }) => der.toString('hex'))).size === 2) resolve();
    });
  });
  await two;
  stream.cancel();
  const [old, next] = [seen[0]!, seen.at(-1)!];
  const waited = next.at - old.at;
  assert.ok(waited > 8_000 && waited < 14_000, `${waited} ms`);
  const { validTo } = new X509Certificate(old.der);
  assert.ok(Date.parse(validTo) > next.at, 'the old one still counts when the new one comes');
  const runs = async () => {
    const answer = await world.local.call('runs.list', {});
    return answer.kind === 'ok' ? answer.value.runs.filter(({ agent }) => agent === 'triage').map(({ id }) => id) : [];
  };
  const held = (one: { der: Buffer; key: Buffer }) => ({
    cert: pem('CERTIFICATE', one.der),
    key: pem('PRIVATE KEY', one.key),
    certFile: '',
    keyFile: '',
  });
  assert.equal((await world.append(held(old), 'ok old')).status, 200);
  const earlier = await runs();
  assert.equal((await world.append(held(next), 'ok next')).status, 200);
  assert.deepEqual(await runs(), earlier);
});

test('the gateway’s own SVID is renewed by itself', { timeout: 30_000 }, async () => {
  const rotations = async (): Promise<number> => {
    const answer = await world.local.call('spiffe.status', {});
    return answer.kind === 'ok' ? answer.value.svid.rotations : -1;
  };
  for (let tries = 0; (await rotations()) < 1 && tries < 100; tries += 1) await sleep(200);
  assert.ok((await rotations()) >= 1);
});

test('sallyport spiffe fetch writes files that others can use, and says why it cannot', async () => {
  const out = join(world.folder, 'svid');
  const socket = join(world.folder, '.sallyport', 'spiffe', 'triage.sock');
  const { code, err } = await run(['spiffe', 'fetch', '--socket', `unix://${socket}`, '--out', out]);
  assert.equal(code, 0, err);
  assert.equal(statSync(join(out, 'svid.key')).mode & 0o777, 0o600);
  const held = heldOf(join(out, 'svid.pem'), join(out, 'svid.key'));
  assert.equal((await world.append(held, 'ok fetched')).status, 200);
  assert.equal(readFileSync(join(out, 'bundle.pem'), 'utf8'), world.authorities);
  const away = await run(['spiffe', 'fetch', '--socket', `${socket}.none`, '--out', join(world.folder, 'none')]);
  assert.equal(away.code, 1);
  assert.equal(existsSync(join(world.folder, 'none')), false);
  assert.equal((await run(['spiffe', 'fetch', '--out', out])).code, 2);
});

test('status, bundle and rotation by the command line', async () => {
  const config = ['--config', join(world.folder, 'sallyport.yaml')];
  const status = await run(['spiffe', 'status', ...config]);
  assert.match(status.out, /trust domain corp\.example[\s\S]*signs[\s\S]*partner\.example/);
  const bundle = JSON.parse((await run(['spiffe', 'bundle', ...config])).out) as { keys: JsonObject[] };
  const published = await fetch(`${world.running.agents_url}/spiffe/bundle`);
  assert.deepEqual(await published.json(), bundle);
  assert.deepEqual(
    bundle.keys.map(({ use }) => use),
    ['x509-svid', 'jwt-svid'],
  );
  assert.equal((await run(['spiffe', 'rotate', 'authority', ...config])).code, 0);
  const later = JSON.parse((await run(['spiffe', 'bundle', ...config])).out) as { keys: JsonObject[] };
  assert.equal(later.keys.length, 4);
  // The new authority waits until everybody has had time to learn of it.
  const held = await world.fetchSvid();
  assert.ok(new X509Certificate(held.cert).verify(new X509Certificate(world.authorities).publicKey));
  const token = await run(['agent', 'join-token', 'triage', ...config]);
  assert.match(token.out, /^join_[A-Za-z0-9_-]{43}\n$/);
});

test('each SVID leaves a receipt that does not say whose it is', async () => {
  const held = await world.fetchSvid();
  const thumbprint = hash('sha256', new X509Certificate(held.cert).raw, 'base64url');
  const found = async (): Promise<string | undefined> =>
    readEntries(join(world.folder, '.sallyport', 'log')).find(
      (entry) => entry.includes('"svid.issue"') && entry.includes(thumbprint),
    );
  for (let tries = 0; (await found()) === undefined && tries < 50; tries += 1) await sleep(200);
  const receipt = (await found()) ?? '';
  assert.equal((JSON.parse(receipt) as { subject: string }).subject, thumbprint);
  assert.doesNotMatch(receipt, /spiffe:\/\/|triage/);
});

test('another domain’s bundle is read again from its file', { timeout: 60_000 }, async () => {
  const renewed = await OpenSslAuthority.make(join(world.folder, 'partner-2'), PARTNER);
  const held = await renewed.leaf({ names: `URI:spiffe://${PARTNER}/bots/one` });
  assert.equal((await world.append(held, 'ok early')).code, 'svid_untrusted');
  const file = join(world.folder, 'partner.json');
  const [old, next] = [JSON.parse(world.partner.bundle()), JSON.parse(renewed.bundle())] as { keys: object[] }[];
  writeFileSync(file, JSON.stringify({ keys: [...old!.keys, ...next!.keys], spiffe_sequence: 2 }));
  let status = 0;
  for (let tries = 0; status !== 200 && tries < 200; tries += 1) {
    await sleep(200);
    status = (await world.append(held, 'ok renewed')).status;
  }
  assert.equal(status, 200);
});

test('bundles by address: the hint says when, an older sequence, an error and garbage change nothing', async () => {
  const answers: (string | number)[] = [];
  const waits: number[] = [];
  let due = (): void => undefined;
  const problems: unknown[] = [];
  const bundle = (sequence: number, hint: number): string =>
    JSON.stringify({ ...JSON.parse(world.partner.bundle()), spiffe_sequence: sequence, spiffe_refresh_hint: hint });
  answers.push(bundle(5, 120));
  const fetchDocument = async () => {
    const next = answers.shift() ?? 500;
    const body = Buffer.from(typeof next === 'string' ? next : '');
    const status = typeof next === 'number' ? next : 200;
    return { kind: 'document', status, content_type: 'application/json', headers: {}, body } as const;
  };
  const federated = await openFederated({
    clock: {
      now: () => 7,
      monotonic: () => 7,
      after: (wait_ms, work) => {
        waits.push(wait_ms);
        due = work;
        return () => undefined;
      },
    },
    documents: { learned: fetchDocument, configured: () => fetchDocument },
    sources: { [PARTNER]: 'https://partner.example/bundle' },
    changed: () => undefined,
    report: (_problem, why) => problems.push(why),
  });
  const again = async (answer: string | number): Promise<number | undefined> => {
    answers.push(answer);
    due();
    await sleep(20);
    return federated.of(PARTNER)?.sequence;
  };
  assert.equal(federated.of(PARTNER)?.authorities.length, 1);
  assert.deepEqual(waits, [120_000]);
  for (const answer of [bundle(4, 120), 404, 302, 'x', '{"keys":7}', '{"keys":[{"use":"x509-svid","x5c":["AA=="]}]}']) {
    assert.equal(await again(answer), 5, String(answer));
    assert.ok(federated.list()[0]?.problem);
  }
  assert.equal(await again(bundle(6, 1)), 6);
  assert.equal(federated.list()[0]?.problem, null);
  assert.equal(waits.at(-1), 30_000);
  assert.equal(federated.of('nowhere.example'), undefined);
  federated.close();
});
