import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrustDomain } from '../../api/contract/index.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, FAILED, UsageError } from '../command.ts';
import { gatewayOf, report } from '../gateway.ts';
import { dateTime, foreign, table } from '../paint.ts';
import { type FetchedSvid, fetchX509Svids } from '../workload-client.ts';

export const status: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Shows the trust domain: its authorities and when each signs, the gateway’s own SVID, the bundles of other trust domains, and why SVIDs were refused lately.',
  examples: [['sallyport spiffe status', 'everything on one screen']],
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('spiffe.status', {});
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(call.json ? `${visibleJson(answer.value, 2)}\n` : statusText(answer.value, call));
    return DONE;
  },
};

function statusText({ trust_domain, authorities, svid, federated, refusals }: TrustDomain, { terminal }: Call): string {
  const parts = [
    `trust domain ${visibleText(trust_domain)}\n`,
    `own SVID ${visibleText(svid.id)} until ${dateTime(svid.expires_at)} UTC, renewed ${svid.rotations} times\n\n`,
    table(
      [
        ['authority', 'signs from (UTC)', 'until (UTC)', 'here'],
        ...authorities.map(({ kid, active_at, expires_at, signs }) => [
          kid,
          dateTime(active_at),
          dateTime(expires_at),
          signs ? 'signs' : '',
        ]),
      ],
      terminal,
    ),
  ];
  const others = federated.map(({ trust_domain: name, source, read_at, problem }) => [
    foreign(name),
    foreign(source),
    read_at === null ? 'never' : dateTime(read_at),
    problem === null ? 'ok' : foreign(problem),
  ]);
  if (others.length > 0) parts.push('\n', table([['believes', 'bundle', 'read (UTC)', 'state'], ...others], terminal));
  const lately = refusals.map(({ at, code, reason }) => [dateTime(at), code, foreign(reason)]);
  if (lately.length > 0) parts.push('\n', table([['refused (UTC)', 'code', 'why'], ...lately], terminal));
  return parts.join('');
}

export const bundle: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Prints the trust domain’s bundle, a JSON Web Key Set: whoever has it can verify our SVIDs. Also at /spiffe/bundle on the agents’ port.',
  examples: [['sallyport spiffe bundle > corp.example.bundle.json', 'hand it to another trust domain']],
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('spiffe.bundle', {});
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
    return DONE;
  },
};

export const rotate: Command = {
  usage: '<svid|authority>',
  arity: [1, 1],
  about:
    'Renews the gateway’s own SVID now, or makes the next authority, which signs 15 minutes later, when everybody has its certificate. Both happen by themselves at half of a life. Connections that stand are not touched.',
  examples: [['sallyport spiffe rotate authority', 'after a key may have been copied']],
  async run(call) {
    const [what] = call.args;
    if (what !== 'svid' && what !== 'authority') throw new UsageError('Say svid or authority');
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('spiffe.rotate', { body: { what } });
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(call.json ? `${visibleJson(answer.value)}\n` : 'Done. See: sallyport spiffe status\n');
    return DONE;
  },
};

export const fetch: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Fetches an X.509-SVID from a SPIFFE Workload API, this gateway’s or any other, and writes svid.pem, svid.key and bundle.pem for programs that do not speak it. With --watch it stays and writes each renewal; files are replaced whole.',
  examples: [
    ['sallyport spiffe fetch --socket .sallyport/spiffe/triage.sock --out svid', 'once'],
    ['sallyport spiffe fetch --socket /run/sallyport/triage.sock --out svid --watch', 'and whenever it is renewed'],
  ],
  options: {
    socket: { type: 'string', value: '<path>', about: 'The Unix socket of the Workload API. Required.' },
    out: { type: 'string', value: '<folder>', about: 'Where to write. Required.' },
    watch: { type: 'boolean', about: 'Stay, and write each renewal, until Ctrl-C.' },
  },
  async run(call) {
    const socket = call.options.text('socket');
    const out = call.options.text('out');
    if (socket === undefined || out === undefined) throw new UsageError('Give --socket <path> and --out <folder>');
    try {
      for await (const svid of fetchX509Svids(socket.replace(/^unix:(?:\/\/)?/, ''), call.signal)) {
        write(out, svid);
        if (call.json) call.terminal.write(`${visibleJson({ id: svid.id, out })}\n`);
        else call.terminal.note(`Wrote ${foreign(svid.id)} to ${out}\n`);
        if (!call.options.flag('watch')) return DONE;
      }
    } catch (error) {
      call.terminal.note(`${visibleText(error instanceof Error ? error.message : String(error))}\n`);
      return FAILED;
    }
    return DONE;
  },
};

/** The key first: a reader between two of them finds a pair that does not fit, and no key that others may read. */
function write(folder: string, { certificate, private_key, bundle: authorities }: FetchedSvid): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const files: readonly [name: string, text: string, mode: number][] = [
    ['svid.key', pem('PRIVATE KEY', private_key), 0o600],
    [
      'svid.pem',
      splitDer(certificate)
        .map((der) => pem('CERTIFICATE', der))
        .join(''),
      0o644,
    ],
    [
      'bundle.pem',
      splitDer(authorities)
        .map((der) => pem('CERTIFICATE', der))
        .join(''),
      0o644,
    ],
  ];
  for (const [name, text, mode] of files) {
    const beside = join(folder, `.${name}.new`);
    writeFileSync(beside, text, { mode });
    renameSync(beside, join(folder, name));
  }
}

function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

/** Certificates stand one after another; each is a sequence that says its length in one, two or three bytes. */
function splitDer(bytes: Uint8Array): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const first = bytes[at + 1]!;
    const wide = first < 0x80 ? 0 : first & 0x7f;
    let length = first < 0x80 ? first : 0;
    for (let byte = 0; byte < wide; byte += 1) length = length * 256 + (bytes[at + 2 + byte] ?? 0);
    const end = at + 2 + wide + length;
    all.push(bytes.subarray(at, end));
    at = end;
  }
  return all;
}
