import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Api, type GatewayState, openApi, type UpstreamState } from '../../src/api/index.ts';
import {
  migrations as auditMigrations,
  directoryFiles,
  type Ledger,
  makeLedgerKeys,
  openArchive,
  openLedger,
} from '../../src/controls/audit/index.ts';
import {
  type Identity,
  identityMigrations,
  openIdentity,
  openRecords,
  type PeopleSettings,
} from '../../src/controls/identity/index.ts';
import {
  createSuggestions,
  FULFILLABLE,
  openAnalysis,
  openPolicy,
  openShadowDifferences,
  openSimulations,
  type Policy,
  policyMigrations,
  readPastGrants,
} from '../../src/controls/policy/index.ts';
import type { Documents } from '../../src/core/document.ts';
import type { ServerCatalog } from '../../src/core/manifest.ts';
import type { Role } from '../../src/core/person.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { openRecorded } from '../../src/main/recorded.ts';
import { simulate } from '../../src/main/simulate.ts';
import { type Database, migrate, openDatabase, openStateWatch } from '../../src/storage/index.ts';
import { closedAuthorization, noDocuments } from './documents.ts';
import { MovableClock, makeKeys, random } from './identity.ts';
import { totp } from './totp.ts';
import { vaultParts } from './vault.ts';

const POLICIES = `
@id("triage-reads-reports")
@reason("Triage may read what lies below reports.")
@public("Read files below reports/.")
permit (principal, action == Action::"tool.call", resource == Tool::"files/read_text_file")
when { context.args has path && context.args.path like "reports/*" };
`;

/** The control plane with everything behind it that is real: database, log, identity, policies. No agents' door. */
export type ControlPlane = {
  api: Api;
  db: Database;
  ledger: Ledger;
  identity: Identity;
  policy: Policy;
  clock: MovableClock;
  folder: string;
  policies: string;
  url: string;
  upstreams: UpstreamState[];
  state: Partial<GatewayState>;
  /** What went wrong that no answer told of. */
  problems: string[];
  /** One request, with exactly these headers. */
  send(request: Sent): Promise<Received>;
  /** A person with these roles, signed in; `present` enrols an authenticator and shows a code. */
  person(roles: readonly Role[], options?: { present?: boolean }): Promise<Browser>;
  close(): Promise<void>;
};

export type Sent = {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: unknown;
  /** Over the control socket instead of the port. */
  local?: boolean;
  /** Ends an answer that would not end. */
  until?: (text: string) => boolean;
};

export type Received = { status: number; headers: IncomingHttpHeaders; text: string; json(): Record<string, unknown> };

/** A browser that is signed in, on a page of the console's own origin. */
export type Browser = {
  name: string;
  password: string;
  cookie: string;
  headers: Record<string, string>;
  /** The next code of the authenticator. */
  code(): string;
};

export type ControlPlaneOptions = {
  pages_folder?: string;
  documents?: Documents;
  people?: Partial<Omit<PeopleSettings, 'console_url'>>;
  /** What servers offer, as analyses of policies see it. */
  catalogs?: readonly ServerCatalog[];
  policy?: { source?: 'folder' | 'console'; two_persons?: boolean };
  /** As `http://localhost` instead of the loopback address. */
  localhost?: boolean;
};

