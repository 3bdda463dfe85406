import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHmac, generateKeyPairSync, hash, randomBytes, sign, X509Certificate } from 'node:crypto';
import { chmodSync, lstatSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect as netConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { PeerCertificate } from '../../src/core/peer-certificate.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { openWorld as openIdentityWorld } from '../support/identity.ts';
import {
  appendMessage,
  codeOf,
  type Held,
  metadata,
  OWN,
  openSpiffeWorld,
  openssl,
  PARTNER,
  type SpiffeWorld,
} from '../support/spiffe.ts';

/**
 * The attacker holds a good certificate of somebody else's, one that was good a moment ago, a token without its
 * certificate, a joining token that was used, or a way to make a workload send requests; DESIGN 10.4 and 10.6.
 */
let world: SpiffeWorld;
let triage: Held;

before(async () => {
  world = await openSpiffeWorld();
  triage = await world.fetchSvid();
});
after(() => world.stop());

type Unary = (
  message: object,
  metadata: unknown,
  answer: (error: { code: number; details: string } | null, value: { svids: { svid: string }[] }) => void,
) => void;

async function jwtSvid(audience: string[]): Promise<string> {
  const client = world.workload() as unknown as { FetchJWTSVID: Unary };
  return new Promise((resolve, reject) =>
    client.FetchJWTSVID({ audience }, metadata(), (error, value) =>
      error === null ? resolve(value.svids[0]!.svid) : reject(new Error(error.details)),
    ),
  );
}

async function bearer(token: string): Promise<string | undefined> {
  const { headers, body } = appendMessage('ok bearer');
  const answer = await world.send(body, { ...headers, authorization: `Bearer ${token}` });
  return codeOf(answer.text);
}

async function stop(kind: 'agent' | 'key', id: string): Promise<void> {
  const set = await world.local.call('stops.set', { body: { kind, id, reason: 'test' } });
  assert.ok(set.kind === 'ok', JSON.stringify(set));
}

describe('a certificate comes from the socket and from nowhere else', () => {
  test('headers that proxies write', async () => {
    const said = encodeURIComponent(triage.cert);
    for (const header of ['x-forwarded-client-cert', 'ssl-client-cert', 'x-client-cert', 'client-cert']) {
      const answer = await world.append(undefined, 'ok header', { headers: { [header]: said } });
      assert.equal(answer.code, 'credential_missing', header);
    }
  });

  test('over the port without TLS there is none', async () => {
    const { headers, body } = appendMessage('ok plain');
    assert.equal(codeOf((await world.send(body, headers)).text), 'credential_missing');
  });
});

describe('JWT-SVIDs', () => {
  const claims = { sub: `spiffe://${OWN}/agent/triage`, exp: Math.floor(Date.now() / 1000) + 200 };
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  test('one for us is a bearer credential: what is for mtls alone does not exist for it', async () => {
    assert.equal(await bearer(await jwtSvid([world.public_url])), 'not_found');
  });

  test('one for somebody else, and one for us and somebody else', async () => {
    assert.equal(await bearer(await jwtSvid(['https://other.example'])), 'token_wrong_audience');
    assert.equal(await bearer(await jwtSvid([world.public_url, 'https://other.example'])), 'token_wrong_audience');
  });

  test('unsigned, signed with our public key as a secret, signed by another key, of another kind, for ever', async () => {
    const good = await jwtSvid([world.public_url]);
    const { kid } = JSON.parse(Buffer.from(good.split('.')[0]!, 'base64url').toString()) as { kid: string };
    const body = encode({ ...claims, aud: world.public_url });
    const none = `${encode({ alg: 'none', kid })}.${body}.AA`;
    const hmac = `${encode({ alg: 'HS256', kid })}.${body}`;
    const mac = createHmac('sha256', world.authorities).update(hmac).digest('base64url');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const forge = (header: object, members: object): string => {
      const signed = `${encode(header)}.${encode(members)}`;
      const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${signed}.${signature.toString('base64url')}`;
    };
    const mine = { ...claims, aud: world.public_url };
    for (const [token, code] of [
      [none, 'svid_untrusted'],
      [`${hmac}.${mac}`, 'svid_untrusted'],
      [forge({ alg: 'ES256', kid }, mine), 'svid_untrusted'],
      [forge({ alg: 'ES256', kid: 'other' }, mine), 'svid_untrusted'],
      [forge({ alg: 'ES256', kid, typ: 'wit+jwt' }, mine), 'token_unknown'],
      [forge({ alg: 'ES256', kid, crit: ['b64'] }, mine), 'token_unknown'],
      [forge({ alg: 'ES256', kid }, { ...mine, sub: 'triage' }), 'svid_id_invalid'],
      [forge({ alg: 'ES256', kid }, { ...mine, sub: `spiffe://nowhere.example/agent/triage` }), 'svid_domain_unknown'],
      [forge({ alg: 'ES256', kid }, { ...mine, exp: 1 }), 'svid_expired'],
      [forge({ alg: 'ES256', kid }, { ...mine, exp: claims.exp + 86_400 }), 'token_unknown'],
      [forge({ alg: 'ES256', kid }, { ...mine, exp: undefined }), 'credential_malformed'],
      [forge({ alg: 'ES256', kid }, { ...mine, nbf: claims.exp }), 'svid_not_yet_valid'],
    ] as const) {
      assert.equal(await bearer(token), code, token);
    }
  });
});

