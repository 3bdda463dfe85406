import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Browser, type ControlPlane, openControlPlane } from '../support/control-plane.ts';

/** What an editor asks while somebody types: nothing of it changes what is in force. */
let plane: ControlPlane;
let author: Browser;

before(async () => {
  const inputSchema = {
    type: 'object',
    properties: { path: { type: 'string' }, mode: { enum: ['text', 'binary'] } },
    required: ['path'],
  };
  const tools = [{ server: 'files', name: 'read_text_file', inputSchema, raw: {} }];
  const catalog = { server: 'files', tools, resources: [], templates: [], prompts: [], digest: '' };
  plane = await openControlPlane({ catalogs: [catalog] });
  author = await plane.person(['admin']);
});
after(() => plane.close());

const ask = (operation: string, body: unknown, who = author) =>
  plane.send({ method: 'POST', path: `/api/policy/${operation}`, headers: who.headers, body });
const file = (text: string) => ({ files: [{ name: 'typed.cedar', text }] });
const permit = (when: string) =>
  `@id("p") @reason("r") permit (principal, action == Action::"tool.call", resource == Tool::"files/read_text_file")\nwhen { ${when} };`;

describe('policy.validate', () => {
  test('says what a load would, with line and column, against the tools that are registered', async () => {
    for (const [text, line, message] of [
      ['permit (principal', 1, /unexpected end of input/],
      [permit('context.args.path > 3'), 2, /unexpected type/],
      [permit('context.args.paht like "a"'), 2, /paht` in context .* not found/],
      ['permit (principal, action, resource);', 1, /has no @id/],
    ] as const) {
      const { status, json } = await ask('validate', file(text));
      assert.equal(status, 200);
      const { valid, problems } = json() as { valid: boolean; problems: { line: number; message: string }[] };
      assert.equal(valid, false, text);
      assert.ok(
        problems.some((problem) => problem.line === line && message.test(problem.message)),
        JSON.stringify(problems),
      );
    }
  });

  test('finds nothing where nothing is wrong, and leaves what is in force alone', async () => {
    const active = plane.policy.sets.status().active;
    const { json } = await ask('validate', file(permit('context.args.path like "a/*"')));
    assert.deepEqual(json(), { valid: true, policies: 1, compiled: 1, problems: [] });
    assert.deepEqual(plane.policy.sets.status().active, active);
  });

  test('takes more than other routes do, and no more than it says', async () => {
    const text = `// ${'x'.repeat(200_000)}`;
    assert.equal((await ask('validate', file(text))).status, 200);
    assert.equal((await ask('validate', file('x'.repeat(3 * 1024 * 1024)))).status, 413);
  });

  test('is not for those who only look on', async () => {
    for (const role of ['viewer', 'auditor'] as const) {
      const { status } = await ask('validate', file(''), await plane.person([role]));
      assert.equal(status, 403, role);
    }
  });
});

test('policy.schema names what an editor completes from', async () => {
  const { json } = await plane.send({ method: 'GET', path: '/api/policy/schema', headers: author.headers });
  const schema = json() as {
    context: { name: string; optional: boolean }[];
    tools: { id: string; arguments: unknown }[];
    annotations: { name: string }[];
  };
  assert.deepEqual(schema.tools, [
    {
      id: 'files/read_text_file',
      arguments: [
        { path: 'path', type: 'a string', optional: false, values: [] },
        { path: 'mode', type: 'a string', optional: true, values: ['text', 'binary'] },
      ],
    },
  ]);
  const subject = schema.context.find(({ name }) => name === 'run.subject.name');
  assert.equal(subject?.optional, false);
  assert.ok(schema.annotations.some(({ name }) => name === 'approve'));
});

test('lint and diff refuse a set that nobody has proposed', async () => {
  const set = 'f'.repeat(64);
  assert.equal((await ask('lint', { subject: { of: 'set', set } })).status, 404);
  assert.equal((await ask('diff', { before: { of: 'active' }, after: { of: 'set', set } })).status, 404);
  const { json } = await ask('diff', { after: { of: 'active' } });
  assert.equal((json() as { equal: boolean }).equal, true);
});

test('lint and diff answer for files as typed, against what is registered, and write nothing', async () => {
  const { size } = plane.ledger.status();
  const wide = `@id("all") @reason("r") permit (principal, action, resource);`;
  const linted = await ask('lint', { subject: { of: 'files', ...file(wide) } });
  assert.equal(linted.status, 200, linted.text);
  const { findings } = linted.json() as { findings: { kind: string; policy: string; line: number }[] };
  assert.deepEqual(
    findings.map(({ kind, policy, line }) => [kind, policy, line]),
    [['overbroad', 'all', 1]],
  );
  await plane.identity.agents.add({ id: 'triage', owner: 'ops', jobs: ['triage'] }, 'test');
  const compared = await ask('diff', { after: { of: 'files', ...file(permit('context.args.path like "r*"')) } });
  assert.equal(compared.status, 200, compared.text);
  const { differences, equal } = compared.json() as {
    equal: boolean;
    differences: { kind: string; principals: string[]; witness: { args: object; command: string } }[];
  };
  assert.equal(equal, false);
  assert.deepEqual([differences[0]?.kind, differences[0]?.principals], ['gain', ['triage']]);
  assert.match(differences[0]!.witness.command, /^sallyport can triage tool\.call files\/read_text_file --args /);
  await plane.ledger.drain();
  const { receipts } = await plane.ledger.feed(size - 1, 100);
  assert.ok(receipts.every(({ receipt }) => receipt.kind !== 'control' || !receipt.event.startsWith('policy.')));
});

test('a comparison with what does not load says where', async () => {
  const { json } = await ask('diff', { after: { of: 'files', ...file('permit (principal') } });
  const { problems, equal } = json() as { equal: boolean; problems: { line: number; severity: string }[] };
  assert.deepEqual([equal, problems[0]?.line, problems[0]?.severity], [false, 1, 'error']);
});
