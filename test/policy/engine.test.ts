import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePolicy } from '../../src/controls/policy/cedar/policy.ts';
import { createEngine, type Engine } from '../../src/controls/policy/engine.ts';
import { FULFILLABLE } from '../../src/controls/policy/index.ts';
import { createPolicySet, type PolicySet } from '../../src/controls/policy/policy-set.ts';
import { readPolicies } from '../../src/controls/policy/source.ts';
import type { Disagreement } from '../../src/controls/policy/types.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { ServerCatalog } from '../../src/core/manifest.ts';
import { call, catalog, FILES, forbid, permit } from './support.ts';

type Held = { engine: Engine; disagreements: Disagreement[]; reports: string[]; pass(ms: number): void };

function engineOf(
  text: string,
  catalogs: readonly ServerCatalog[] = [FILES],
  spoil?: (set: PolicySet) => PolicySet,
): Held {
  let now = 0;
  const waiting: (() => void)[] = [];
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: (_delay, work) => {
      waiting.push(work);
      return () => {};
    },
  };
  const disagreements: Disagreement[] = [];
  const reports: string[] = [];
  const read = readPolicies([{ name: 'a.cedar', text }], FULFILLABLE);
  assert.deepEqual(read.problems, []);
  const set = createPolicySet(read);
  const onDisagreement = (one: Disagreement): void => void disagreements.push(one);
  const engine = createEngine(
    { clock, onDisagreement, report: (problem) => void reports.push(problem) },
    spoil?.(set) ?? set,
  );
  engine.useCatalog(catalogs);
  const pass = (ms: number): void => {
    now += ms;
    for (const work of waiting.splice(0)) work();
  };
  return { engine, disagreements, reports, pass };
}

const PATH_RULE = permit('reports', 'context.args.path like "reports/*"', '@public("Read below reports/.")');

test('a set without policies denies everything and shows nothing', () => {
  const { engine } = engineOf('');
  const decision = engine.decide(call('files/read', { path: 'a' }));
  assert.equal(decision.effect, 'deny');
  assert.deepEqual(decision.policies, ['default-deny']);
  const access = { action: 'tool.call', resource: { type: 'Tool', id: 'files/read' } };
  assert.deepEqual(engine.visible(call('files/read', {}), [access]), [false]);
});

test('what decides is named with its file and line, what failed with its clause and what it saw', () => {
  const { engine } = engineOf(`${PATH_RULE}${forbid('no-bearer', 'context.credential.kind == "bearer"')}`);
  const { decision, policies } = engine.explain(call('files/read', { path: 'secret/a' }));
  assert.equal(
    decision.summary,
    'no policy permits it; in scope but not satisfied: reports (a.cedar:1). ' +
      'reports: when { context.args.path like "reports/*" }, where context.args.path is "secret/a"',
  );
  assert.equal(
    engine.decide(call('files/read', { path: 'reports/a' }, { credential: { kind: 'bearer', thumbprint: '' } }))
      .summary,
    'forbidden by no-bearer (a.cedar:3). ' +
      'no-bearer: when { context.credential.kind == "bearer" }, where context.credential.kind is "bearer"',
  );
  assert.deepEqual(decision.hints, ['Read below reports/.']);
  assert.deepEqual(policies, [
    {
      id: 'reports',
      effect: 'permit',
      at: 'a.cedar:1',
      outcome: 'unsatisfied',
      shadow: false,
      error: undefined,
      clause: {
        text: 'when { context.args.path like "reports/*" }',
        values: [{ path: 'context.args.path', value: '"secret/a"' }],
      },
    },
    {
      id: 'no-bearer',
      effect: 'forbid',
      at: 'a.cedar:3',
      outcome: 'unsatisfied',
      shadow: false,
      error: undefined,
      clause: {
        text: 'when { context.credential.kind == "bearer" }',
        values: [{ path: 'context.credential.kind', value: '"dpop"' }],
      },
    },
  ]);
});

