import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPolicies, formatPolicies, testPolicies } from '../../src/controls/policy/index.ts';
import type { ServerCatalog } from '../../src/core/manifest.ts';
import { catalog, FILES, permit } from './support.ts';

const head = '@id("one") @reason("Why.")';
const body = '(principal, action == Action::"tool.call", resource == Tool::"files/read")';

/** Every way in which a set does not load: the text, what stands where the problem points, and what it says. */
const WRONG: Record<string, [text: string, points: string, message: RegExp]> = {
  'a syntax error': [`${head}\npermit (principal, action resource);`, 'resource);', /unexpected token `resource`/],
  'a syntax error after text beyond ASCII': [
    `// é 🗝 é\n${head} permit ${body} when { "é🗝" == } ;`,
    '} ;',
    /unexpected token/,
  ],
  'an open string': [`${head} permit ${body} when { "x };`, '"x };', /invalid token/],
  'text after the last policy': [`${permit('one')}\nallow`, '', /unexpected end of input/],
  'no @id': [`@reason("x") permit ${body};`, '@reason', /no @id/],
  'an @id with spaces': [`@id("a b") @reason("x") permit ${body};`, '@id', /@id is letters/],
  'an @id that the gateway uses': [`@id("default-deny") @reason("x") permit ${body};`, '@id', /taken by the gateway/],
  'no @reason': [`@id("one") permit ${body};`, '@id', /no @reason/],
  'an empty @reason': [`@id("one") @reason(" ") permit ${body};`, '@id', /@reason is one sentence/],
  'a @public with a terminal escape': [`${head} @public("\\u{1b}[2Jgone") permit ${body};`, '@id', /@public is one/],
  'a @public that runs backwards': [`${head} @public("a\u202eb") permit ${body};`, '@id', /@public is one sentence/],
  'an unknown annotation': [`${head} @resaon("x") permit ${body};`, '@id', /@resaon is not known/],
  'an annotation that nobody carries out yet': [`${head} @mask("email") permit ${body};`, '@id', /@mask is not known/],
  '@approve on a permit': [`${head} @approve("team") permit ${body};`, '@id', /stands on a forbid/],
  'an @approve that names nobody': [`${head} @approve("") forbid ${body};`, '@id', /names a role/],
  'an @approve with a quorum of nothing': [`${head} @approve("team quorum=0") forbid ${body};`, '@id', /quorum/],
  'two policies of one id': [`${permit('one')}\n${permit('one')}`, '@id', /taken by a\.cedar:1/],
  'a template': [`${head} permit (principal == ?principal, action, resource);`, '?principal', /template/],
  'an action that does not exist': [
    `${head} permit (principal, action == Action::"tool.cal", resource);`,
    'Action::',
    /unrecognized action/,
  ],
  'a type that does not exist': [
    `${head} permit (principal is Agnt, action, resource);`,
    'Agnt',
    /unrecognized entity/,
  ],
  'an attribute that does not exist': [
    `${head} permit ${body} when { principal.ownr == "x" };`,
    'principal.ownr',
    /attribute `ownr`/,
  ],
  'an argument that does not exist': [
    `${head} permit ${body} when { context.args.pth == "x" };`,
    'context.args.pth',
    /attribute `args.pth`/,
  ],
  'an argument of another type': [
    `${head} permit ${body} when { context.args.path > 3 };`,
    'context.args.path',
    /unexpected type/,
  ],
  'an optional argument that is read unasked': [
    `${head} permit (principal, action, resource == Tool::"files/write") when { context.args.text == "x" };`,
    'context.args.text',
    /optional attribute/,
  ],
};

for (const [name, [text, points, message]] of Object.entries(WRONG)) {
  test(`${name} is a load error, in its place`, () => {
    const { problems } = checkPolicies([{ name: 'a.cedar', text }], { catalogs: [FILES] });
    const errors = problems.filter(({ severity }) => severity === 'error');
    const found = errors.find((problem) => message.test(problem.message));
    assert.ok(found, JSON.stringify(errors));
    const rest = text.split('\n')[found.line - 1]!.slice(found.column - 1);
    assert.ok(points === '' ? rest === '' : rest.startsWith(points), `it points at ${JSON.stringify(rest)}`);
  });
}