export async function openControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-'));
  const policies = join(folder, 'policies');
  mkdirSync(policies);
  writeFileSync(join(policies, 'triage.cedar'), POLICIES);
  const clock = new MovableClock();
  const url = { now: '' };
  const problems: string[] = [];
  const report = (problem: string, error: unknown) => problems.push(`${problem}: ${error}`);
  const db = await openDatabase({ url: 'sqlite::memory:', clock });
  await migrate(db, [...identityMigrations, ...auditMigrations, ...policyMigrations]);
  const watch = openStateWatch({ db, clock });
  const late: { identity?: Identity } = {};
  const ledgerKeys = makeLedgerKeys(random);
  const ledger = await openLedger({
    db,
    clock,
    random,
    replica: 'test',
    build: '0.0.0',
    config_digest: () => 'c0ffee',
    origin: 'sallyport.test/log',
    keys: ledgerKeys,
    files: directoryFiles(join(folder, 'log')),
    claimProofs: (tx, claims) => late.identity!.claimProofs(tx, claims),
    stateVersion: (tx) => watch.confirm(tx),
    report,
  });
  const identity = await openIdentity({
    db,
    clock,
    random,
    state: watch,
    issuer: 'http://127.0.0.1:1',
    people: { separation: [], ...options.people, console_url: () => url.now },
    ...closedAuthorization,
    keys: makeKeys(),
    record: (tx, change) => ledger.control(tx, change),
    documents: options.documents ?? noDocuments,
    vault: vaultParts(),
    refused: (code, source) => ledger.flood({ code, source }),
    report,
  });
  late.identity = identity;
  const policy = await openPolicy({
    db,
    clock,
    random,
    now: () => identity.now(),
    state: watch,
    folder: policies,
    activation: () => 'presence',
    source: () => options.policy?.source ?? 'folder',
    two_persons: () => options.policy?.two_persons ?? false,
    grant_seconds_max: () => 28_800,
    fulfillable: { mcp: ['id', 'reason', 'public', 'shadow', 'approve'] },
    record: (tx, change) => ledger.control(tx, change),
    onDisagreement: () => undefined,
    report,
    watch: false,
  });
  await watch.start();
  const reading: Parameters<typeof openSimulations>[0] = {
    db,
    clock,
    random,
    // A database in memory is this thread's alone.
    run: (job, progress) => {
      const parts = { archive: openArchive({ db, key: ledgerKeys.payload }), records: openRecords(db) };
      const done = readPastGrants(db, job.since).then((grants) => simulate({ ...parts, grants }, job, progress));
      return { done, cancel: () => undefined };
    },
    record: (by, subject, payload) =>
      ledger.control(undefined, { event: 'payload.read', by, subject, before: null, after: null, payload }),
  };
  const upstreams: UpstreamState[] = [];
  const state: Partial<GatewayState> = {};
  const recorded = openRecorded({
    ledger,
    archive: openArchive({ db, key: ledgerKeys.payload }),
    records: () => openRecords(db),
  });
  const api = await openApi({
    clock,
    identity,
    policy: policy.sets,
    analysis: openAnalysis({
      db,
      sets: policy.sets,
      catalogs: () => options.catalogs ?? [],
      agents: () => identity.agents.list(),
      servers: () => [],
      fulfillable: FULFILLABLE,
    }),
    grants: policy.grants,
    decisions: policy.engine,
    recorded,
    suggestions: createSuggestions({
      recorded,
      clock,
      policies: () => policy.sets.list(),
      pause: () => Promise.resolve(),
    }),
    simulations: openSimulations(reading),
    shadows: policy.shadows,
    shadowDifferences: openShadowDifferences({ ...reading, shadows: policy.shadows }),
    explainer: policy.explainer,
    mode: policy.mode,
    ledger,
    gateway: {
      state: () => ({
        mode: 'enforcing',
        observing_until: null,
        build: '0.0.0',
        started_at: clock.now(),
        replica: 'test',
        leased: watch.leased(),
        state_version: watch.version(),
        storage: db.dialect,
        in_flight: 0,
        agents_url: 'http://127.0.0.1:1',
        faults: [],
        ...state,
      }),
      upstreams: () => upstreams,
    },
    tokenSource: () => undefined,
    connectSource: () => undefined,
    connectable: () => [],
    meet: async () => {},
    workloads: () => [],
    console_url: () => url.now,
    listen: { host: '127.0.0.1', port: 0 },
    public_url: undefined,
    socket_path: join(folder, 'run', 'control.sock'),
    pages_folder: options.pages_folder,
    report,
  });
  url.now = `http://${options.localhost === true ? 'localhost' : '127.0.0.1'}:${api.port}`;
  const send = (sent: Sent) => sendTo(api, sent);
  const people = { count: 0 };
  return {
    api,
    db,
    ledger,
    identity,
    policy,
    clock,
    folder,
    policies,
    url: url.now,
    upstreams,
    state,
    problems,
    send,
    person: (roles, more = {}) => {
      people.count += 1;
      return makePerson(
        { identity, send, url: url.now, clock, name: `person-${people.count}` },
        roles,
        more.present === true,
      );
    },
    async close() {
      await api.close();
      await policy.mode.close();
      await policy.sets.close();
      await identity.close();
      await ledger.close();
      watch.stop();
      await db.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function sendTo(api: Api, { method = 'GET', path, headers = {}, body, local = false, until }: Sent): Promise<Received> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const target = local ? { socketPath: api.socket_path! } : { host: api.host, port: api.port };
    const type = text === undefined ? {} : { 'content-type': 'application/json' };
    const outgoing = httpRequest({ ...target, method, path, headers: { ...type, ...headers } }, (answer) => {
      let received = '';
      const done = () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          text: received,
          json: () => JSON.parse(received) as Record<string, unknown>,
        });
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        received += chunk;
        if (until?.(received) === true) {
          done();
          outgoing.destroy();
        }
      });
      answer.on('end', done);
    });
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

type Making = Pick<ControlPlane, 'identity' | 'send' | 'url' | 'clock'> & { name: string };

async function makePerson(
  { identity, send, url, clock, name }: Making,
  roles: readonly Role[],
  present: boolean,
): Promise<Browser> {
  const link = await identity.people.setupLink({ roles, by: 'local' });
  if (isRefusal(link)) throw new Error(link.reason);
  const password = `long enough ${name.length} correct horse`;
  const headers: Record<string, string> = { origin: url, 'sec-fetch-site': 'same-origin', 'sallyport-client': 'test' };
  const body = { secret: link.secret.reveal(), name, password };
  const redeemed = await send({ method: 'POST', path: '/api/setup', headers, body });
  if (redeemed.status !== 200) throw new Error(redeemed.text);
  const cookie = redeemed.headers['set-cookie']![0]!.split(';')[0]!;
  headers['cookie'] = cookie;
  const secret = { base32: '', steps: 0 };
  const code = () => totp(secret.base32, clock.now() + 30_000 * secret.steps++);
  if (present) {
    const enrolled = await send({ method: 'POST', path: '/api/me/authenticator', headers, body: {} });
    secret.base32 = String(enrolled.json()['secret']);
    const shown = await send({ method: 'POST', path: '/api/me/presence', headers, body: { code: code() } });
    if (shown.status !== 200) throw new Error(shown.text);
  }
  return { name, password, cookie, headers, code };
}