test('an action, a type or a principal that nobody declared is denied', () => {
  const { engine } = engineOf(
    '@id("all") @reason("x") permit (principal is Agent, action == Action::"tool.call", resource);',
  );
  const asked = call('files/read', { path: 'a' });
  assert.equal(engine.decide(asked).effect, 'permit');
  assert.equal(engine.decide({ ...asked, access: { ...asked.access, action: 'tool.delete' } }).effect, 'deny');
  assert.equal(engine.decide({ ...asked, access: { ...asked.access, action: '' } }).effect, 'deny');
  assert.equal(engine.decide({ ...asked, principal: { type: 'Tool', id: 'files' } }).effect, 'deny');
});

test('a server is the principal of what it asks, with its own name and none of the agent', () => {
  const rule = `@id("sample") @reason("x")
    permit (principal in Server::"files", action == Action::"sampling.create", resource == Agent::"ann")
    when { resource.owner == "team" && principal.server == "files" && context.credential.kind == "child" };`;
  const { engine } = engineOf(rule);
  const asked = (server: string) =>
    engine.decide({
      ...call('', {}),
      principal: { type: 'Tool', id: server },
      credential: { kind: 'child', thumbprint: '' },
      access: { action: 'sampling.create', resource: { type: 'Agent', id: 'ann' }, args: {} },
    }).effect;
  assert.equal(asked('files'), 'permit');
  assert.equal(asked('files2'), 'deny');
  assert.equal(asked('files/x'), 'permit');
});

test('a server whose name begins like another is not inside it', () => {
  const { engine } = engineOf(permit('one'), [FILES, catalog('files2', { read: { type: 'object' } })]);
  assert.equal(engine.decide(call('files/read', { path: 'a' })).effect, 'permit');
  assert.equal(engine.decide(call('files2/read', {})).effect, 'deny');
});

test('resources are matched by their address', () => {
  const rule = `@id("read") @reason("x") permit (principal, action == Action::"resource.read", resource in Server::"files")
    when { resource.uri like "file:///reports/*" };`;
  const { engine } = engineOf(rule);
  const read = (uri: string) =>
    engine.decide({
      ...call('', {}),
      access: { action: 'resource.read', resource: { type: 'Resource', id: `files/${uri}` }, args: {} },
    }).effect;
  assert.equal(read('file:///reports/a'), 'permit');
  assert.equal(read('file:///secret/a'), 'deny');
});

test('lists: unknown arguments never hide what some arguments may do, and never show what none may', () => {
  const rules = `${PATH_RULE}${forbid('never-write', 'resource.name == "write"')}`;
  const { engine } = engineOf(rules);
  const ask = (tool: string) => ({ action: 'tool.call', resource: { type: 'Tool', id: tool } });
  assert.deepEqual(engine.visible(call('', {}), [ask('files/read'), ask('files/write'), ask('mail/send')]), [
    true,
    false,
    false,
  ]);
});

test('lists differ by run: what one run was shown is nothing to another', () => {
  const { engine } = engineOf(permit('triage', 'context.run.job == "triage"'));
  const access = { action: 'tool.call', resource: { type: 'Tool', id: 'files/read' } };
  const facts = call('', {});
  assert.deepEqual(engine.visible({ ...facts, run: { ...facts.run, job: 'triage' } }, [access]), [true]);
  assert.deepEqual(engine.visible(facts, [access]), [false]);
  assert.deepEqual(engine.visible({ ...facts, credential: { kind: 'bearer', thumbprint: '' } }, [access]), [false]);
});

test('a new set and a new catalog forget every list', () => {
  const { engine } = engineOf(permit('one'));
  const access = { action: 'tool.call', resource: { type: 'Tool', id: 'files/read' } };
  assert.deepEqual(engine.visible(call('', {}), [access]), [true]);
  engine.use(createPolicySet(readPolicies([], FULFILLABLE)));
  assert.deepEqual(engine.visible(call('', {}), [access]), [false]);
});