/** Each of these runs over cedar-wasm's stack, after which it would answer nothing any more. */
const TOO_DEEP: Record<string, string> = {
  'nested parentheses': `${'('.repeat(2_000)}true${')'.repeat(2_000)}`,
  'nested sets': `${'['.repeat(500)}1${']'.repeat(500)} == 1`,
  'nested records': `${'{"a":'.repeat(500)}1${'}'.repeat(500)} == 1`,
  'a chain of sums': `${'1 + '.repeat(900)}1 == 1`,
  'a chain of attributes': `context${'.a'.repeat(900)} == 1`,
  'a chain of indexes': `context${'["a"]'.repeat(600)} == 1`,
  'a chain of conditions': `${'if true then true else '.repeat(700)}true`,
  'a chain of alternatives': `${'true || '.repeat(950)}true`,
  'brackets that never close': '('.repeat(2_900),
  'a very long set': `[${'1,'.repeat(5_000)}1].contains(1)`,
};

for (const [name, condition] of Object.entries(TOO_DEEP)) {
  test(`${name} never reach cedar-wasm, and it answers afterwards`, () => {
    const files = [{ name: 'a.cedar', text: `${permit('one')}${permit('two', condition)}` }];
    for (const { problems } of [checkPolicies(files, { catalogs: [FILES] }), formatPolicies(files)]) {
      assert.match(problems[0]!.message, /nested or chained more than|tokens, and may have/);
      assert.equal(problems[0]!.line, 3);
    }
    assert.deepEqual(checkPolicies([{ name: 'a.cedar', text: permit('one') }], { catalogs: [FILES] }).problems, []);
  });
}

test('what people write is not too deep', () => {
  const alternatives = Array.from({ length: 200 }, (_, at) => `context.args.path like "reports/${at}/*"`).join(' || ');
  const nested = `${'(true && '.repeat(20)}context.args.path == "a"${')'.repeat(20)}`;
  for (const condition of [alternatives, nested]) {
    const text = `${head} permit ${body} when { ${condition} };`;
    assert.deepEqual(checkPolicies([{ name: 'a.cedar', text }], { catalogs: [FILES] }).problems, []);
  }
});

const DIFFERING: readonly ServerCatalog[] = [
  FILES,
  catalog('db', {
    query: {
      type: 'object',
      properties: { path: { type: 'integer' }, rows: { type: 'array', items: { type: 'object' } } },
    },
  }),
];
const inScope = (resource: string, condition: string): string =>
  `${head} permit (principal, action == Action::"tool.call", ${resource}) when { ${condition} };`;

test('an argument whose type differs among the tools in scope is an error that names two of them', () => {
  const text = inScope('resource', 'context.args has path && context.args.path == "x"');
  const { problems } = checkPolicies([{ name: 'a.cedar', text }], { catalogs: DIFFERING });
  assert.equal(
    problems[0]!.message,
    "the argument path is a string in files/read, an integer in db/query: name one tool in the policy's head",
  );
});

test('naming the tool or its server settles it', () => {
  for (const resource of [
    'resource == Tool::"files/read"',
    'resource in Server::"files"',
    'resource is Tool in Server::"files"',
  ]) {
    const text = inScope(resource, 'context.args.path == "x"');
    assert.deepEqual(checkPolicies([{ name: 'a.cedar', text }], { catalogs: DIFFERING }).problems, []);
  }
});

test('a policy that does not read the differing argument is not bothered', () => {
  const text = inScope('resource', 'context.run.job == "x"');
  assert.deepEqual(checkPolicies([{ name: 'a.cedar', text }], { catalogs: DIFFERING }).problems, []);
});

test('an argument that policy cannot see is an error that says why', () => {
  const text = inScope('resource == Tool::"db/query"', 'context.args has rows');
  const [problem] = checkPolicies([{ name: 'a.cedar', text }], { catalogs: DIFFERING }).problems;
  assert.match(problem!.message, /argument rows of db\/query is hidden from policy \(an array of other than scalars\)/);
});