describe('tokens bound to a certificate (RFC 8705)', () => {
  const peer = (thumbprint: string): PeerCertificate => ({ chain: [], thumbprint, distrusted: undefined });

  test('with its certificate it is mtls; with another, with none, as DPoP, or bound to both, it is nothing', async () => {
    const identity = await openIdentityWorld();
    try {
      const client = await identity.agent({ id: 'one' });
      const thumbprint = randomBytes(32).toString('base64url');
      const bound = identity.forge({ ...client.claims, cnf: { 'x5t#S256': thumbprint } });
      const both = identity.forge({
        ...client.claims,
        cnf: { ...(client.claims.cnf as object), 'x5t#S256': thumbprint },
      });
      const ask = async (token: string, shown: string | undefined, scheme = 'Bearer') => {
        const more = { authorization: `${scheme} ${token}`, proofs: [] };
        const peer_certificate = shown === undefined ? undefined : peer(shown);
        const presented = identity.present(client, { ...more, peer_certificate });
        const caller = await identity.identity.authenticate(
          scheme === 'DPoP' ? { ...presented, proofs: identity.present(client).proofs } : presented,
        );
        return isRefusal(caller) ? caller.code : caller.credential;
      };
      assert.deepEqual(await ask(bound, thumbprint), { kind: 'mtls', thumbprint });
      assert.equal(await ask(bound, randomBytes(32).toString('base64url')), 'token_wrong_certificate');
      assert.equal(await ask(bound, undefined), 'token_wrong_certificate');
      assert.equal(await ask(bound, thumbprint, 'DPoP'), 'token_wrong_certificate');
      assert.equal(await ask(both, thumbprint), 'token_bound_twice');
      assert.equal(await ask(client.token, thumbprint), 'token_needs_proof');
    } finally {
      await identity.close();
    }
  });
});

async function csr(subject = '/CN=x'): Promise<{ csr: string; held: { key: string; keyFile: string } }> {
  const keyFile = join(world.folder, `join-${randomBytes(6).toString('hex')}.key`);
  await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', keyFile]);
  const pem = await openssl(['req', '-new', '-key', keyFile, '-subj', subject, '-addext', 'basicConstraints=CA:TRUE']);
  const der = pem.replace(/-----[A-Z ]+-----|\s/g, '');
  return { csr: der, held: { key: readFileSync(keyFile, 'utf8'), keyFile } };
}

type Joined = { id?: string; certificate?: string; bundle?: string; error?: string };

async function joinWith(body: object): Promise<Joined> {
  const url = `${world.running.agents_url}/spiffe/join`;
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  return (await response.json()) as Joined;
}

async function joinToken(agent = 'triage'): Promise<string> {
  const made = await world.local.call('spiffe.join_token', { body: { agent } });
  assert.ok(made.kind === 'ok', JSON.stringify(made));
  return made.value.secret;
}

