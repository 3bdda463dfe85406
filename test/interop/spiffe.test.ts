import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import {
  type Answer,
  appendMessage,
  codeOf,
  type Held,
  hold,
  OpenSslAuthority,
  OWN,
  openSpiffeWorld,
  opensslWith,
  PARTNER,
  type SpiffeWorld,
} from '../support/spiffe.ts';

/**
 * Somebody else's TLS on both sides of our SVIDs: Node's and OpenSSL's own programs, with certificates that OpenSSL made
 * for a second trust domain. What is refused is refused to both, each with a code of its own that the operator sees too.
 */
const ROTATIONS = 1_000;
let world: SpiffeWorld;
let own: Held;
let partner: Held;

before(async () => {
  world = await openSpiffeWorld();
  own = await world.fetchSvid();
  partner = await world.partner.leaf({ names: `URI:spiffe://${PARTNER}/bots/one` });
});
after(() => world.stop());

/** One call by `openssl s_client`, which verifies the gateway as it is told to. */
async function byOpenssl(held: Held | undefined, line: string, chain?: Held): Promise<Answer & { err: string }> {
  const { headers, body } = appendMessage(line);
  const fields = { host: `127.0.0.1:${world.port}`, connection: 'close', ...headers };
  const head = Object.entries({ ...fields, 'content-length': Buffer.byteLength(body) }).map(([n, v]) => `${n}: ${v}`);
  const authorities = hold(world.folder, world.authorities, '');
  const { out, err } = await opensslWith(
    [
      ...['s_client', '-connect', `127.0.0.1:${world.port}`, '-CAfile', authorities.certFile, '-verify_return_error'],
      ...['-quiet', '-ign_eof', '-no_ticket', '-x509_strict'],
      ...(held === undefined ? [] : ['-cert', held.certFile, '-key', held.keyFile]),
      ...(chain === undefined ? [] : ['-cert_chain', chain.certFile]),
    ],
    `POST /mcp/journal HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n${body}`,
  );
  return { status: Number(/^HTTP\/1\.1 (\d+)/m.exec(out)?.[1] ?? 0), body: out, code: codeOf(out), err };
}

describe('mutual TLS with SVIDs of two trust domains', () => {
  for (const [name, held] of [
    [OWN, () => own],
    [PARTNER, () => partner],
  ] as const) {
    test(`${name}: Node calls`, async () => {
      const answer = await world.append(held(), `ok node ${name}`);
      assert.equal(answer.status, 200, answer.body);
      assert.ok(world.journal().includes(`ok node ${name}`));
    });

    test(`${name}: OpenSSL calls, and trusts the gateway's own SVID`, async () => {
      const answer = await byOpenssl(held(), `ok openssl ${name}`);
      assert.equal(answer.status, 200, `${answer.body}\n${answer.err}`);
      assert.ok(world.journal().includes(`ok openssl ${name}`));
    });
  }

  test('the gateway shows one SPIFFE ID, and a name that ordinary clients look for', async () => {
    const socket = connect({ host: '127.0.0.1', port: world.port, ca: world.authorities, servername: '' });
    await once(socket, 'secureConnect');
    const { subjectAltName } = socket.getPeerX509Certificate()!;
    assert.match(subjectAltName!, new RegExp(`^URI:spiffe://${OWN}/sallyport, `));
    assert.equal(socket.authorized, true);
    socket.destroy();
  });

  test('OpenSSL and Node as servers verify an SVID that we issued, and refuse it under the other domain', async () => {
    const server = hold(world.folder, own.cert, own.key);
    for (const [authorities, good] of [
      [world.authorities, true],
      [world.partner.held.cert, false],
    ] as const) {
      const trusted = hold(world.folder, authorities, '');
      const checked = await opensslWith(
        ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', trusted.certFile, own.certFile],
        '',
      );
      assert.equal(checked.code === 0, good, checked.err);
      assert.equal(await servedByNode(server, authorities), good);
    }
  });
});

/** Whether a TLS server of Node's that asks for a certificate is content with ours. */
async function servedByNode(held: Held, ca: string): Promise<boolean> {
  const server = createServer({ cert: held.cert, key: held.key, ca, requestCert: true, rejectUnauthorized: true });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const seen = new Promise<boolean>((resolve) => {
    server.once('secureConnection', (socket: TLSSocket) => {
      socket.destroy();
      resolve(true);
    });
    server.once('tlsClientError', () => resolve(false));
  });
  const client = connect({ port, host: '127.0.0.1', cert: held.cert, key: held.key, rejectUnauthorized: false });
  client.on('error', () => undefined);
  const result = await seen;
  client.destroy();
  server.close();
  return result;
}

