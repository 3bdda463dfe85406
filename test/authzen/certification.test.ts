import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Answered, type AuthzenWorld, openAuthzenWorld, RECORDS } from '../support/authzen.ts';

/**
 * The OpenID certification scenario of the AuthZEN Authorization API 1.0, run from its text: the fixture, each request,
 * and what the harness must see. Ids are the scenario's sections.
 */
const read = { name: 'read' };
const write = { name: 'write' };
const alice = { type: 'user', id: 'alice' };
const bob = { type: 'user', id: 'bob' };
const admin = { ...bob, properties: { role: 'admin' } };
const record1 = { type: 'record', id: 'record-1' };
const record2 = { type: 'record', id: 'record-2' };
const archived = { ...record2, properties: { status: 'archived' } };
const active = { ...record1, properties: { status: 'active' } };
const context = { time: '2025-06-27T18:03-07:00', ip: '192.168.1.1' };

const world: { now?: AuthzenWorld } = {};
const ask = (path: string, body: unknown, headers?: Record<string, string>): Promise<Answered> => {
  const open = world.now as AuthzenWorld;
  return open.ask(open.pep, path, body, headers);
};

before(async () => {
  world.now = await openAuthzenWorld(RECORDS);
});
after(() => world.now?.stop());

describe('basic', () => {
  const DECISIONS: readonly [string, object, boolean][] = [
    ['c-2-2-1', { subject: alice, action: read, resource: record1 }, true],
    ['c-2-2-2', { subject: bob, action: write, resource: record1 }, false],
    ['c-1-4 rule 2', { subject: alice, action: write, resource: record1 }, true],
    ['c-1-4 rule 3', { subject: bob, action: read, resource: record1 }, true],
    ['c-2-2-3', { subject: alice, action: read, resource: record1, context }, true],
    ['c-2-2-4', { subject: alice, action: write, resource: archived }, false],
    ['c-2-2-5', { subject: admin, action: write, resource: archived }, true],
    ['c-2-2-6', { subject: alice, action: { name: 'delete', properties: { soft: true } }, resource: record1 }, true],
    ['c-2-2-7', { subject: alice, action: { name: 'delete', properties: { soft: false } }, resource: record1 }, false],
    [
      'c-2-2-8',
      {
        subject: { ...alice, properties: { department: 'Sales', role: 'manager' } },
        action: { name: 'read', properties: { method: 'GET' } },
        resource: { ...record1, properties: { status: 'active', owner: 'bob' } },
      },
      true,
    ],
    ['c-2-2-9', { subject: alice, action: read, resource: record1, foo: 'bar', futureField: { nested: true } }, true],
  ];
  for (const [id, request, decision] of DECISIONS) {
    test(`${id}: ${decision}`, async () => {
      const { status, body, headers } = await ask('evaluation', request);
      assert.equal(status, 200);
      assert.match(headers.get('content-type') ?? '', /^application\/json/);
      assert.equal(body['decision'], decision);
      assert.equal(typeof (body['context'] ?? {}), 'object');
    });
  }

  const MALFORMED: readonly [string, unknown][] = [
    ['no subject', { action: read, resource: record1 }],
    ['no action', { subject: alice, resource: record1 }],
    ['no resource', { subject: alice, action: read }],
    ['subject without type', { subject: { id: 'alice' }, action: read, resource: record1 }],
    ['subject without id', { subject: { type: 'user' }, action: read, resource: record1 }],
    ['action without name', { subject: alice, action: {}, resource: record1 }],
    ['resource without type', { subject: alice, action: read, resource: { id: 'record-1' } }],
    ['resource without id', { subject: alice, action: read, resource: { type: 'record' } }],
    ['subject as text', { subject: 'alice', action: read, resource: record1 }],
    ['action as text', { subject: alice, action: 'read', resource: record1 }],
    ['resource as a list', { subject: alice, action: read, resource: [record1] }],
    ['context as text', { subject: alice, action: read, resource: record1, context: 'x' }],
    ['properties as text', { subject: { ...alice, properties: 'x' }, action: read, resource: record1 }],
    ['id as a number', { subject: { type: 'user', id: 7 }, action: read, resource: record1 }],
    ['malformed JSON', '{"subject": {'],
    ['an empty body', ''],
    ['a list', []],
    ['a key twice', '{"subject":{"type":"user","id":"alice","id":"bob"},"action":{"name":"read"}}'],
  ];
  for (const [what, body] of MALFORMED) {
    test(`c-2-4: ${what} is 400`, async () => assert.equal((await ask('evaluation', body)).status, 400));
  }

  test('c-2-4-3: another content type is 400', async () => {
    const question = { subject: alice, action: read, resource: record1 };
    assert.equal((await ask('evaluation', question, { 'content-type': 'text/plain' })).status, 400);
  });

  test('c-2-5, c-2-6: the request id comes back, and the same question has the same answer', async () => {
    const question = { subject: alice, action: read, resource: record1 };
    for (const id of ['bfe9eb29-ab87-4ca3-be83-a1d5d8305716', 'again']) {
      const { body, headers } = await ask('evaluation', question, { 'x-request-id': id });
      assert.equal(headers.get('x-request-id'), id);
      assert.equal(body['decision'], true);
    }
  });
});

