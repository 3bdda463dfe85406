/**
 * Configuration: one file, `sallyport.yaml`, and one schema of it, from which the defaults, the checks, the manual and the
 * JSON Schema for editors are made, so that they cannot disagree. It holds no secrets, only references to them
 * (`env:NAME`, `file:PATH`), because the file is read, copied and committed. The attacker here is mostly a tired operator: a
 * misspelt limit that silently does not limit. So unknown keys are refused with what was probably meant, and every problem
 * says where it stands, what was expected and what stood there. A bad file never replaces a good one that is running.
 * Rejected: several files that overlay each other, and environment variables that override keys; both make "what is in force?"
 * a question without one answer.
 *
 * This is also the only domain that reads the environment of the process.
 */
export { childEnvironment, configuredPath, type TerminalPreferences, terminalPreferences } from './environment.ts';
export { type Config, type ConfigResult, loadConfig, parseConfig } from './load.ts';
export { configJsonSchema, configManual } from './manual.ts';
export { controlSocket, findConfig } from './places.ts';
export { type ConfigProblem, describeProblem } from './problem.ts';
export type { Transport } from './upstream-schema.ts';
export { type ConfigWatch, needsRestart, type WatchListeners, watchConfig } from './watch.ts';

import type { Config } from './load.ts';

/** One entry of `upstreams`. */
export type UpstreamConfig = Config['upstreams'][string];