type Case = readonly [what: string, code: string, make: () => Promise<Held | undefined>, chain?: () => Held];

const bot = `URI:spiffe://${PARTNER}/bots/one`;
const leaf = (options: Parameters<OpenSslAuthority['leaf']>[0]) => () => world.partner.leaf({ names: bot, ...options });
const CASES: readonly Case[] = [
  ['two URI SANs', 'svid_id_ambiguous', leaf({ names: `${bot},URI:spiffe://${PARTNER}/bots/two` })],
  ['a second URI that is no SPIFFE ID', 'svid_id_ambiguous', leaf({ names: `${bot},URI:https://partner.example/` })],
  ['no URI SAN', 'svid_id_missing', leaf({ names: 'DNS:partner.example' })],
  ['a URI that is no SPIFFE ID', 'svid_id_invalid', leaf({ names: 'URI:https://partner.example/bots/one' })],
  ['the id of the trust domain itself', 'svid_id_invalid', leaf({ names: `URI:spiffe://${PARTNER}` })],
  ['a path that climbs', 'svid_id_invalid', leaf({ names: `URI:spiffe://${PARTNER}/bots/../root` })],
  ['an escaped path', 'svid_id_invalid', leaf({ names: `URI:spiffe://${PARTNER}/bots/%2e` })],
  ['a trailing slash', 'svid_id_invalid', leaf({ names: `URI:spiffe://${PARTNER}/bots/` })],
  ['an upper-case trust domain', 'svid_id_invalid', leaf({ names: 'URI:spiffe://PARTNER.example/bots/one' })],
  ['a port in the trust domain', 'svid_id_invalid', leaf({ names: `URI:spiffe://${PARTNER}:443/bots/one` })],
  ['a trust domain that is not known', 'svid_domain_unknown', leaf({ names: 'URI:spiffe://nowhere.example/bots/one' })],
  [
    'an id of our own domain, signed by the other’s authority',
    'svid_untrusted',
    leaf({ names: `URI:spiffe://${OWN}/agent/triage` }),
  ],
  ['expired', 'svid_expired', leaf({ from_s: -7_200, until_s: -3_600 })],
  ['not yet valid', 'svid_not_yet_valid', leaf({ from_s: 3_600, until_s: 7_200 })],
  ['CA bit set', 'svid_is_authority', leaf({ basic: 'critical,CA:TRUE' })],
  [
    'CA bit set, and the usage of an authority',
    'svid_is_authority',
    leaf({ basic: 'critical,CA:TRUE', usage: 'critical,keyCertSign,digitalSignature' }),
  ],
  ['no key usage', 'svid_wrong_usage', leaf({ usage: '' })],
  ['key usage that is not critical', 'svid_wrong_usage', leaf({ usage: 'digitalSignature' })],
  ['key usage without digitalSignature', 'svid_wrong_usage', leaf({ usage: 'critical,keyAgreement' })],
  ['key usage with cRLSign', 'svid_wrong_usage', leaf({ usage: 'critical,digitalSignature,cRLSign' })],
  ['extended key usage without clientAuth', 'svid_wrong_usage', leaf({ extended: 'serverAuth' })],
  ['extended key usage for mail', 'svid_wrong_usage', leaf({ extended: 'emailProtection' })],
  [
    'a critical extension that nobody knows',
    'svid_malformed',
    leaf({ more: ['1.2.3.4.5=critical,ASN1:UTF8String:x'] }),
  ],
  ['an id that no rule maps', 'svid_unmapped', leaf({ names: `URI:spiffe://${PARTNER}/people/one` })],
  ['signed by nobody whom we know', 'svid_untrusted', async () => (await stranger()).leaf({ names: bot })],
  ['signed by a leaf', 'svid_untrusted', () => world.partner.leaf({ names: bot }, partner), () => partner],
  ['an authority’s own certificate', 'svid_id_invalid', async () => world.partner.held],
  ['no certificate', 'credential_missing', async () => undefined],
];

function stranger(): Promise<OpenSslAuthority> {
  return OpenSslAuthority.make(`${world.folder}/stranger-${Math.random()}`, PARTNER);
}

