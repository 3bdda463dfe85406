import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const PROGRAM = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
);
const RUN_MS_MAX = 180_000;

export const REQUIREMENTS = ['2025-11-25', '2026-07-28'] as const;

export type Check = { id: string; name: string; status: string; message: string };
/** Checks by scenario. */
export type Results = ReadonlyMap<string, readonly Check[]>;

type Written = { id: string; name: string; status: string; errorMessage?: string };

/** Runs the official suite and reads what it wrote. `--requirements <revision>`, or `--scenario <name> …`. */
export async function runSuite(url: string, ...args: string[]): Promise<{ code: number; results: Results }> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-conformance-'));
  const child = spawn(process.execPath, [PROGRAM, 'server', '--url', url, '-o', folder, ...args], {
    stdio: 'ignore',
    timeout: RUN_MS_MAX,
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  const results = new Map<string, readonly Check[]>();
  for (const name of readdirSync(folder).sort()) {
    const scenario = name.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    const checks = JSON.parse(readFileSync(join(folder, name, 'checks.json'), 'utf8')) as Written[];
    results.set(
      scenario,
      checks.map(({ id, name, status, errorMessage = '' }) => ({ id, name, status, message: errorMessage })),
    );
  }
  rmSync(folder, { recursive: true, force: true });
  return { code: code ?? 1, results };
}

/** What an implementation of the revision must pass; the suite runs more, for visibility. */
export function scoredScenarios(revision: string): string[] {
  const file = join(dirname(dirname(PROGRAM)), 'requirements', `${revision}.yaml`);
  return (parse(readFileSync(file, 'utf8')) as { server: string[] }).server;
}

/** Scenarios with a check that failed. */
export function failing(results: Results): string[] {
  return [...results].filter(([, checks]) => checks.some(({ status }) => status === 'FAILURE')).map(([name]) => name);
}

export function count(results: Results, status: string): number {
  return [...results.values()].flat().filter((check) => check.status === status).length;
}

/** Where two runs differ in any one check: one line for each. */
export function differences(direct: Results, through: Results): string[] {
  const lines: string[] = [];
  for (const scenario of new Set([...direct.keys(), ...through.keys()])) {
    const before = tally(direct.get(scenario) ?? []);
    const after = tally(through.get(scenario) ?? []);
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      const [a, b] = [before.get(key)?.length ?? 0, after.get(key)?.length ?? 0];
      const message = (before.get(key) ?? after.get(key))?.find((text) => text !== '') ?? '';
      if (a !== b) lines.push(`${scenario}: ${key}: ${a} direct, ${b} through. ${message}`);
    }
  }
  return lines;
}

function tally(checks: readonly Check[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { id, name, status, message } of checks) {
    const key = `${id} (${name}) ${status}`;
    found.set(key, [...(found.get(key) ?? []), message]);
  }
  return found;
}