describe('batch', () => {
  const BATCHES: readonly [string, object, readonly (boolean | undefined)[]][] = [
    [
      'c-3-2-1',
      { subject: alice, action: read, evaluations: [{ resource: record1 }, { resource: record2 }] },
      [true, undefined],
    ],
    ['c-3-2-2', { subject: bob, resource: record1, evaluations: [{ action: read }, { action: write }] }, [true, false]],
    [
      'c-3-2-3',
      { subject: alice, action: write, evaluations: [{ resource: active }, { resource: archived }] },
      [true, false],
    ],
    [
      'c-3-2-4',
      { action: write, resource: archived, evaluations: [{ subject: alice }, { subject: admin }] },
      [false, true],
    ],
    [
      'c-3-2-5',
      {
        evaluations: [
          { subject: alice, action: read, resource: record1 },
          { subject: bob, action: write, resource: record1 },
        ],
      },
      [true, false],
    ],
    [
      'c-3-2-6',
      {
        subject: alice,
        action: read,
        context: { time: 'x' },
        evaluations: [{ resource: record1 }, { resource: record2, context: { source: 'batch-override' } }],
      },
      [undefined, undefined],
    ],
    [
      'c-3-2-7',
      { subject: alice, action: write, resource: active, evaluations: [{}, { resource: archived }] },
      [true, false],
    ],
    [
      'c-3-4-1',
      {
        subject: alice,
        options: { evaluations_semantic: 'execute_all' },
        evaluations: [{ action: read, resource: record1 }, { action: read }, { action: write, resource: record1 }],
      },
      [true, false, true],
    ],
    [
      'an entity is replaced as a whole',
      {
        subject: alice,
        action: write,
        resource: archived,
        evaluations: [{ resource: { type: 'record', id: 'record-1' } }],
      },
      [true],
    ],
    [
      'deny_on_first_deny stops there',
      {
        subject: bob,
        resource: record1,
        options: { evaluations_semantic: 'deny_on_first_deny' },
        evaluations: [{ action: read }, { action: write }, { action: read }],
      },
      [true, false],
    ],
    [
      'permit_on_first_permit stops there',
      {
        subject: bob,
        resource: record1,
        options: { evaluations_semantic: 'permit_on_first_permit' },
        evaluations: [{ action: write }, { action: read }, { action: read }],
      },
      [false, true],
    ],
  ];
  for (const [id, request, decisions] of BATCHES) {
    test(id, async () => {
      const { status, body } = await ask('evaluations', request);
      assert.equal(status, 200);
      const evaluations = body['evaluations'] as { decision: unknown }[];
      assert.equal(evaluations.length, decisions.length);
      for (const [at, { decision }] of evaluations.entries()) {
        assert.equal(typeof decision, 'boolean');
        if (decisions[at] !== undefined) assert.equal(decision, decisions[at]);
      }
      assert.equal('decision' in body, false);
    });
  }

  for (const evaluations of [undefined, []]) {
    test(`${evaluations === undefined ? 'without' : 'with no'} evaluations it is one question`, async () => {
      const { status, body } = await ask('evaluations', {
        subject: alice,
        action: read,
        resource: record1,
        evaluations,
      });
      assert.equal(status, 200);
      assert.equal(body['decision'], true);
    });
  }

  for (const [what, body] of [
    ['neither a question nor items', { subject: alice }],
    ['evaluations as an object', { subject: alice, action: read, evaluations: {} }],
    ['an unknown semantic', { evaluations: [{}], options: { evaluations_semantic: 'guess' } }],
    ['more items than are answered', { evaluations: Array.from({ length: 1001 }, () => ({})) }],
  ] as const) {
    test(`${what}: 400`, async () => assert.equal((await ask('evaluations', body)).status, 400));
  }
});

