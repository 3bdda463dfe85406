import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeProblem, parseConfig } from '../../src/config/index.ts';

/** What is written, and the whole of what the operator reads. More refusals than successes: a bound that slips is no bound. */
const CASES: readonly (readonly [name: string, text: string, expected: readonly string[]])[] = [
  ['a misspelt section', 'limts: {}', ['f:1:1 limts: expected a known key, found "limts". Did you mean limits?']],
  [
    'a misspelt key, deep',
    'upstreams:\n  files:\n    comand: [x]',
    ['f:3:5 upstreams.files.comand: expected a known key, found "comand". Did you mean command?'],
  ],
  [
    'a key that is like nothing',
    'policy: { zzzzzzzz: 1 }',
    [
      'f:1:11 policy.zzzzzzzz: expected a known key, found "zzzzzzzz". Known here: folder, activation, source, two_persons, grant_seconds_max',
    ],
  ],
  [
    'an address without a port',
    'listen:\n  agents: 127.0.0.1',
    ['f:2:11 listen.agents: expected HOST:PORT, found "127.0.0.1"'],
  ],
  [
    'a port too high',
    'listen: { agents: "h:70000" }',
    ['f:1:19 listen.agents: expected a port of at most 65535, found "h:70000"'],
  ],
  [
    'a number out of range',
    'limits: { stage_ms_max: 5 }',
    ['f:1:25 limits.stage_ms_max: expected a whole number from 10 to 60000, found 5'],
  ],
  [
    'a fraction',
    'limits: { stage_ms_max: 60.5 }',
    ['f:1:25 limits.stage_ms_max: expected a whole number from 10 to 60000, found 60.5'],
  ],
  [
    'a number as text',
    'limits: { stage_ms_max: "60" }',
    ['f:1:25 limits.stage_ms_max: expected a whole number from 10 to 60000, found "60"'],
  ],
  [
    'more witnesses than there can be',
    'audit: { witnesses_required: 17 }',
    ['f:1:30 audit.witnesses_required: expected a whole number from 0 to 16, found 17'],
  ],
  [
    'a word for a choice',
    'policy: { activation: never }',
    ['f:1:23 policy.activation: expected presence or file, found "never"'],
  ],
  ['a list for a map', 'listen: [1, 2]', ['f:1:1 listen: expected a map, found a list of 2']],
  ['nothing for a map', 'listen:', ['f:1:8 listen: expected a map, found nothing (null)']],
  [
    'a list at the top',
    '- a',
    ['f:1:1 expected a map, found something else. The file begins with keys such as listen: or upstreams:'],
  ],
  [
    'an agent without an owner',
    'agents: { a: { jobs: [x] } }',
    ['f:1:11 agents.a.owner: expected text, found nothing'],
  ],
  [
    'an agent without a job',
    'agents: { a: { owner: o, jobs: [] } }',
    ['f:1:26 agents.a.jobs: expected a list of texts, found a list of 0'],
  ],
  [
    'an upstream that is nothing',
    'upstreams: { a: {} }',
    ['f:1:14 upstreams.a: expected either command (a program) or url (an address), and not both, found a map'],
  ],
  [
    'a shell line for a list',
    'upstreams: { a: { command: "rm -rf /" } }',
    ['f:1:28 upstreams.a.command: expected a list of texts, found "rm -rf /"'],
  ],
  [
    'a file address',
    'upstreams: { a: { url: "file:///etc/passwd" } }',
    ['f:1:24 upstreams.a.url: expected an http or https address, found text that is not repeated here'],
  ],
  [
    'a name that could be a path',
    'upstreams: { "../a": { command: [x] } }',
    ['f:1:14 upstreams.../a: expected lower-case letters, digits and inner hyphens, at most 63, found "../a"'],
  ],
  [
    'a secret in the open',
    'upstreams: { a: { command: [x], env: { GITHUB_TOKEN: ghp_abc } } }',
    [
      'f:1:54 upstreams.a.env.GITHUB_TOKEN: expected a reference (env:NAME or file:PATH), since the name says that it is a secret, found text that is not repeated here',
    ],
  ],
  [
    'a secret in a header',
    'upstreams: { a: { url: "https://x/", headers: { Authorization: Bearer abc } } }',
    [
      'f:1:64 upstreams.a.headers.Authorization: expected a reference (env:NAME or file:PATH), since the name says that it is a secret, found text that is not repeated here',
    ],
  ],
  [
    'a reference to nothing',
    'upstreams: { a: { command: [x], env: { K: env:NOT_SET } } }',
    [
      'f:1:43 upstreams.a.env.K: expected a reference that can be followed: the environment has no variable NOT_SET, found text that is not repeated here',
    ],
  ],
  [
    'a rule that is for everybody',
    'identity: { issuers: [{ issuer: "https://a.example", rules: [{ claims: {}, agent: a, job: j }] }] }',
    [
      'f:1:64 identity.issuers[0].rules[0].claims: expected at least one claim: a rule without one is for everybody, found a map',
    ],
  ],
  [
    'an issuer with a query',
    'identity: { issuers: [{ issuer: "https://a.example?x", rules: [{ claims: { sub: x }, agent: a, job: j }] }] }',
    [
      'f:1:33 identity.issuers[0].issuer: expected an issuer such as https://login.example.com, found "https://a.example?x"',
    ],
  ],
  [
    'a secret of the company in the open',
    'people: { oidc: { name: A, issuer: "https://a.example", client_id: s, client_secret: hunter2, roles: { g: [viewer] } } }',
    [
      'f:1:86 people.oidc.client_secret: expected a reference (env:NAME or file:PATH), since it is a secret, found text that is not repeated here',
    ],
  ],
  [
    'a password in the address',
    'storage: { url: "postgres://u:hunter2@h/d" }',
    [
      'f:1:17 storage.url: expected an address without a password, or a reference (env:NAME, file:PATH) to one that has it, found text that is not repeated here',
    ],
  ],
  [
    'an origin with a path',
    'listen: { origins: ["https://x/y"] }',
    ['f:1:21 listen.origins[0]: expected an origin such as https://gateway.example.com, found "https://x/y"'],
  ],
  ['a duplicate key', 'policy: {}\npolicy: {}', ['f:2:1 expected YAML (Map keys must be unique), found "policy: {}"']],
  [
    'a map as a key',
    '? {a: b}\n: c',
    ['f:1:3 expected YAML (With stringKeys, all keys must be strings), found "{a: b}"'],
  ],
  [
    'an open bracket',
    'policy: {',
    ['f:1:10 expected YAML (Flow map in block collection must be sufficiently indented and end with a }), found ""'],
  ],
];

