/**
 * The architecture, as data. `tidy.test.ts` reads it; nothing else knows it. A change of the architecture is a change of
 * this file, and shows as one in review.
 */

/** A folder of the map and who it may use: `below` is every rank under its own, a list is exactly that. */
export type Place = { folder: string; rank: number; imports: 'below' | readonly string[] };

/** Ordered from specific to general: a file belongs to the first place whose folder contains it. */
export const PLACES: readonly Place[] = [
  { folder: 'core', rank: 0, imports: [] },
  { folder: 'config', rank: 1, imports: 'below' },
  { folder: 'storage', rank: 1, imports: 'below' },
  { folder: 'controls/identity', rank: 2, imports: 'below' },
  { folder: 'controls/policy', rank: 2, imports: 'below' },
  { folder: 'controls/audit', rank: 2, imports: 'below' },
  { folder: 'enforcement', rank: 4, imports: 'below' },
  // What every protocol over HTTP reads alike.
  { folder: 'protocols/http', rank: 4, imports: ['core'] },
  { folder: 'protocols/mcp', rank: 5, imports: ['core', 'config', 'enforcement', 'protocols/http'] },
  { folder: 'protocols/authzen', rank: 5, imports: ['core', 'config', 'enforcement', 'protocols/http'] },
  // The contract is read by the browser, the client by the CLI: neither may reach the gateway behind them.
  { folder: 'api/contract', rank: 5, imports: ['core'] },
  { folder: 'api/client', rank: 5, imports: ['core', 'api/contract'] },
  { folder: 'api', rank: 5, imports: 'below' },
  { folder: 'console', rank: 7, imports: ['api/contract', 'api/client'] },
  { folder: 'cli', rank: 7, imports: ['core', 'api/contract', 'api/client'] },
  // main.ts, alone in the root.
  { folder: '.', rank: 6, imports: 'below' },
];

/** Files whose imports go beyond their place's, each with its reason. */
export const EXTRA_IMPORTS: Record<string, { may: readonly string[]; because: string }> = {
  'cli/commands/up.ts': { may: ['config', '.'], because: '`up` starts main' },
  'cli/commands/demo.ts': { may: ['config', '.'], because: '`demo` drives a gateway of its own' },
  'cli/commands/config.ts': { may: ['config'], because: '`config check` works offline' },
  'cli/commands/policy.ts': { may: ['controls/policy'], because: 'check, test and format work offline' },
  'cli/commands/policy-analysis.ts': { may: ['config', 'controls/policy'], because: 'lint and diff work offline' },
  'cli/policy-subject.ts': { may: ['config', 'controls/policy'], because: 'reads the folder that is to be tried' },
  'cli/commands/policy-pack.ts': {
    may: ['config'],
    because: 'a pack is taken into the folder that sallyport.yaml names',
  },
  'cli/commands/verify.ts': { may: ['controls/audit'], because: 'a stranger verifies without a gateway' },
  'cli/commands/audit.ts': { may: ['.'], because: '`audit fork` needs a stopped gateway' },
  'cli/commands/here.ts': { may: ['config'], because: 'says whether there is a configuration at all' },
  'cli/workload-client.ts': {
    may: ['controls/identity'],
    because: 'the messages of the Workload API, read and written once',
  },
  'cli/gateway.ts': { may: ['config'], because: 'finds the control socket of the folder it is called in' },
  'cli/terminal.ts': { may: ['config'], because: 'colours and width as the environment wants them' },
  'cli/starter.ts': { may: ['config'], because: 'the first run writes sallyport.yaml' },
};

/** Places without a door: their files are imported by name. */
export const DOORLESS: readonly string[] = ['core', '.'];

/** Doors that are not `<folder>/index.ts`. */
export const EXTRA_DOORS: Record<string, readonly string[]> = {
  'controls/audit': [
    'controls/audit/verify.ts',
    'controls/audit/thread-served.ts',
    // The thread of a simulation reads the log and writes nothing.
    'controls/audit/archive.ts',
  ],
  // The command line starts in milliseconds only if it can ask for colours without loading the schema.
  config: ['config/environment.ts'],
  // The thread of the log claims proofs, that of a simulation looks agents and runs up, and neither needs anything else; the
  // command line reads messages of the Workload API alone.
  'controls/identity': [
    'controls/identity/claims.ts',
    'controls/identity/records.ts',
    'controls/identity/spiffe/workload-messages.ts',
  ],
  // A browser cannot load the transport that opens a socket.
  'api/client': ['api/client/socket.ts'],
};

export const LIMITS = { file_lines_max: 500, function_lines_max: 70 };

/** Files that may be longer than the wall, each with its reason. */
export const LONG_FILES: Record<string, string> = {};

/** Modules that open sockets or start programs, and the only files that may import values from them. */
export const GUARDED_MODULES =
  /^(?:node:)?(?:net|tls|http|https|http2|dgram|dns|child_process|cluster|worker_threads)(?:\/|$)|^(?:undici|pg|fastify)(?:\/|$)/;

/** Names of guarded modules that open nothing. */
export const HARMLESS_NAMES: readonly string[] = ['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'STATUS_CODES', 'METHODS'];

/** The longer this list, the weaker the rule: an entry that no file needs fails the test. */
export const GUARDED_ALLOWED: readonly { path: RegExp; because: string }[] = [
  { path: /^enforcement\/egress\//, because: 'the one door out' },
  { path: /^controls\/audit\/(?:verify-threads|thread-link)\.ts$/, because: 'threads, which open nothing' },
  { path: /^main\/(?:log|simulate)-thread\.ts$/, because: 'what the threads of the log and of a simulation run' },
  { path: /^storage\/postgres[\w-]*\.ts$/, because: 'the database, addressed by configuration only' },
  { path: /^api\/client\/socket\.ts$/, because: 'the command line reaches the gateway over its Unix socket' },
  { path: /^api\/server\/(?:open|app)\.ts$/, because: 'listens for people' },
  { path: /^main\/agents-(?:tls-)?door\.ts$/, because: 'listens for agents' },
  { path: /^cli\/workload-client\.ts$/, because: 'reaches a Workload API over its Unix socket' },
  { path: /^main\/workload-door\.ts$/, because: 'listens for workloads, on Unix sockets' },
];

/** Files that may use the global `fetch` or `WebSocket`, which open sockets without an import. */
export const FETCH_ALLOWED: readonly RegExp[] = [
  // Plays an agent, against the gateway that it has just started.
  /^cli\/commands\/demo\.ts$/,
  // The console's way back to where it came from.
  /^api\/client\/transport\.ts$/,
];

/** Where the environment may be read. */
export const ENVIRONMENT_ALLOWED: readonly RegExp[] = [/^config\//];

/** Where a program may write to its standard output. */
export const CONSOLE_ALLOWED: readonly RegExp[] = [/^cli\//];

/** Where SQL may be sent to the database. */
export const SQL_ALLOWED: readonly RegExp[] = [/^storage\//, /(?:^|[/-])store\.ts$/, /\/store\//];
