import { execFile } from 'node:child_process';
import { randomBytes, randomUUID, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { type Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { modern } from './mcp-message.ts';
import { freePort, openWorld, type World, type WorldOptions } from './world.ts';

const run = promisify(execFile);
const PROTO = fileURLToPath(new URL('../fixtures/spiffe/workload.proto', import.meta.url));

/** What a peer holds: PEM files, and their text. */
export type Held = { cert: string; key: string; certFile: string; keyFile: string };

export type LeafOptions = {
  /** The value of subjectAltName as OpenSSL reads it. */
  names?: string;
  basic?: string;
  usage?: string;
  extended?: string;
  /** Further extensions, a line each. */
  more?: string[];
  /** Seconds from now. */
  from_s?: number;
  until_s?: number;
};

/** A certification authority of OpenSSL's: another trust domain, or somebody who would like to be one. */
export class OpenSslAuthority {
  readonly folder: string;
  readonly held: Held;

  private constructor(folder: string, held: Held) {
    this.folder = folder;
    this.held = held;
  }

  static async make(folder: string, trust_domain: string): Promise<OpenSslAuthority> {
    mkdirSync(folder, { recursive: true });
    const [keyFile, certFile] = [join(folder, 'ca.key'), join(folder, 'ca.pem')];
    await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', keyFile]);
    await openssl([
      ...['req', '-x509', '-new', '-key', keyFile, '-out', certFile, '-days', '2', '-subj', `/CN=${trust_domain}`],
      ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
      ...['-addext', `subjectAltName=URI:spiffe://${trust_domain}`],
    ]);
    return new OpenSslAuthority(folder, heldOf(certFile, keyFile));
  }

  /** The trust domain's bundle, as another implementation would publish it. */
  bundle(): string {
    const { publicKey, raw } = new X509Certificate(this.held.cert);
    const key = { ...publicKey.export({ format: 'jwk' }), use: 'x509-svid', x5c: [raw.toString('base64')] };
    return JSON.stringify({ keys: [key], spiffe_sequence: 1, spiffe_refresh_hint: 300 });
  }

  async leaf(options: LeafOptions = {}, signer: Held = this.held): Promise<Held> {
    const base = join(this.folder, randomUUID());
    const [keyFile, certFile, csrFile, configFile] = ['key', 'pem', 'csr', 'cnf'].map((end) => `${base}.${end}`) as [
      string,
      string,
      string,
      string,
    ];
    await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', keyFile]);
    await openssl(['req', '-new', '-key', keyFile, '-out', csrFile, '-subj', `/O=test/CN=${randomUUID()}`]);
    writeFileSync(`${base}.txt`, '');
    writeFileSync(`${base}.serial`, `4${randomBytes(15).toString('hex')}0`);
    writeFileSync(configFile, configText(base, options));
    await openssl([
      ...['ca', '-batch', '-notext', '-config', configFile, '-extensions', 'leaf', '-md', 'sha256'],
      ...['-cert', signer.certFile, '-keyfile', signer.keyFile, '-in', csrFile, '-out', certFile],
      ...['-startdate', stamp(options.from_s ?? -60), '-enddate', stamp(options.until_s ?? 3_600)],
    ]);
    return heldOf(certFile, keyFile);
  }
}

function configText(base: string, { names, basic, usage, extended, more = [] }: LeafOptions): string {
  const lines = [
    `basicConstraints=${basic ?? 'critical,CA:FALSE'}`,
    usage === '' ? '' : `keyUsage=${usage ?? 'critical,digitalSignature'}`,
    extended === undefined ? '' : `extendedKeyUsage=${extended}`,
    names === undefined ? '' : `subjectAltName=${names}`,
    ...more,
  ];
  return `[ca]
default_ca = own
[own]
database = ${base}.txt
serial = ${base}.serial
new_certs_dir = ${base.slice(0, base.lastIndexOf('/'))}
policy = any
unique_subject = no
[any]
organizationName = optional
commonName = optional
[leaf]
${lines.filter((line) => line !== '').join('\n')}
`;
}

function stamp(seconds: number): string {
  return `${new Date(Date.now() + seconds * 1000).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
}

export function heldOf(certFile: string, keyFile: string): Held {
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8'), certFile, keyFile };
}

export function hold(folder: string, cert: string, key: string): Held {
  const base = join(folder, randomUUID());
  writeFileSync(`${base}.pem`, cert);
  writeFileSync(`${base}.key`, key, { mode: 0o600 });
  return { cert, key, certFile: `${base}.pem`, keyFile: `${base}.key` };
}

export async function openssl(args: readonly string[]): Promise<string> {
  const { stdout } = await run('openssl', args, { timeout: 20_000 });
  return stdout;
}

/** Runs `openssl` with something on its standard input. Never rejects for what it answers. */
export function opensslWith(
  args: readonly string[],
  input: string,
): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile('openssl', args, { timeout: 20_000 }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1, out, err });
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

export type Answer = { status: number; body: string; code: string | undefined };

/** The code that a refusal carries, in whichever of the protocol's forms. */
export function codeOf(body: string): string | undefined {
  return /"(?:code|error)":"([a-z_]+)"/.exec(body)?.[1];
}

export type Workload = InstanceType<ReturnType<typeof workloadService>>;

export function workloadService() {
  const definition = loadSync(PROTO, { keepCase: true, defaults: true });
  return grpc.loadPackageDefinition(definition)['SpiffeWorkloadAPI'] as grpc.ServiceClientConstructor;
}

export function metadata(): grpc.Metadata {
  const made = new grpc.Metadata();
  made.set('workload.spiffe.io', 'true');
  return made;
}

export type X509SvidResponse = {
  svids: { spiffe_id: string; x509_svid: Buffer; x509_svid_key: Buffer; bundle: Buffer }[];
  federated_bundles: Record<string, Buffer>;
};

export function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

export const OWN = 'corp.example';
export const PARTNER = 'partner.example';

/** Appending is for SVID holders alone, so that a test sees whether policy knows how somebody came. */
const POLICIES = `
@id("svids-append")
@reason("Whoever shows an SVID may append lines that begin with ok.")
permit (principal, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "ok*" && context.credential.kind == "mtls" };
`;

export type SpiffeWorld = World & {
  port: number;
  partner: OpenSslAuthority;
  /** Authorities that verify the gateway: PEM. */
  authorities: string;
  workload(name?: string): Workload;
  /** One X.509-SVID by the Workload API, through a client of somebody else's. */
  fetchSvid(name?: string): Promise<Held>;
  /** `tools/call` of `append` over mutual TLS by node:tls. */
  append(
    held: Held | undefined,
    line: string,
    more?: { agent?: Agent; headers?: Record<string, string> },
  ): Promise<Answer>;
};

/** The whole gateway with a trust domain, a socket for `triage`, and OpenSSL's authority as a second one. */
export async function openSpiffeWorld(
  options: WorldOptions & { spiffe?: string; workloads?: string } = {},
): Promise<SpiffeWorld> {
  const port = await freePort();
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'sallyport-spiffe-'));
  const partner = await OpenSslAuthority.make(join(folder, 'partner'), PARTNER);
  writeFileSync(join(folder, 'partner.json'), partner.bundle());
  const world = await openWorld({
    policies: POLICIES,
    ...options,
    folder,
    listen: `agents_mtls: "127.0.0.1:${port}"`,
    extra: `identity:
  spiffe:
    trust_domain: ${OWN}
    workloads: { ${options.workloads ?? 'triage: { agent: triage }'} }
    trust_domains: { ${PARTNER}: { bundle: partner.json } }
    agents: [{ id: "spiffe://${PARTNER}/bots/*", agent: partner-bot }]
${options.spiffe ?? ''}`,
  });
  await world.register('partner-bot');
  const sockets = /sockets: (.+)/.exec(options.spiffe ?? '')?.[1] ?? join(folder, '.sallyport', 'spiffe');
  const Service = workloadService();
  const open: grpc.Client[] = [];
  const workload = (name = 'triage'): Workload => {
    const client = new Service(`unix:${join(sockets, `${name}.sock`)}`, grpc.credentials.createInsecure());
    open.push(client);
    return client;
  };
  const first = async (name?: string): Promise<X509SvidResponse> => {
    const stream = (workload(name) as unknown as Record<string, Streaming>)['FetchX509SVID']!({}, metadata());
    try {
      return await new Promise((resolve, reject) => {
        stream.once('data', resolve);
        stream.on('error', reject);
      });
    } finally {
      stream.cancel();
    }
  };
  const [svid] = (await first()).svids;
  return {
    ...world,
    port,
    partner,
    authorities: pem('CERTIFICATE', svid!.bundle),
    workload,
    async fetchSvid(name) {
      const [one] = (await first(name)).svids;
      return hold(folder, pem('CERTIFICATE', one!.x509_svid), pem('PRIVATE KEY', one!.x509_svid_key));
    },
    append: (held, line, more) => append({ port, ca: pem('CERTIFICATE', svid!.bundle) }, held, line, more),
    async stop(how) {
      for (const client of open) client.close();
      await world.stop(how);
    },
  };
}

type Streaming = (message: object, metadata: grpc.Metadata) => grpc.ClientReadableStream<X509SvidResponse>;

export function appendMessage(line: string): { headers: Record<string, string>; body: string } {
  const { message, headers } = modern('tools/call', { name: 'append', arguments: { line } });
  return { headers, body: JSON.stringify(message) };
}

function append(
  { port, ca }: { port: number; ca: string },
  held: Held | undefined,
  line: string,
  more: { agent?: Agent; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { headers, body } = appendMessage(line);
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host: '127.0.0.1',
        port,
        path: '/mcp/journal',
        method: 'POST',
        ca,
        agent: more.agent ?? false,
        headers: { ...headers, ...more.headers, 'content-length': Buffer.byteLength(body) },
        ...(held === undefined ? {} : { cert: held.cert, key: held.key }),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text, code: codeOf(text) }));
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}