/** Over mutual TLS, for the next SVID. */
function renew(held: { cert: string; key: string }, request: string): Promise<Joined> {
  const body = JSON.stringify({ csr: request });
  const { port, authorities: ca } = world;
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path: '/spiffe/svid',
      method: 'POST',
      ca,
      ...held,
      agent: false as const,
    };
    const sent = httpsRequest(options, (response) => {
      let text = '';
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve(JSON.parse(text) as Joined));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('joining', () => {
  test('a token gives one SVID; what the request asks to be called, or to be, is not looked at', async () => {
    const token = await joinToken();
    const asked = await csr('/CN=admin');
    const joined = await joinWith({ token, csr: asked.csr });
    assert.equal(joined.id, `spiffe://${OWN}/agent/triage`);
    const held = { cert: joined.certificate!, key: asked.held.key, certFile: '', keyFile: '' };
    assert.equal((await world.append(held, 'ok joined')).status, 200);
    assert.equal((await joinWith({ token, csr: asked.csr })).error, 'join_refused');
    const next = await renew(held, (await csr()).csr);
    assert.equal(next.id, `spiffe://${OWN}/agent/triage`);
    assert.notEqual(next.certificate, joined.certificate);
  });

  test('six who bring one token at once', async () => {
    const token = await joinToken();
    const { csr: request } = await csr();
    const answers = await Promise.all(Array.from({ length: 6 }, () => joinWith({ token, csr: request })));
    assert.equal(answers.filter(({ id }) => id !== undefined).length, 1);
  });

  test('a made-up token, a broken request, a request for a key that the asker does not hold', async () => {
    const { csr: request } = await csr();
    assert.equal((await joinWith({ token: `join_${'A'.repeat(43)}`, csr: request })).error, 'join_refused');
    const token = await joinToken();
    const der = Buffer.from(request, 'base64');
    der[der.length - 8]! ^= 1;
    for (const broken of [der.toString('base64'), '', 'AA==', der.subarray(0, 40).toString('base64'), 7])
      assert.equal((await joinWith({ token, csr: broken })).error, 'input_invalid');
    // The token was not used up by any of these.
    assert.equal((await joinWith({ token, csr: request })).error, undefined);
  });

  test('an SVID of another trust domain is not renewed here, and no certificate is no SVID', async () => {
    const foreign = await world.partner.leaf({ names: `URI:spiffe://${PARTNER}/bots/one` });
    assert.equal((await renew(foreign, (await csr()).csr)).error, 'svid_unmapped');
    const nothing = { cert: '', key: '' };
    assert.equal((await renew(nothing, (await csr()).csr)).error, 'credential_missing');
  });
});

const NOBODY = 65_534;
const notRoot = process.getuid?.() === 0 ? false : 'only root can give a socket to another user';
const OPEN = `const socket = require('node:net').connect(process.argv[1]);
socket.on('connect', () => { process.stdout.write('open'); socket.destroy(); });
socket.on('error', ({ code }) => process.stdout.write(code));`;

describe('the socket of a workload', () => {
  test('is for its user alone', () => {
    const folder = join(world.folder, '.sallyport', 'spiffe');
    assert.equal(lstatSync(folder).mode & 0o777, 0o700);
    assert.equal(lstatSync(join(folder, 'triage.sock')).mode & 0o777, 0o600);
  });

  test('another user of this machine opens its own socket, and no other', { skip: notRoot }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-sockets-'));
    chmodSync(folder, 0o711);
    const other = await openSpiffeWorld({
      spiffe: `    sockets: ${folder}/s\n`,
      workloads: `triage: { agent: triage }, nobody: { agent: partner-bot, uid: ${NOBODY} }`,
    });
    try {
      const opens = (name: string): string =>
        spawnSync(process.execPath, ['-e', OPEN, join(folder, 's', `${name}.sock`)], {
          uid: NOBODY,
          gid: NOBODY,
        }).stdout.toString();
      assert.deepEqual([opens('nobody'), opens('triage')], ['open', 'EACCES']);
    } finally {
      await other.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('answers nobody who lacks the header, asks for another id, or says too much', async () => {
    const path = join(world.folder, '.sallyport', 'spiffe', 'triage.sock');
    const ask = (method: string, body: Buffer, headers = {}): Promise<string> =>
      new Promise((resolve) => {
        const session = connect('http://localhost', { createConnection: () => netConnect({ path }) });
        const stream = session.request({
          ':method': 'POST',
          ':path': `/SpiffeWorkloadAPI/${method}`,
          'content-type': 'application/grpc',
          'workload.spiffe.io': 'true',
          ...headers,
        });
        let status = '';
        const see = (fields: Record<string, unknown>) => {
          status = String(fields['grpc-status'] ?? status);
        };
        stream.on('response', see);
        stream.on('trailers', see);
        stream.on('error', () => undefined);
        stream.on('close', () => {
          session.close();
          resolve(status);
        });
        stream.resume();
        stream.end(body);
      });
    const empty = Buffer.alloc(5);
    assert.equal(await ask('FetchX509SVID', empty, { 'workload.spiffe.io': 'false' }), '3');
    assert.equal(await ask('FetchWITSVID', empty), '12');
    assert.equal(await ask('FetchX509SVID', Buffer.from([1, 0, 0, 0, 0])), '3');
    assert.equal(await ask('FetchX509SVID', Buffer.from([0, 0, 0, 0, 9])), '3');
    assert.equal(await ask('FetchX509SVID', Buffer.alloc(100_000)), '3');
    const other = `spiffe://${OWN}/agent/partner-bot`;
    const asked = Buffer.concat([Buffer.from([10, 1, 120, 18, other.length]), Buffer.from(other)]);
    assert.equal(await ask('FetchJWTSVID', Buffer.concat([Buffer.from([0, 0, 0, 0, asked.length]), asked])), '7');
  });
});

test('an agent’s page names every trust domain, SPIFFE ID and socket that is it', async () => {
  const told = await world.local.call('agents.workloads', { params: { agent: 'triage' } });
  assert.ok(told.kind === 'ok', JSON.stringify(told));
  const { workloads } = told.value;
  const own = `spiffe://${OWN}/agent/triage`;
  assert.ok(workloads.some(({ kind, when }) => kind === 'svid' && when.includes(own)));
  assert.ok(workloads.some(({ kind, when }) => kind === 'socket' && when[0]?.startsWith('triage.sock')));
  assert.ok(workloads.every(({ when }) => when.every((each) => !each.includes(PARTNER))));
  const bot = await world.local.call('agents.workloads', { params: { agent: 'partner-bot' } });
  assert.ok(bot.kind === 'ok' && bot.value.workloads.some(({ from }) => from === PARTNER), JSON.stringify(bot));
});

describe('after a stop, and after registration anew', () => {
  test('a stop of one certificate refuses that one on connections that stand; the next one goes through', async () => {
    const held = await world.fetchSvid();
    assert.equal((await world.append(held, 'ok before')).status, 200);
    await stop('key', hash('sha256', new X509Certificate(held.cert).raw, 'base64url'));
    assert.equal((await world.append(held, 'ok after')).code, 'stopped');
    assert.equal((await world.append(await world.fetchSvid(), 'ok next')).status, 200);
  });

  test('an agent that was removed and registered anew inherits no SVID, and cannot be renewed from one', async () => {
    const removed = await world.local.call('agents.remove', { params: { agent: 'triage' } });
    assert.equal(removed.kind, 'ok');
    assert.equal((await world.append(triage, 'ok removed')).code, 'agent_unknown');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await world.local.call('agents.add', { body: { id: 'triage', owner: 'other', jobs: ['support'] } });
    assert.equal((await world.append(triage, 'ok again')).code, 'token_revoked');
    assert.equal((await renew(triage, (await csr()).csr)).error, 'token_revoked');
    assert.equal((await world.append(await world.fetchSvid(), 'ok anew')).status, 200);
  });

  test('a stopped agent gets no SVID, and its stream ends', async () => {
    const client = world.workload() as unknown as {
      FetchX509SVID: (message: object, metadata: unknown) => NodeJS.EventEmitter;
    };
    const stream = client.FetchX509SVID({}, metadata());
    const ended = new Promise<number>((resolve) =>
      stream.on('error', (error: { code: number }) => resolve(error.code)),
    );
    await new Promise((resolve) => stream.once('data', resolve));
    const last = await world.fetchSvid();
    await stop('agent', 'triage');
    assert.equal(await ended, 7);
    await assert.rejects(world.fetchSvid(), /stopped/);
    await assert.rejects(jwtSvid(['x']), /stopped/);
    assert.equal((await world.append(last, 'ok stopped')).code, 'stopped');
    const made = await world.local.call('spiffe.join_token', { body: { agent: 'triage' } });
    assert.equal(made.kind, 'failure');
  });
});