test('a tool that is not registered is a warning: the policy is enforced all the same', () => {
  for (const resource of [
    'resource == Tool::"mail/send"',
    'resource in Server::"mail"',
    'resource == Tool::"files/gone"',
  ]) {
    const { problems } = checkPolicies([{ name: 'a.cedar', text: inScope(resource, 'context.args.to == "x"') }], {
      catalogs: [FILES],
    });
    assert.deepEqual(
      problems.map(({ severity }) => severity),
      ['warning'],
    );
    assert.match(problems[0]!.message, /is not registered now/);
  }
});

test('without a gateway the arguments are not checked, and everything else is', () => {
  const good = checkPolicies([{ name: 'a.cedar', text: inScope('resource == Tool::"a/b"', 'context.args.x == 1') }]);
  assert.deepEqual(
    good.problems.map(({ severity }) => severity),
    ['warning'],
  );
  assert.match(good.problems[0]!.message, /no server is registered here/);
  const bad = checkPolicies([{ name: 'a.cedar', text: inScope('resource == Tool::"a/b"', 'context.run.jb == "x"') }]);
  assert.match(bad.problems[0]!.message, /jb/);
});

test('a server with more arguments than can be checked keeps nobody waiting, and nobody out', () => {
  const properties = Object.fromEntries(Array.from({ length: 900 }, (_, at) => [`p${at}`, { type: 'string' }]));
  const tools = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`t${at}`, { type: 'object', properties }]));
  const started = performance.now();
  const text = inScope('resource in Server::"flood"', 'context.args has p1');
  const { problems } = checkPolicies([{ name: 'a.cedar', text }], { catalogs: [FILES, catalog('flood', tools)] });
  assert.ok(performance.now() - started < 5_000);
  assert.deepEqual(
    problems.map(({ severity }) => severity),
    ['warning'],
  );
  assert.match(problems[0]!.message, /reaches tools with 27000 arguments/);
});

test('formatting keeps comments and meaning, and leaves alone what does not parse', () => {
  const files = [
    { name: 'a.cedar', text: `// why\n${head}permit${body}when{1==1};` },
    { name: 'b.cedar', text: 'permit (' },
  ];
  const { files: formatted, problems } = formatPolicies(files);
  assert.match(formatted[0]!.text, /^\/\/ why\n@id\("one"\)\n@reason\("Why\."\)\npermit \(/);
  assert.equal(formatted[0]!.changed, true);
  assert.deepEqual(formatted[1], { name: 'b.cedar', text: 'permit (', changed: false });
  assert.deepEqual(
    problems.map(({ file, line }) => [file, line]),
    [['b.cedar', 1]],
  );
  assert.equal(formatPolicies([{ name: 'a.cedar', text: formatted[0]!.text }]).files[0]!.changed, false);
});

test('a case that fails says what came instead, and where it stands', () => {
  const text =
    'tools: { files/read: { path: string } }\ncases:\n  - it: reads\n    call: files/read\n    with: { path: a }\n    expect: permit\n';
  const run = testPolicies([{ name: 'a.cedar', text: permit('one', 'false') }], [{ name: 'a.test.yaml', text }]);
  const [result] = run.results;
  assert.equal(result!.passed, false);
  assert.equal(result!.line, 3);
  assert.match(result!.differences.join('\n'), /expected "permit", got "deny"/);
  assert.equal(result!.explanation.policies[0]!.clause!.text, 'when { false }');
});

for (const [name, text, line] of [
  ['an unknown key', 'cases:\n  - it: x\n    call: a/b\n    expect: permit\n    becuase: [x]\n', 2],
  ['two questions at once', 'cases:\n  - it: x\n    call: a/b\n    read: a/b\n    expect: permit\n', 2],
  ['no cases', 'cases: []\n', 1],
  ['a key that stands twice', 'cases: []\ncases: []\n', 2],
  ['text that is no YAML', 'cases: [', 1],
] as const) {
  test(`a case file with ${name} is refused, not skipped`, () => {
    const run = testPolicies([{ name: 'a.cedar', text: permit('one') }], [{ name: 'a.test.yaml', text }]);
    assert.equal(run.results.length, 0);
    assert.equal(run.problems[0]!.line, line, JSON.stringify(run.problems));
  });
}
