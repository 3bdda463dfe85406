import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Application, type AuthzenWorld, entity, openAuthzenWorld } from '../support/authzen.ts';

/** The working group's interop decisions: each request as published, each decision as expected there. */
const DATA = join(import.meta.dirname, '../../../shared/data/authzen');
const present = existsSync(DATA);
const skip = present ? false : 'skipped: ../shared/data not present';

type Asked = { subject: { type: string; id: string }; resource: { type: string; id?: string } } & Record<
  string,
  unknown
>;
type Case<Expected> = { request: Asked; expected: Expected };
type Found = { results: { id?: string; name?: string }[] };

function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(DATA, name), 'utf8')) as T;
}

async function withWorld(application: Application, run: (world: AuthzenWorld) => Promise<void>): Promise<void> {
  const world = await openAuthzenWorld(application);
  try {
    await run(world);
  } finally {
    await world.stop();
  }
}

async function decide(world: AuthzenWorld, cases: readonly Case<boolean>[]): Promise<void> {
  for (const { request, expected } of cases) {
    const { status, body } = await world.ask(world.pep, 'evaluation', request);
    assert.equal(status, 200);
    assert.equal(body['decision'], expected, JSON.stringify(request));
  }
}

/** The five people of the todo scenario, by the ids that its identity provider gives them. */
const PEOPLE = (type: string) =>
  [
    ['0', 'rick@the-citadel.com', ['admin', 'evil_genius']],
    ['1', 'morty@the-citadel.com', ['editor']],
    ['2', 'summer@the-smiths.com', ['editor']],
    ['3', 'beth@the-smiths.com', ['viewer']],
    ['4', 'jerry@the-smiths.com', ['viewer']],
  ].map(([digit, email, roles]) => {
    const subject = Buffer.from(`\n$fd${digit}614d3-c39a-4781-b7bd-8b96f5a5100d\u0012\u0005local`, 'latin1');
    return entity(type, subject.toString('base64'), { email, roles });
  });

const TODO: Application = {
  policies: `
@id("everybody-reads") @reason("Users see users and todos.")
permit (principal is user, action in [Action::"can_read_user", Action::"can_read_todos"], resource)
when { principal has roles };

@id("editors-create") @reason("Editors and admins make todos.")
permit (principal is user, action == Action::"can_create_todo", resource is todo)
when { principal has roles && principal.roles.containsAny(["admin", "editor"]) };

@id("own-todos") @reason("Editors change and delete what is theirs.")
permit (principal is user, action in [Action::"can_update_todo", Action::"can_delete_todo"], resource is todo)
when { principal has roles && principal.roles.contains("editor") && resource.ownerID == principal.email };

@id("evil-genius") @reason("Rick changes everything.")
permit (principal is user, action == Action::"can_update_todo", resource is todo)
when { principal has roles && principal.roles.contains("evil_genius") };

@id("admins-delete") @reason("Admins delete anything.")
permit (principal is user, action == Action::"can_delete_todo", resource is todo)
when { principal has roles && principal.roles.contains("admin") };
`,
  entities: PEOPLE('user'),
};

const ROUTES: Application = {
  policies: `
@id("everybody-gets") @reason("Routes are read by whoever is known.")
permit (principal is identity, action == Action::"GET", resource is route) when { principal has roles };

@id("editors-write") @reason("Editors and admins use the others.")
permit (principal is identity, action in [Action::"POST", Action::"PUT", Action::"DELETE"], resource is route)
when { principal has roles && principal.roles.containsAny(["admin", "editor"]) };
`,
  entities: PEOPLE('identity'),
};

/** Who may do what to each record, as relations: the published answers of the action search, turned round. */
function recordsOf(cases: readonly Case<Found>[]): Application {
  const relations = new Map<string, Record<string, string[]>>();
  const people = new Set<string>();
  for (const { request, expected } of cases) {
    people.add(request.subject.id);
    const id = request.resource.id as string;
    const record = relations.get(id) ?? { viewers: [], editors: [], owners: [] };
    relations.set(id, record);
    const may = expected.results.map(({ name }) => name);
    if (may.includes('view')) record['viewers']?.push(request.subject.id);
    if (may.includes('edit')) record['editors']?.push(request.subject.id);
    if (may.includes('delete')) record['owners']?.push(request.subject.id);
  }
  return {
    policies: [
      ['view', 'viewers'],
      ['edit', 'editors'],
      ['delete', 'owners'],
    ]
      .map(
        ([action, relation]) => `@id("${relation}") @reason("By relation.")
permit (principal is user, action == Action::"${action}", resource is record) when { resource.${relation}.contains(principal.name) };`,
      )
      .join('\n'),
    entities: [
      ...[...people].map((name) => entity('user', name, { name })),
      ...[...relations].map(([id, attrs]) => entity('record', id, attrs)),
      ...['view', 'edit', 'delete'].map((name) => entity('Action', name)),
    ],
  };
}

async function find(world: AuthzenWorld, what: string, cases: readonly Case<Found>[]): Promise<void> {
  for (const { request, expected } of cases) {
    const { status, body } = await world.ask(world.pep, `search/${what}`, request);
    assert.equal(status, 200);
    const names = (found: Found) => found.results.map(({ id, name }) => id ?? name).sort();
    assert.deepEqual(names(body as Found), names(expected), JSON.stringify(request));
  }
}

describe('interop decisions of the AuthZEN working group', { skip, timeout: 60_000 }, () => {
  test('todo: 40 decisions and 3 batches', async () => {
    type Batch = Case<readonly { decision: boolean }[]>;
    const { evaluation, evaluations } = vectors<{ evaluation: Case<boolean>[]; evaluations: Batch[] }>(
      'interop_authzen-todo-backend_test_decisions-authorization-api-1_0-02.json',
    );
    assert.equal(evaluation.length, 40);
    await withWorld(TODO, async (world) => {
      await decide(world, evaluation);
      for (const { request, expected } of evaluations) {
        const { body } = await world.ask(world.pep, 'evaluations', request);
        const decisions = (body['evaluations'] as { decision: boolean }[]).map(({ decision }) => ({ decision }));
        assert.deepEqual(decisions, expected);
      }
    });
  });

  test('API gateways: 25 decisions', async () => {
    const { evaluation } = vectors<{ evaluation: Case<boolean>[] }>(
      'interop_authzen-api-gateways_test-harness_test_decisions.json',
    );
    assert.equal(evaluation.length, 25);
    await withWorld(ROUTES, (world) => decide(world, evaluation));
  });

  test('search: 120 for actions, 18 for resources, 60 for subjects; and 6 of identity providers', async () => {
    const of = (what: string) =>
      vectors<{ evaluation: Case<Found>[] }>(`interop_authzen-search-demo_test-harness_src_${what}_results.json`)
        .evaluation;
    await withWorld(recordsOf(of('action')), async (world) => {
      for (const what of ['action', 'resource', 'subject']) await find(world, what, of(what));
      const { search } = vectors<{ search: Case<Found>[] }>('interop_authzen-idp_test-harness_src_results.json');
      await find(world, 'resource', search);
    });
  });
});