describe('what is no SVID of its trust domain is refused, to Node and to OpenSSL alike', () => {
  for (const [what, code, make, chain] of CASES) {
    test(`${what}: ${code}`, async () => {
      const held = await make();
      const before = world.journal().length;
      const withChain = chain && held && { ...held, cert: held.cert + chain().cert };
      const [node, peer] = await Promise.all([
        world.append(withChain ?? held, 'ok never'),
        byOpenssl(held, 'ok never', chain?.()),
      ]);
      assert.deepEqual([node.code, peer.code], [code, code], `${node.body}\n${peer.body}\n${peer.err}`);
      assert.ok(node.status === 401 || node.status === 403);
      assert.equal(world.journal().length, before);
      if (held !== undefined) await operatorSees(code);
    });
  }
});

async function operatorSees(code: string): Promise<void> {
  const answer = await world.local.call('spiffe.status', {});
  assert.ok(answer.kind === 'ok');
  const [newest] = answer.value.refusals;
  assert.equal(newest?.code, code);
  assert.ok((newest?.reason.length ?? 0) > 10);
}

describe('intermediate authorities', () => {
  test('one that the peer sends leads to the bundle; one that it keeps does not', async () => {
    const between = await world.partner.leaf({ basic: 'critical,CA:TRUE,pathlen:0', usage: 'critical,keyCertSign' });
    const held = await world.partner.leaf({ names: bot }, between);
    assert.equal((await world.append(held, 'ok')).code, 'svid_untrusted');
    const sent = { ...held, cert: held.cert + between.cert };
    assert.equal((await world.append(sent, 'ok through')).status, 200);
    assert.equal((await byOpenssl(held, 'ok through openssl', between)).status, 200);
  });

  test('a path longer than an authority allows', async () => {
    const first = await world.partner.leaf({ basic: 'critical,CA:TRUE,pathlen:0', usage: 'critical,keyCertSign' });
    const second = await world.partner.leaf({ basic: 'critical,CA:TRUE', usage: 'critical,keyCertSign' }, first);
    const held = await world.partner.leaf({ names: bot }, second);
    const sent = { ...held, cert: held.cert + second.cert + first.cert };
    assert.equal((await world.append(sent, 'ok')).code, 'svid_untrusted');
  });
});

describe('rotation', () => {
  test(`${ROTATIONS} rotations of the gateway's SVID under load drop no call`, { timeout: 200_000 }, async () => {
    const journalled = world.journal().length;
    const load = new Load();
    const kept = [own, partner].map((held) => load.run(held, new Agent({ keepAlive: true, maxSockets: 1 })));
    const anew = [own, partner].map((held) => load.run(held, undefined));
    const seen = new Set<string>();
    for (let count = 0; count < ROTATIONS; count += 1) {
      const done = await world.local.call('spiffe.rotate', { body: { what: 'svid' } });
      assert.equal(done.kind, 'ok', JSON.stringify(done));
      if (count % 250 === 100) await world.local.call('spiffe.rotate', { body: { what: 'authority' } });
      if (count % 100 === 0) seen.add(await shown());
    }
    load.stop();
    await Promise.all([...kept, ...anew]);
    assert.deepEqual(load.dropped, []);
    assert.ok(load.calls > 200, `only ${load.calls} calls were made`);
    assert.equal(seen.size, ROTATIONS / 100);
    assert.equal(world.journal().length - journalled, load.calls);
    console.log(`spiffe: ${ROTATIONS} rotations, ${load.calls} calls, ${load.dropped.length} dropped`);
  });
});

/** Which certificate a new connection is shown. */
async function shown(): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: world.port, ca: world.authorities, servername: '' });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerX509Certificate()!;
  socket.destroy();
  return fingerprint256;
}

class Load {
  calls = 0;
  readonly dropped: string[] = [];
  #stopped = false;

  stop(): void {
    this.#stopped = true;
  }

  async run(held: Held, agent: Agent | undefined): Promise<void> {
    while (!this.#stopped) {
      this.calls += 1;
      const line = `ok load ${this.calls}`;
      const answer = await world.append(held, line, agent === undefined ? {} : { agent }).catch(String);
      if (typeof answer === 'string' || answer.status !== 200) this.dropped.push(JSON.stringify(answer));
    }
    agent?.destroy();
  }
}
