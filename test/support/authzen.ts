import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Table } from '../../src/enforcement/index.ts';
import type { AgentClient } from './agent-client.ts';
import { openWorld, type World } from './world.ts';

/** What an enforcement point needs to ask about others, and what keeps a question for a person. */
const ASKERS = `
@id("the-enforcement-point-asks")
@reason("It enforces what is decided here.")
permit (principal == Agent::"pep", action in [Action::"access.evaluate", Action::"access.search"], resource);

@id("triage-writes-ok")
@reason("Triage may append lines that begin with ok.")
@public("Lines may begin with ok.")
permit (principal == Agent::"triage", action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "ok*" };

@id("auditors-wait")
@reason("A person sees first who asks for audits.")
@approve("team-ops")
forbid (principal == Agent::"auditor", action == Action::"access.evaluate", resource);

@id("auditors-ask")
@reason("The same agent might ask otherwise.")
permit (principal == Agent::"auditor", action == Action::"access.evaluate", resource);
`;

export type Application = { policies: string; entities: unknown };
export type Answered = { status: number; headers: Headers; body: Record<string, unknown>; text: string };

export type AuthzenWorld = World & {
  pep: AgentClient;
  folder_of_application: string;
  ask(agent: AgentClient, path: string, body: unknown, headers?: Record<string, string>): Promise<Answered>;
};

/** The gateway with policies of another application, and an enforcement point that may ask about them. */
export async function openAuthzenWorld(
  application: Application,
  options: { table?: (table: Table) => Table } = {},
): Promise<AuthzenWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-authzen-'));
  const own = join(folder, 'records');
  mkdirSync(own);
  writeFileSync(join(own, 'records.cedar'), application.policies);
  writeFileSync(join(own, 'entities.json'), JSON.stringify(application.entities));
  const extra = `decision_point: { folder: records }\n`;
  const world = await openWorld({ ...options, folder, extra, policies: ASKERS });
  return {
    ...world,
    pep: await world.register('pep'),
    folder_of_application: own,
    async ask(agent, path, body, headers = {}) {
      const at = `/access/v1/${path}`;
      const proof = agent.headers('POST', `${world.public_url}${at}`);
      const response = await fetch(`${world.running.agents_url}${at}`, {
        method: 'POST',
        headers: { ...proof, 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, text, body: read(text) };
    },
  };
}

function read(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Cedar's entities file, one entity a line. */
export function entity(type: string, id: string, attrs: object = {}): object {
  return { uid: { type, id }, attrs, parents: [] };
}

/** The fixture that the certification scenario asks for (its section 2). */
export const RECORDS: Application = {
  policies: `
@id("all-read")
@reason("Users read records.")
permit (principal is user, action == Action::"read", resource is record);

@id("writers-write")
@reason("Alice writes; so do admins.")
permit (principal is user, action == Action::"write", resource is record)
when { principal == user::"alice" };

@id("archived-is-closed")
@reason("What is archived is written by admins only.")
@public("Archived records are changed by admins.")
forbid (principal is user, action == Action::"write", resource is record)
when { resource has status && resource.status == "archived" }
unless { principal has role && principal.role == "admin" };

@id("admins-write-archived")
@reason("Admins correct what is archived.")
permit (principal is user, action == Action::"write", resource is record)
when { principal has role && principal.role == "admin" && resource has status && resource.status == "archived" };

@id("soft-deletes")
@reason("What is deleted can be brought back.")
permit (principal == user::"alice", action == Action::"delete", resource is record)
when { context.action has soft && context.action.soft };
`,
  entities: [
    entity('user', 'alice'),
    entity('user', 'bob', { role: 'admin' }),
    entity('record', 'record-1', { status: 'active' }),
    entity('record', 'record-2', { status: 'archived' }),
    ...['read', 'write', 'delete'].map((name) => entity('Action', name)),
  ],
};
