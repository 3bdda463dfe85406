import assert from 'node:assert/strict';
import { test } from 'node:test';
import { argumentsOf } from '../../src/controls/policy/argument-types.ts';
import { listsToSplit } from '../../src/controls/policy/suggest/elements.ts';
import { type Learnt, learn } from '../../src/controls/policy/suggest/learn.ts';
import type { Use } from '../../src/controls/policy/suggest/use.ts';
import { permitOf } from '../../src/controls/policy/suggest/write.ts';
import type { JsonObject } from '../../src/core/json.ts';

/** What comes of values of each kind, and what must not: a condition where nothing holds, a bound where numbers only name. */
const AT_ONCE = async (): Promise<void> => {};

type Given = { args: JsonObject; agent?: string; run?: string };

function usesOf(calls: readonly Given[]): Use[] {
  return calls.map(({ args, agent = 'a', run }, at) => ({
    agent,
    run: { id: run ?? `run${at}`, job: 'j', opened_by: agent, purpose: null, subject: { id: 'usr_1', name: 'ann' } },
    action: 'tool.call',
    resource: { type: 'Tool', id: 's/t' },
    args,
    time: at,
    receipt: `rcp_${at}`,
  }));
}

async function textOf(schema: JsonObject, calls: readonly Given[], agent = 'a'): Promise<string> {
  const inputSchema = { type: 'object', properties: schema, required: Object.keys(schema) };
  const learnt = await learn(usesOf(calls), () => argumentsOf(inputSchema), AT_ONCE);
  const own = learnt.find((one) => one.agent === agent) as Learnt;
  const text = permitOf(own, own.tools[0] as Learnt['tools'][0], []);
  return text.slice(text.indexOf('when'));
}

const STRING = { type: 'string' };
const forty = (make: (at: number) => JsonObject): Given[] =>
  Array.from({ length: 40 }, (_, at) => ({ args: make(at) }));

test('the same few values are listed, each once', async () => {
  const text = await textOf(
    { table: STRING },
    forty((at) => ({ table: ['orders', 'items'][at % 2] as string })),
  );
  assert.match(text, /\["items", "orders"\]\.contains\(context\.args\.table\)/);
});

test('a path keeps its root and no way out of it, an address its host, a mailbox its domain', async () => {
  const path = await textOf(
    { path: STRING },
    forty((at) => ({ path: `/srv/in/${at}/x` })),
  );
  assert.match(path, /context\.args\.path like "\/srv\/in\/\*"/);
  assert.match(path, /!\(context\.args\.path like "\*\.\.\*"\)/);
  const url = await textOf(
    { url: STRING },
    forty((at) => ({ url: `https://api.example/${at}` })),
  );
  assert.match(url, /like "https:\/\/api\.example\/\*"/);
  const mail = await textOf(
    { to: STRING },
    forty((at) => ({ to: `p${at}@corp.example` })),
  );
  assert.match(mail, /like "\*@corp\.example"/);
  assert.match(mail, /!\(context\.args\.to like "\*@\*@\*"\)/);
});

test('a number has a bound near what was seen, and one that only names has none', async () => {
  const limit = await textOf(
    { limit: { type: 'integer' } },
    forty((at) => ({ limit: [10, 50, 100][at % 3] as number })),
  );
  assert.match(limit, /context\.args\.limit <= 100\b/);
  const names = await textOf(
    { issue_id: { type: 'integer' } },
    forty((at) => ({ issue_id: 48_000 + at * 7 })),
  );
  assert.doesNotMatch(names, /issue_id/);
});

test('what is never the same, prose and dates of now have no list of values', async () => {
  const id = await textOf(
    { ref: STRING },
    forty((at) => ({ ref: `${(at * 7919) % 9973}${at}` })),
  );
  assert.doesNotMatch(id, /contains/);
  const body = await textOf(
    { body: STRING },
    forty(() => ({ body: 'the very same words' })),
  );
  assert.doesNotMatch(body, /same words/);
  const date = await textOf(
    { since: STRING },
    forty((at) => ({ since: `2026-11-${10 + (at % 19)}` })),
  );
  assert.doesNotMatch(date, /2026-11/);
});

test('the user of the run is known as such, whoever it is', async () => {
  const text = await textOf(
    { account: STRING },
    forty(() => ({ account: 'ann' })),
  );
  assert.match(text, /context\.run has subject && context\.args\.account == context\.run\.subject\.name/);
});

test("an agent's own account is not its colleague's", async () => {
  const calls = ['a', 'b', 'c'].flatMap((agent) =>
    forty(() => ({ account: `ACC-${agent}` })).map((one, at) => ({ ...one, agent, run: `${agent}${at}` })),
  );
  assert.match(await textOf({ account: STRING }, calls), /context\.args\.account == "ACC-a"/);
  assert.match(await textOf({ account: STRING }, calls, 'c'), /context\.args\.account == "ACC-c"/);
});

test('a star, a quote and a backslash of a value are themselves in a pattern', async () => {
  const text = await textOf(
    { path: STRING },
    forty((at) => ({ path: `a*"\\/${at}` })),
  );
  assert.match(text, /like "a\\\*\\"\\\\\/?\*"/);
});

test('a flag that nobody gave is kept out, and one that some gave is not', async () => {
  const schema = {
    type: 'object',
    properties: { name: STRING, force: { type: 'boolean' }, dry: { type: 'boolean' } },
    required: ['name'],
  };
  const calls = forty((at) => ({ name: 'x', ...(at % 2 === 0 ? { dry: at % 4 === 0 } : {}) }));
  const [own] = await learn(usesOf(calls), () => argumentsOf(schema), AT_ONCE);
  const text = permitOf(own as Learnt, (own as Learnt).tools[0] as Learnt['tools'][0], []);
  assert.match(text, /!\(context\.args has force\)/);
  assert.doesNotMatch(text, /args has dry\)|args\.dry/);
});

test('a list of many addresses of one domain is to be split, one of the same few is not', () => {
  const record = argumentsOf({ type: 'object', properties: { to: { type: 'array', items: STRING } } });
  const many = usesOf(forty((at) => ({ to: [`p${at}@corp.example`] })));
  assert.deepEqual(
    listsToSplit(many, () => record),
    [{ tool: 's/t', argument: 'to', why: 'form' }],
  );
  const few = usesOf(forty((at) => ({ to: [`p${at % 2}@corp.example`] })));
  assert.deepEqual(
    listsToSplit(few, () => record),
    [],
  );
});
