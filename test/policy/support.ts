import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { FULFILLABLE, openPolicy, type Policy, type PolicyParts } from '../../src/controls/policy/index.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { DecisionRequest } from '../../src/core/decision.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { LOWEST_LABEL } from '../../src/core/label.ts';
import type { ServerCatalog } from '../../src/core/manifest.ts';
import { type Database, openStateWatch, type StateWatch } from '../../src/storage/index.ts';

export const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delay_ms, work) => {
    const timer = setTimeout(work, delay_ms);
    return () => clearTimeout(timer);
  },
};

type Change = Parameters<PolicyParts['record']>[1];

/** A gateway's policy half on a real database: one replica, or several over the same one. */
export type Replica = Policy & { state: StateWatch; folder: string; changes: Change[]; reports: string[] };

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-policy-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Makes the folder hold exactly these files. */
export async function write(folder: string, files: Record<string, string>): Promise<void> {
  for (const name of await readdir(folder)) if (!(name in files)) await rm(join(folder, name));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}

export async function openReplica(
  t: TestContext,
  db: Database,
  files: Record<string, string>,
  parts: Partial<PolicyParts> = {},
): Promise<Replica> {
  const folder = await temporaryFolder(t);
  await write(folder, files);
  const state = openStateWatch({ db, clock });
  const changes: Change[] = [];
  const reports: string[] = [];
  const policy = await openPolicy({
    db,
    clock,
    random: (bytes) => randomBytes(bytes),
    now: () => Date.now(),
    state,
    folder,
    activation: () => 'presence',
    source: () => 'folder',
    two_persons: () => false,
    grant_seconds_max: () => 28_800,
    fulfillable: FULFILLABLE,
    record: async (_tx, change) => {
      changes.push(change);
      return `rcp_${changes.length}`;
    },
    onDisagreement: ({ policies }) => void reports.push(`disagreement: ${policies.join()}`),
    report: (problem, error) => void reports.push(`${problem}: ${String(error)}`),
    watch: false,
    ...parts,
  });
  await state.start();
  t.after(async () => {
    state.stop();
    await policy.mode.close();
    await policy.sets.close();
  });
  return { ...policy, state, folder, changes, reports };
}

export function permit(id: string, condition = 'true', more = ''): string {
  return `@id("${id}") @reason("A test's permit.") ${more}
permit (principal, action == Action::"tool.call", resource in Server::"files") when { ${condition} };\n`;
}

export function forbid(id: string, condition = 'true', more = ''): string {
  return `@id("${id}") @reason("A test's forbid.") ${more}
forbid (principal, action == Action::"tool.call", resource in Server::"files") when { ${condition} };\n`;
}

export function catalog(server: string, tools: Record<string, JsonObject>): ServerCatalog {
  const defined = Object.entries(tools).map(([name, inputSchema]) => ({ server, name, inputSchema, raw: {} }));
  return { server, tools: defined, resources: [], templates: [], prompts: [], digest: server };
}

export const FILES = catalog('files', {
  read: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  write: { type: 'object', properties: { path: { type: 'string' }, text: { type: 'string' } }, required: ['path'] },
});

export function call(tool: string, args: JsonObject, more: Partial<DecisionRequest> = {}): DecisionRequest {
  return {
    principal: { type: 'Agent', id: 'ann' },
    agent: { id: 'ann', owner: 'team', version: '1', jobs: ['work'] },
    credential: { kind: 'dpop', thumbprint: 'key' },
    run: {
      id: 'run_1',
      agent: 'ann',
      job: 'work',
      opened_by: 'ann',
      purpose: null,
      subject: null,
      chain: [],
      scopes: [],
      opened_at: 0,
      expires_at: 1,
      labels: LOWEST_LABEL,
    },
    protocol: 'mcp',
    access: { action: 'tool.call', resource: { type: 'Tool', id: tool }, args },
    ...more,
  };
}