test('a catalog that changes a type changes what arguments are accepted', () => {
  const { engine } = engineOf(permit('one', 'context.args has path'));
  assert.equal(engine.decide(call('files/read', { path: 'a' })).effect, 'permit');
  engine.useCatalog([catalog('files', { read: { type: 'object', properties: { path: { type: 'integer' } } } })]);
  assert.equal(engine.decide(call('files/read', { path: 'a' })).code, 'arguments_invalid');
});

test('a rule about a tool that is not registered is enforced: what it reads is hidden, so it denies', () => {
  const { engine } = engineOf(
    `${permit('one', 'context.args has path')}${forbid('two', 'context.run.job == "x"')}`,
    [],
  );
  const decision = engine.decide(call('files/read', { path: 'a' }));
  assert.equal(decision.code, 'argument_unmapped');
  assert.deepEqual(decision.policies, ['one']);
});

const AMBIGUOUS = '9007199254740993 != 9007199254740992 && 9007199254740992 < 9007199254740993';

test('what closures cannot run is run by cedar-wasm, alone and in the same decision', () => {
  const rules = `${PATH_RULE}${forbid('exact', `!(${AMBIGUOUS}) || context.args.path == "reports/no"`)}`;
  const { engine } = engineOf(rules);
  assert.deepEqual(
    engine.list().map(({ id, compiled }) => [id, compiled]),
    [
      ['reports', true],
      ['exact', false],
    ],
  );
  assert.equal(engine.decide(call('files/read', { path: 'reports/a' })).effect, 'permit');
  assert.deepEqual(engine.decide(call('files/read', { path: 'reports/no' })).policies, ['exact']);
});

test('cedar-wasm does not know of hidden arguments, so a rule that it runs and that names one denies', () => {
  const open = catalog('files', {
    read: { type: 'object', properties: { path: { type: 'string' } }, additionalProperties: true },
  });
  const rules = `${permit('one')}${forbid('exact', `!(${AMBIGUOUS}) || context.args has secret`)}`;
  const { engine } = engineOf(rules, [open]);
  assert.equal(engine.decide(call('files/read', { path: 'a', other: [{}] })).effect, 'permit');
  assert.equal(engine.decide(call('files/read', { path: 'a', secret: [{}] })).code, 'argument_unmapped');
});

/** Closures that are wrong about one policy. */
function wrongAbout(id: string): (set: PolicySet) => PolicySet {
  return (set) => ({
    ...set,
    policies: set.policies,
    evaluate: (environment, unmapped) =>
      set.evaluate(environment, unmapped).map((one) => (one.policy.id === id ? { ...one, result: true } : one)),
  });
}

test('a disagreement with cedar-wasm switches to it at once, for good, and is told once', () => {
  const { engine, disagreements, pass } = engineOf(PATH_RULE, [FILES], wrongAbout('reports'));
  const forbidden = call('files/read', { path: 'secret/a' });
  assert.equal(engine.decide(forbidden).effect, 'permit');
  pass(1_000);
  assert.equal(engine.evaluator, 'compiled');
  assert.equal(engine.decide(forbidden).effect, 'permit');
  pass(1);
  assert.equal(engine.evaluator, 'cedar-wasm');
  assert.equal(engine.decide(forbidden).effect, 'deny');
  assert.equal(engine.decide(call('files/read', { path: 'reports/a' })).effect, 'permit');
  pass(10_000);
  engine.decide(forbidden);
  pass(1);
  assert.deepEqual(
    disagreements.map(({ action, policies }) => [action, policies]),
    [['tool.call', ['reports']]],
  );
});

