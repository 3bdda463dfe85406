import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/index.ts';

const tls = (name: string) => new URL(`../fixtures/tls/${name}`, import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'sallyport-config-'));
writeFileSync(join(folder, 'ca.pem'), readFileSync(tls('certificate.pem')));
writeFileSync(
  join(folder, 'both.pem'),
  Buffer.concat([readFileSync(tls('certificate.pem')), readFileSync(tls('key.pem'))]),
);
writeFileSync(join(folder, 'text.pem'), 'not a certificate');

function problems(text: string): string {
  const result = parseConfig(text, join(folder, 'sallyport.yaml'), { KEY: 'k'.repeat(43) });
  return result.kind === 'loaded' ? 'loaded' : result.problems.map(({ expected }) => expected).join('; ');
}

const upstream = (text: string) => problems(`upstreams: { a: { ${text} } }`);

test('a credential is named where it can be shown, and nowhere else', () => {
  assert.equal(upstream('url: "https://a.example/mcp", credential: { vault: a }'), 'loaded');
  assert.equal(upstream('url: "http://127.0.0.1:9/mcp", credential: { vault: a }'), 'loaded');
  assert.equal(upstream('command: [node], credential: { vault: a, env: TOKEN }'), 'loaded');
  const refused: [string, RegExp][] = [
    ['url: "http://a.example/mcp", credential: { vault: a }', /https beside credential/],
    ['url: "https://a.example/mcp", credential: { vault: a, env: TOKEN }', /no credential.env beside url/],
    ['url: "https://a.example/mcp", credential: {}', /one source/],
    ['url: "https://a.example/mcp", credential: { vault: "A b" }', /name of an entry/],
    ['command: [node], credential: { vault: a }', /credential.env beside command/],
    ['command: [node], credential: { vault: a, env: "A=B" }', /letters, digits/],
    ['command: [node], shared: true, credential: { vault: a, env: TOKEN }', /each run has its own/],
  ];
  for (const [text, expected] of refused) assert.match(upstream(text), expected, text);
});

test('a client shows who it is in one way, with what that way needs', () => {
  const client = (more: string) =>
    upstream(
      `url: "https://a.example/mcp", credential: { client_credentials: { token_endpoint: "https://b.example/token", client_id: a, ${more} } }`,
    );
  for (const good of ['dpop: true', 'client_secret: "env:KEY"', 'client_secret: "env:KEY", method: client_secret_post'])
    assert.equal(client(good), 'loaded', good);
  assert.equal(client('method: none'), 'loaded');
  const refused: [string, RegExp][] = [
    ['client_key: "env:KEY"', /a private key in PEM/],
    ['client_secret: plain', /reference/],
    ['method: client_secret_post', /a client_secret beside/],
    ['method: none, client_secret: "env:KEY"', /neither beside none/],
    ['method: private_key_jwt, client_secret: "env:KEY"', /at most a client_key/],
    ['method: tls_client_auth', /private_key_jwt/],
  ];
  for (const [text, expected] of refused) assert.match(client(text), expected, text);
});

test('a server at which people connect has no secret that it could send elsewhere, and no session for all', () => {
  const connect = (more: string, beside = '') =>
    upstream(`url: "https://a.example/mcp", credential: { connect: { ${more} } } ${beside}`);
  for (const good of [
    '',
    'issuer: "https://b.example", client_id: a, client_secret: "env:KEY"',
    'client_id: a, method: none, scope: "x y"',
    'addresses: ["https://10.0.0.1"], dpop: required',
  ])
    assert.equal(connect(good), 'loaded', good);
  const refused: [string, RegExp][] = [
    ['client_id: a, client_secret: "env:KEY"', /issuer beside client_secret/],
    ['issuer: "https://b.example", client_secret: "env:KEY"', /client_id beside client_secret/],
    ['issuer: "http://b.example"', /https, or a loopback address/],
    ['addresses: ["http://10.0.0.1"]', /https, or a loopback address/],
    ['dpop: maybe', /required/],
  ];
  for (const [text, expected] of refused) assert.match(connect(text), expected, text);
  assert.match(connect('', ', shared: true'), /no credential.connect beside shared/);
});

test('a private authority is certificates in a file, and nothing else', () => {
  assert.equal(upstream('url: "https://a.example/mcp", ca: ca.pem'), 'loaded');
  for (const file of ['absent.pem', 'text.pem', 'both.pem'])
    assert.match(upstream(`url: "https://a.example/mcp", ca: ${file}`), /certificates in PEM form/, file);
  assert.match(upstream('command: [node], ca: ca.pem'), /no ca beside command/);
});

test('the vault has one key, by reference', () => {
  assert.equal(problems('vault: { key: "env:KEY", previous: ["env:KEY"] }'), 'loaded');
  assert.equal(problems('vault: { command: [kms, decrypt], env: { PROFILE: x, TOKEN: "env:KEY" } }'), 'loaded');
  assert.match(problems('vault: { key: "env:KEY", command: [kms] }'), /not both/);
  assert.match(problems(`vault: { key: ${'k'.repeat(43)} }`), /reference/);
  assert.match(problems('vault: { key: "env:ABSENT" }'), /no variable ABSENT/);
  assert.match(problems('vault: { command: [kms], env: { TOKEN: plain } }'), /reference/);
  assert.match(problems('vault: { token_endpoints: ["https://login.example/token"] }'), /origin/);
});
