import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import fc from 'fast-check';
import type { EntityStore, Environment } from '../../src/controls/policy/cedar/environment.ts';
import { createEvaluator, type ListMemory, type Outcome } from '../../src/controls/policy/cedar/evaluator.ts';
import type { CedarJson } from '../../src/controls/policy/cedar/json-values.ts';
import { createOracle } from '../../src/controls/policy/cedar/oracle.ts';
import { type CompiledPolicy, compilePolicy, type ParsedPolicy } from '../../src/controls/policy/cedar/policy.ts';
import { Failure, MAY_FAIL, maskOf, type Result, UNKNOWN } from '../../src/controls/policy/cedar/results.ts';
import { CedarRecord, Entity } from '../../src/controls/policy/cedar/values.ts';
import { contextOf, type EntityJson, entityStore } from '../corpora/cedar/world.ts';
import { attributes, policyText } from './random-policies.ts';

const uid = (type: string, id: string): CedarJson => ({ type, id });

const world = fc
  .tuple(
    attributes,
    attributes,
    attributes,
    fc.record({ a: attributes, ['é*']: fc.constant({}) }, { requiredKeys: [] }),
  )
  .map(([a, b, context, tags]) => {
    const entities: EntityJson[] = [
      { uid: uid('A', 'a'), attrs: a, parents: [uid('G', 'g')], tags: tags as Record<string, CedarJson> },
      { uid: uid('B', 'a'), attrs: b, parents: [uid('A', 'a')] },
      { uid: uid('G', 'g'), attrs: {}, parents: [uid('G', 'h')] },
      { uid: uid('Action', 'read'), attrs: {}, parents: [uid('Action', 'all')] },
    ];
    return { store: entityStore(entities, undefined), context: contextOf(context) };
  });

const request = fc.record({
  principal: fc.constantFrom('a', 'b').map((id) => new Entity('A', id)),
  action: fc.constantFrom('read', 'write').map((id) => new Entity('Action', id)),
  resource: fc.constantFrom(new Entity('B', 'a'), new Entity('A', 'a'), new Entity('B', 'nobody')),
});

function parse(texts: readonly string[]): ParsedPolicy[] {
  return texts.flatMap((text, at) => {
    const answer = cedar.policyToJson(text);
    // Such as an integer literal out of range: cedar-wasm does not take it, so nobody will evaluate it.
    return answer.type === 'failure' ? [] : [{ id: `p${at}`, text, json: answer.json }];
  });
}

function outcomesOf(outcomes: readonly Outcome[]): { satisfied: string[]; errors: string[] } {
  const ids = (list: readonly Outcome[]): string[] => list.map(({ policy }) => policy.id).sort();
  return {
    satisfied: ids(outcomes.filter(({ result }) => result === true)),
    errors: ids(outcomes.filter(({ result }) => result instanceof Failure)),
  };
}

/** What could not be compiled is the fallback's, and proves nothing here. */
function compiledOnly(policies: readonly ParsedPolicy[]): { compiled: CompiledPolicy[]; kept: ParsedPolicy[] } {
  const compiled = policies
    .map((policy, at) => compilePolicy(policy, at))
    .filter(({ conjuncts }) => conjuncts !== undefined);
  const names = new Set(compiled.map(({ id }) => id));
  return { compiled, kept: policies.filter(({ id }) => names.has(id)) };
}

test('random policies come out as in cedar-wasm: the satisfied ones and those that err', () => {
  const seen = { evaluated: 0, satisfied: 0, errors: 0 };
  fc.assert(
    fc.property(
      fc.array(policyText, { minLength: 1, maxLength: 12 }),
      world,
      request,
      (texts, { store, context }, who) => {
        const { compiled, kept } = compiledOnly(parse(texts));
        const environment: Environment = { ...who, context, entities: store };
        const ours = outcomesOf(createEvaluator(compiled).evaluate(environment));
        const oracle = createOracle(kept.map(({ id, text, json }) => ({ id, text, effect: json.effect })));
        const theirs = oracle.evaluate(environment);
        oracle.release();
        assert.deepEqual(ours, { satisfied: [...theirs.satisfied].sort(), errors: [...theirs.errors.keys()].sort() });
        seen.evaluated += kept.length;
        seen.satisfied += ours.satisfied.length;
        seen.errors += ours.errors.length;
      },
    ),
    { numRuns: 500 },
  );
  assert.ok(seen.satisfied > 50 && seen.errors > 50, `too tame to prove anything: ${JSON.stringify(seen)}`);
});

test('what is said of an unknown context holds for every context', () => {
  let decided = 0;
  fc.assert(
    fc.property(
      fc.array(policyText, { minLength: 1, maxLength: 8 }),
      world,
      request,
      (texts, { store, context }, who) => {
        const evaluator = createEvaluator(compiledOnly(parse(texts)).compiled);
        const unknown = evaluator.evaluate({ ...who, context: UNKNOWN, entities: store });
        const known = evaluator.evaluate({ ...who, context, entities: store });
        assert.deepEqual(
          unknown.map(({ policy }) => policy.id),
          known.map(({ policy }) => policy.id),
        );
        for (const [at, { result }] of unknown.entries()) {
          const was = maskOf(known[at]!.result);
          const may = maskOf(result);
          assert.ok((was & ~may) === 0, `${known[at]!.policy.id} may be ${may}, was ${was}`);
          if (may !== maskOf(UNKNOWN)) decided += 1;
        }
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(decided > 100);
});

test('a list remembers only what is the same for all of its candidates', () => {
  const resources = [new Entity('B', 'a'), new Entity('A', 'a'), new Entity('B', 'nobody')];
  const actions = [new Entity('Action', 'read'), new Entity('Action', 'write')];
  fc.assert(
    fc.property(
      fc.array(policyText, { minLength: 1, maxLength: 8 }),
      world,
      request,
      (texts, { store, context }, who) => {
        const evaluator = createEvaluator(compiledOnly(parse(texts)).compiled);
        const memory: ListMemory = new Map();
        for (const action of actions) {
          for (const resource of resources) {
            const environment = { ...who, action, resource, context, entities: store };
            assert.deepEqual(
              outcomesOf(evaluator.evaluateListed(environment, memory)),
              outcomesOf(evaluator.evaluate(environment)),
            );
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('an unknown argument is told apart from the known rest of the context', () => {
  const [policy] = parse(['permit(principal, action, resource) when { context.run == "x" && context.args.a == 1 };']);
  const evaluator = createEvaluator([compilePolicy(policy!, 0)]);
  const entities: EntityStore = { find: () => undefined, list: () => [] };
  const who = {
    principal: new Entity('A', 'a'),
    action: new Entity('Action', 'read'),
    resource: new Entity('B', 'a'),
    entities,
  };
  const ask = (run: string) => {
    const context = new CedarRecord(
      new Map<string, Result>([
        ['run', run],
        ['args', UNKNOWN],
      ]),
      UNKNOWN,
    );
    return evaluator.evaluate({ ...who, context })[0]?.result;
  };
  assert.equal(ask('y'), false);
  assert.equal(maskOf(ask('x')!) & MAY_FAIL, MAY_FAIL);
});