test('decisions by cedar-wasm alone follow the same rules of combination', () => {
  const rules = [
    permit('one', 'context.args.path like "*"'),
    forbid('erring', 'context.args.path == "big" && 9223372036854775807 + 1 == 0'),
    forbid('held', 'context.args.path == "held"', '@approve("team")'),
    forbid('seen', 'context.args.path == "seen"', '@shadow'),
  ].join('');
  const { engine, pass } = engineOf(rules, [FILES], wrongAbout('seen'));
  engine.decide(call('files/read', { path: 'x' }));
  pass(1_000);
  engine.decide(call('files/read', { path: 'x' }));
  pass(1);
  assert.equal(engine.evaluator, 'cedar-wasm');
  const decide = (path: string) => engine.decide(call('files/read', { path }));
  assert.equal(decide('x').effect, 'permit');
  assert.equal(decide('big').code, 'policy_error');
  assert.equal(decide('held').effect, 'hold');
  assert.deepEqual(decide('seen').shadow, [{ policy: 'seen', satisfied: true }]);
  const access = { action: 'tool.call', resource: { type: 'Tool', id: 'files/read' } };
  assert.deepEqual(engine.visible(call('', {}), [access, { ...access, resource: { type: 'Tool', id: 'mail/x' } }]), [
    true,
    false,
  ]);
});

test('a sample of decisions is compared for as long as the engine lives, and not more often than it may', () => {
  let asked = 0;
  const counting = (set: PolicySet): PolicySet => ({
    ...set,
    evaluateByReference: (environment, unmapped) => {
      asked += 1;
      return set.evaluateByReference(environment, unmapped);
    },
  });
  const { engine, disagreements, pass } = engineOf(PATH_RULE, [FILES], counting);
  for (let at = 0; at < 100; at += 1) engine.decide(call('files/read', { path: 'reports/a' }));
  pass(1);
  assert.equal(asked, 0, 'a set that may be replaced at once is not made ready');
  for (let second = 0; second < 5; second += 1) {
    pass(1_000);
    engine.decide(call('files/read', { path: 'secret/a' }));
    pass(1);
  }
  assert.equal(asked, 5);
  assert.deepEqual(disagreements, []);
});

test('a schema that unfolds without end is cut off, not followed', () => {
  const names = Array.from({ length: 12 }, (_, at) => `p${at}`);
  const $defs: JsonObject = {};
  for (let level = 0; level < 14; level += 1) {
    const properties = Object.fromEntries(names.map((name) => [name, { $ref: `#/$defs/l${level + 1}` }]));
    $defs[`l${level}`] = { type: 'object', properties };
  }
  const bomb = { type: 'object', properties: { a: { $ref: '#/$defs/l0' }, path: { type: 'string' } }, $defs };
  const started = performance.now();
  const { engine } = engineOf(permit('one', 'context.args has path'), [catalog('files', { read: bomb })]);
  assert.ok(performance.now() - started < 2_000);
  assert.equal(engine.decide(call('files/read', { a: { p0: {} } })).effect, 'deny');
});

test('a key named __proto__ in a policy is left to cedar-wasm: it does not survive the way into JavaScript', () => {
  const [source] = readPolicies(
    [{ name: 'a.cedar', text: permit('one', '{"__proto__": 1} == {"__proto__": 1}') }],
    FULFILLABLE,
  ).policies;
  assert.equal(compilePolicy(source!, 0).conjuncts, undefined);
});

test('a comparison that cannot be made is told, and changes nothing', () => {
  const failing = (set: PolicySet): PolicySet => ({
    ...set,
    evaluateByReference: () => {
      throw new Error('memory access out of bounds');
    },
  });
  const { engine, disagreements, reports, pass } = engineOf(PATH_RULE, [FILES], failing);
  engine.decide(call('files/read', { path: 'reports/a' }));
  pass(1_000);
  engine.decide(call('files/read', { path: 'reports/a' }));
  pass(1);
  assert.equal(engine.evaluator, 'compiled');
  assert.deepEqual(disagreements, []);
  assert.deepEqual(reports, ['a decision could not be compared with cedar-wasm']);
});

test('a deny by a clause too deep to be printed is a deny all the same', () => {
  const deep = `${'('.repeat(30)}context.args.path == "x"${' && true)'.repeat(30)}`;
  const chain = Array.from({ length: 100 }, () => 'context.args.path == "x"').join(' || ');
  const { engine } = engineOf(permit('deep', deep) + permit('chain', chain));
  const decision = engine.decide(call('files/read', { path: 'a' }));
  assert.equal(decision.code, 'policy_denied');
  assert.match(decision.summary, /chain: \(a clause that is too deep to be shown\)/);
});
