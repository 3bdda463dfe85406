import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AuthzenWorld, openAuthzenWorld, RECORDS } from '../support/authzen.ts';

const world: { now?: AuthzenWorld } = {};
const open = (): AuthzenWorld => world.now as AuthzenWorld;

before(async () => {
  world.now = await openAuthzenWorld(RECORDS);
});
after(() => world.now?.stop());

const append = { type: 'tool', id: 'journal/append' };
const call = { name: 'tool.call' };
const agent = (id: string) => ({ type: 'agent', id });

describe('questions about the gateway’s own agents', () => {
  test('an agent asks what it may do, and is told what would be allowed', async () => {
    const may = (line: string) =>
      open().ask(open().triage, 'evaluation', {
        subject: agent('triage'),
        action: call,
        resource: append,
        context: { arguments: { line } },
      });
    assert.equal((await may('ok now')).body['decision'], true);
    const { body, headers } = await may('evil');
    assert.equal(body['decision'], false);
    assert.deepEqual(body['context'], { reason_user: { en: 'Lines may begin with ok.' } });
    assert.ok(headers.get('sallyport-receipt'));
  });

  test('the answer is what a call then comes to, and asking has no effect', async () => {
    for (const line of ['ok asked', 'evil asked']) {
      const question = { subject: agent('triage'), action: call, resource: append, context: { arguments: { line } } };
      const { body } = await open().ask(open().triage, 'evaluation', question);
      assert.equal(open().journal().includes(line), false);
      const called = await open().call(open().triage, 'append', { line });
      assert.equal(called.body.result?.isError ?? false, body['decision'] === false);
    }
  });

  test('MCP’s method names are understood', async () => {
    const { body } = await open().ask(open().pep, 'evaluation', {
      subject: agent('triage'),
      action: { name: 'tools/call' },
      resource: append,
      context: { arguments: { line: 'ok' } },
    });
    assert.equal(body['decision'], true);
  });

  test('an enforcement point is told which policy decided', async () => {
    const { body } = await open().ask(open().pep, 'evaluation', {
      subject: agent('triage'),
      action: call,
      resource: append,
      context: { arguments: { line: 'ok' } },
    });
    assert.deepEqual((body['context'] as { policies: unknown }).policies, ['triage-writes-ok']);
  });

  test('search: which agents, which tools, which actions', async () => {
    const context = { arguments: { line: 'ok' } };
    const results = async (what: string, body: object) =>
      (await open().ask(open().pep, `search/${what}`, { ...body, context })).body['results'];
    assert.deepEqual(await results('subject', { subject: { type: 'agent' }, action: call, resource: append }), [
      { type: 'agent', id: 'triage' },
    ]);
    assert.deepEqual(
      await results('resource', { subject: agent('triage'), action: call, resource: { type: 'tool' } }),
      [{ type: 'tool', id: 'journal/append' }],
    );
    assert.deepEqual(await results('action', { subject: agent('triage'), resource: append }), [{ name: 'tool.call' }]);
  });

  const DENIED: readonly [string, object][] = [
    ['an agent that is not registered', { subject: agent('nobody'), action: call, resource: append }],
    ['an action that does not exist', { subject: agent('triage'), action: { name: 'tool.delete' }, resource: append }],
    [
      'a kind of resource that does not exist',
      { subject: agent('triage'), action: call, resource: { type: 'x', id: 'y' } },
    ],
    [
      'arguments that are no object',
      { subject: agent('triage'), action: call, resource: append, context: { arguments: 7 } },
    ],
    [
      'an argument that the tool does not declare',
      { subject: agent('triage'), action: call, resource: append, context: { arguments: { line: 'ok', x: 1 } } },
    ],
    [
      'a job that is not the agent’s',
      { subject: agent('triage'), action: call, resource: append, context: { job: 'root', arguments: { line: 'ok' } } },
    ],
    [
      'properties that would make it an owner',
      {
        subject: { ...agent('nobody'), properties: { owner: 'platform', jobs: ['support'] } },
        action: call,
        resource: append,
      },
    ],
  ];
  for (const [what, question] of DENIED) {
    test(`${what}: false`, async () => {
      const { status, body } = await open().ask(open().pep, 'evaluation', question);
      assert.equal(status, 200);
      assert.equal(body['decision'], false);
    });
  }
});

describe('policies of other applications', () => {
  const question = {
    subject: { type: 'user', id: 'alice' },
    action: { name: 'read' },
    resource: { type: 'record', id: 'record-1' },
  };
  const ask = async (body: object = question) => (await open().ask(open().pep, 'evaluation', body)).body['decision'];

  test('values that policy cannot read permit nothing, and those that it can are compared exactly', async () => {
    const write = (properties: object) =>
      ask({ ...question, action: { name: 'write' }, resource: { ...question.resource, properties } });
    assert.equal(await write({ status: 'active', size: 12, share: 0.25, tags: ['a'], more: { deep: true } }), true);
    assert.equal(await write({ status: null }), true);
    assert.equal(await write({ status: [null] }), false);
    assert.equal(await write({ status: 0.123456 }), false);
    assert.equal(await write({ status: { __entity: { type: 'user', id: 'alice' } } }), false);
  });

  test('an edit counts at once; a broken one keeps what was, and is said', async () => {
    const file = join(open().folder_of_application, 'records.cedar');
    writeFileSync(
      file,
      RECORDS.policies.replace(
        'principal is user, action == Action::"read"',
        'principal is nobody, action == Action::"read"',
      ),
    );
    await until(async () => (await ask()) === false);
    writeFileSync(file, 'permit (');
    await until(async () => faults().then((codes) => codes.includes('applications_invalid')));
    assert.equal(await ask(), false);
    writeFileSync(file, RECORDS.policies);
    await until(async () => (await ask()) === true);
    await until(async () => faults().then((codes) => !codes.includes('applications_invalid')));
  });

  async function faults(): Promise<string[]> {
    const status = await open().local.call('status', {});
    assert.equal(status.kind, 'ok', JSON.stringify(status));
    return status.value.wrong.map(({ code }: { code: string }) => code);
  }

  async function until(holds: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 100; tries += 1) {
      if (await holds()) return;
      await sleep(100);
    }
    assert.fail('it did not come about within ten seconds');
  }
});
