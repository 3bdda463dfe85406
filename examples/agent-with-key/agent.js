/**
 * An agent that proves its key with every request, in one file and with nothing but Node 20 or newer:
 *
 *   sallyport agent add reader --owner you --job explore --out reader.jwk
 *   node agent.js http://127.0.0.1:8700 reader explore reader.jwk files read_text_file '{"path": "reports/2026-q3.md"}'
 *
 * It finds the authorization server (RFC 9728, RFC 8414), asks for a token for one run of one job (client credentials with
 * private_key_jwt, RFC 7523, bound by DPoP, RFC 9449), and calls one tool over MCP 2026-07-28.
 */
import { createHash, createPrivateKey, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [gateway, agent, job, keyFile, server, tool, args = '{}'] = process.argv.slice(2);
if (tool === undefined) {
  console.error('node agent.js <gateway> <agent> <job> <key file> <server> <tool> [arguments as JSON]');
  process.exit(2);
}

const jwk = JSON.parse(readFileSync(keyFile, 'utf8'));
const key = createPrivateKey({ key: jwk, format: 'jwk' });
const alg = jwk.crv === 'Ed25519' ? 'EdDSA' : 'ES256';
const publicJwk = Object.fromEntries(
  ['kty', 'crv', 'x', 'y'].flatMap((name) => (jwk[name] ? [[name, jwk[name]]] : [])),
);

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function jwt(header, claims) {
  const text = `${encode({ alg, ...header })}.${encode(claims)}`;
  const signature = sign(alg === 'ES256' ? 'sha256' : null, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

const now = () => Math.floor(Date.now() / 1000);

/** Good for one request: the address without query, and the token that goes with it. */
function proof(method, url, token) {
  const ath = token === undefined ? {} : { ath: createHash('sha256').update(token).digest('base64url') };
  return jwt({ typ: 'dpop+jwt', jwk: publicJwk }, { jti: randomUUID(), htm: method, htu: url, iat: now(), ...ath });
}

async function json(url, init) {
  const answer = await fetch(url, init);
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${answer.status} from ${url}: ${JSON.stringify(body)}`);
  return body;
}

const endpoint = `${gateway}/mcp/${server}`;
const resource = await json(`${gateway}/.well-known/oauth-protected-resource/mcp/${server}`);
const issuer = resource.authorization_servers[0];
const { token_endpoint } = await json(`${issuer.replace(/\/$/, '')}/.well-known/oauth-authorization-server`);

const assertion = jwt({}, { iss: agent, sub: agent, aud: issuer, jti: randomUUID(), iat: now(), exp: now() + 60 });
const { access_token } = await json(token_endpoint, {
  method: 'POST',
  headers: { dpop: proof('POST', token_endpoint) },
  body: new URLSearchParams({
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
    resource: resource.resource,
    job,
  }),
});

const version = '2026-07-28';
const answer = await fetch(endpoint, {
  method: 'POST',
  headers: {
    authorization: `DPoP ${access_token}`,
    dpop: proof('POST', endpoint, access_token),
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': version,
    'mcp-method': 'tools/call',
    'mcp-name': tool,
  },
  body: JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: {
      name: tool,
      arguments: JSON.parse(args),
      _meta: {
        'io.modelcontextprotocol/protocolVersion': version,
        'io.modelcontextprotocol/clientInfo': { name: agent, version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  }),
});
const text = await answer.text();
// A short answer comes as JSON, one with progress as a stream whose last event is the answer.
const message = JSON.parse(
  text.startsWith('{')
    ? text
    : text
        .match(/^data: (.*)$/gm)
        .at(-1)
        .slice(6),
);
console.log(message.result?.content?.[0]?.text ?? message.error?.message);
console.error(`receipt: ${answer.headers.get('sallyport-receipt')}`);
process.exitCode = message.result && !message.result.isError ? 0 : 1;