for (const [name, text, expected] of CASES) {
  test(`refuses ${name}`, () => {
    const result = parseConfig(text, 'f', {});
    assert.equal(result.kind, 'invalid');
    assert.deepEqual(result.kind === 'invalid' ? result.problems.map(describeProblem) : [], expected);
  });
}

test('every fault is told at once, up to twenty', () => {
  const result = parseConfig(Array.from({ length: 40 }, (_, at) => `wrong${at}: 1`).join('\n'), 'f', {});
  assert.equal(result.kind === 'invalid' && result.problems.length, 20);
});

test('an alias bomb is refused at once', () => {
  const lines = [
    'a0: &a0 [x]',
    ...Array.from({ length: 30 }, (_, at) => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}, *a${at}]`),
  ];
  const started = performance.now();
  assert.equal(parseConfig(lines.join('\n'), 'f', {}).kind, 'invalid');
  assert.ok(performance.now() - started < 1_000);
});

test('a key called __proto__ is a misspelt key, and changes nothing', () => {
  assert.equal(parseConfig('__proto__: { polluted: 1 }', 'f', {}).kind, 'invalid');
  assert.equal(parseConfig('upstreams: { __proto__: { command: [x] } }', 'f', {}).kind, 'invalid');
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});

test('control characters of a hostile file do not reach the operator’s terminal', () => {
  const result = parseConfig('"\\u001b[2J\\u202elimits": 1', 'f', {});
  const [problem] = result.kind === 'invalid' ? result.problems : [];
  assert.ok(problem !== undefined);
  assert.doesNotMatch(problem.found, /[\u001b]/);
});