describe('search', () => {
  const names = async (path: string, body: object): Promise<unknown[]> => {
    const { status, body: found } = await ask(`search/${path}`, body);
    assert.equal(status, 200, JSON.stringify(found));
    if (found['page'] !== undefined) assert.equal(typeof found['page'], 'object');
    return (found['results'] as { id?: string; name?: string }[]).map(({ id, name }) => id ?? name);
  };
  const user = { type: 'user' };
  const record = { type: 'record' };
  const FOUND: readonly [string, string, object, readonly string[]][] = [
    ['c-4-2-1', 'subject', { subject: user, action: read, resource: record1 }, ['alice', 'bob']],
    ['c-4-2-2', 'subject', { subject: user, action: read, resource: record1, context }, ['alice', 'bob']],
    ['c-4-2-3', 'subject', { subject: alice, action: read, resource: record1 }, ['alice', 'bob']],
    ['c-4-2-4', 'subject', { subject: user, action: write, resource: archived }, ['bob']],
    ['c-4-3-1', 'resource', { subject: alice, action: read, resource: record }, ['record-1', 'record-2']],
    ['c-4-3-2', 'resource', { subject: alice, action: read, resource: record, context }, ['record-1', 'record-2']],
    ['c-4-3-3', 'resource', { subject: alice, action: read, resource: record1 }, ['record-1', 'record-2']],
    ['c-4-3-4', 'resource', { subject: admin, action: write, resource: record }, ['record-2']],
    ['c-4-4-1', 'action', { subject: alice, resource: record1 }, ['read', 'write']],
    ['c-4-4-2', 'action', { subject: alice, resource: record1, context }, ['read', 'write']],
    ['c-4-4-3', 'action', { subject: admin, resource: archived }, ['read', 'write']],
    ['c-4-5-1', 'subject', { subject: user, action: read, resource: record1, page: { limit: 1 } }, ['alice', 'bob']],
    ['c-4-5-2', 'subject', { subject: user, action: read, resource: record1, page: { token: 'x' } }, ['alice', 'bob']],
    ['c-4-6-1', 'action', { subject: { type: 'user', id: 'nonexistent-user' }, resource: record1 }, []],
    ['c-4-6-1 resource', 'resource', { subject: { type: 'user', id: 'nobody' }, action: read, resource: record }, []],
    ['c-4-6-1 subject', 'subject', { subject: user, action: read, resource: { type: 'record', id: 'nothing' } }, []],
    ['c-4-6-2', 'subject', { subject: { type: 'spaceship' }, action: read, resource: record1 }, []],
    ['c-4-6-2 resource', 'resource', { subject: alice, action: read, resource: { type: 'not a type!' } }, []],
  ];
  for (const [id, path, request, expected] of FOUND) {
    test(id, async () => assert.deepEqual((await names(path, request)).sort(), expected));
  }

  const MALFORMED: readonly [string, string, object][] = [
    ['c-4-7-1 subject', 'subject', { subject: user, resource: record1 }],
    ['c-4-7-1 resource', 'resource', { action: read, resource: record }],
    ['c-4-7-1 action', 'action', { subject: alice }],
    ['c-4-7-2 subject', 'subject', { subject: user, action: read, resource: record }],
    ['c-4-7-2 resource', 'resource', { subject: user, action: read, resource: record }],
    ['c-4-7-2 action', 'action', { subject: user, resource: record1 }],
  ];
  for (const [id, path, request] of MALFORMED) {
    test(`${id}: 400`, async () => assert.equal((await ask(`search/${path}`, request)).status, 400));
  }
});

describe('discovery', () => {
  test('c-6: metadata names the decision point and its endpoints', async () => {
    const { running, public_url } = world.now as AuthzenWorld;
    const response = await fetch(`${running.agents_url}/.well-known/authzen-configuration`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
    const metadata = (await response.json()) as Record<string, string>;
    assert.equal(metadata['policy_decision_point'], public_url);
    const endpoints = Object.keys(metadata).filter((key) => key.endsWith('_endpoint'));
    assert.equal(endpoints.length, 5);
    for (const key of endpoints) {
      const path = (metadata[key] as string).replace(`${public_url}/access/v1/`, '');
      assert.equal((await ask(path, {})).status, 400, `${key} answers`);
    }
  });
});
