import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { EntityStore } from '../../src/controls/policy/cedar/environment.ts';
import { createEvaluator, type Evaluator, type Fallback } from '../../src/controls/policy/cedar/evaluator.ts';
import { type CedarJson, entityFromJson, isArray } from '../../src/controls/policy/cedar/json-values.ts';
import { createOracle } from '../../src/controls/policy/cedar/oracle.ts';
import { type CompiledPolicy, compilePolicy } from '../../src/controls/policy/cedar/policy.ts';
import { Failure } from '../../src/controls/policy/cedar/results.ts';
import { cedarAnswer } from './cedar/answer.ts';
import { readArchive } from './cedar/archive.ts';
import { contextOf, type EntityJson, entityStore } from './cedar/world.ts';

/**
 * The official corpus: 62,546 requests, each asked of cedar-wasm and of the closures. Decision, determining policies and
 * the set of policies that erred must be the same for each request that cedar-wasm accepts.
 */
const ARCHIVE = join(import.meta.dirname, '../../../shared/data/cedar-integration-tests.tgz');
const ROOT = 'cedar-integration-tests/';
const COMPILED_SHARE_MIN = 0.99;

type Uid = { type: string; id: string };
type CorpusRequest = {
  principal: Uid;
  action: Uid;
  resource: Uid;
  context: Record<string, CedarJson>;
  validateRequest?: boolean;
  decision: 'allow' | 'deny';
  reason: string[];
  errors: string[];
};
type CorpusCase = { policies: string; entities: string; schema: string; requests: CorpusRequest[] };
type Counts = { requests: number; refused: number; policies: number; compiled: number; wrong: string[] };

const present = existsSync(ARCHIVE);
const skip = present ? false : 'skipped: ../shared/data not present';
if (!present) console.log(`CEDAR CORPUS NOT RUN: ${skip}`);

test('the closures and cedar-wasm agree on the official corpus', { skip, timeout: 600_000 }, () => {
  const files = readArchive(ARCHIVE);
  const counts: Counts = { requests: 0, refused: 0, policies: 0, compiled: 0, wrong: [] };
  let cases = 0;
  for (const [name, bytes] of files) {
    if (!name.endsWith('.json') || name.endsWith('.entities.json') || name.includes('sample-data')) continue;
    cases += 1;
    runCase(name, JSON.parse(bytes.toString('utf8')) as CorpusCase, files, counts);
  }
  const share = counts.compiled / counts.policies;
  console.log(
    `${cases} cases, ${counts.requests} requests, ${counts.refused} not accepted by cedar-wasm, ` +
      `${counts.wrong.length} wrong; ${counts.compiled} of ${counts.policies} policies compiled (${(share * 100).toFixed(2)} %)`,
  );
  assert.equal(cases, 7831);
  assert.equal(counts.requests, 62546);
  assert.deepEqual(counts.wrong.slice(0, 20), []);
  assert.ok(share >= COMPILED_SHARE_MIN, `only ${share} of the policies were compiled`);
  assert.ok(counts.refused <= 200, `${counts.refused} requests were not compared`);
});

function runCase(name: string, corpusCase: CorpusCase, files: ReadonlyMap<string, Buffer>, counts: Counts): void {
  const text = (path: string): string => (files.get(ROOT + path) ?? Buffer.from('')).toString('utf8');
  const policyText = text(corpusCase.policies);
  const texts = policyTexts(policyText);
  const policies = [...texts].map(([id, part], at) => compile(id, part, at));
  counts.policies += policies.length;
  counts.compiled += policies.filter((policy) => policy.conjuncts !== undefined).length;
  const given = JSON.parse(text(corpusCase.entities)) as EntityJson[];
  const schema = cedar.schemaToJson(text(corpusCase.schema));
  // The cases written by hand leave `__entity` out where the schema says that it is one.
  const entities = name.includes('/tests/') ? given.map(withExplicitReferences) : given;
  const evaluator = createEvaluator(policies);
  const fallback = askOracle(policies, texts);
  let store: EntityStore | undefined;
  for (const [at, request] of corpusCase.requests.entries()) {
    counts.requests += 1;
    const expected = ask(policyText, text(corpusCase.schema), entities, request, at === 0);
    if (expected === undefined) counts.refused += 1;
    else {
      store ??= entityStore(entities, schema.type === 'success' ? schema.json : undefined);
      compare(`${name}#${at}`, answer(evaluator, store, request, fallback), expected, request, counts);
    }
  }
}

type Answer = { decision: string; reason: string[]; errors: string[] };

function compare(where: string, got: Answer, wasm: Answer, request: CorpusRequest, counts: Counts): void {
  const plain = (value: Answer): string =>
    JSON.stringify([value.decision, [...value.reason].sort(), [...value.errors].sort()]);
  if (plain(got) !== plain(wasm)) counts.wrong.push(`${where}: ${plain(got)}, cedar-wasm ${plain(wasm)}`);
  else if (plain(got) !== plain(request)) counts.wrong.push(`${where}: ${plain(got)}, the corpus ${plain(request)}`);
}

/** The corpus names policies by their place in the file. */
function policyTexts(text: string): Map<string, string> {
  const parts = cedar.policySetTextToParts(text);
  assert.equal(parts.type, 'success');
  // `policySetTextToParts` sorts by name: policy0, policy1, policy10, policy2.
  const names = parts.policies.map((_, at) => `policy${at}`).sort();
  return new Map(parts.policies.map((part, at) => [names[at] as string, part]));
}

function compile(id: string, text: string, ordinal: number): CompiledPolicy {
  const json = cedar.policyToJson(text);
  assert.equal(json.type, 'success');
  return compilePolicy({ id, text, json: json.json }, ordinal);
}

/** What could not be compiled goes to cedar-wasm, alone, as in the engine. */
function askOracle(policies: readonly CompiledPolicy[], texts: ReadonlyMap<string, string>): Fallback | undefined {
  const left = policies.filter((policy) => policy.conjuncts === undefined);
  if (left.length === 0) return undefined;
  const oracle = createOracle(left.map(({ id, effect }) => ({ id, effect, text: texts.get(id) as string })));
  return (policy, environment) => {
    const outcome = oracle.evaluate(environment);
    const error = outcome.errors.get(policy.id);
    return error === undefined ? outcome.satisfied.has(policy.id) : new Failure(error);
  };
}

function withExplicitReferences(entity: EntityJson): EntityJson {
  const attrs = Object.entries(entity.attrs ?? {}).map(([name, value]) => [name, explicit(value)]);
  return { ...entity, attrs: Object.fromEntries(attrs) as Record<string, CedarJson> };
}

function explicit(value: CedarJson): CedarJson {
  return isArray(value) ? value.map(explicit) : isReference(value) ? { __entity: value } : value;
}

function isReference(value: CedarJson): boolean {
  return typeof value === 'object' && Object.keys(value).sort().join() === 'id,type';
}

function ask(
  policies: string,
  schema: string,
  entities: EntityJson[],
  request: CorpusRequest,
  first: boolean,
): Answer | undefined {
  if (first) {
    assert.equal(cedar.preparsePolicySet('corpus', { staticPolicies: policies }).type, 'success');
    assert.equal(cedar.preparseSchema('corpus', schema).type, 'success');
  }
  const answered = attempt(() =>
    cedar.statefulIsAuthorized({
      principal: request.principal,
      action: request.action,
      resource: request.resource,
      context: request.context as Record<string, cedar.CedarValueJson>,
      entities: entities as unknown as cedar.Entities,
      preparsedPolicySetId: 'corpus',
      preparsedSchemaName: 'corpus',
      validateRequest: request.validateRequest ?? false,
    }),
  );
  if (answered?.type !== 'success') return undefined;
  const { decision, diagnostics } = answered.response;
  return { decision, reason: diagnostics.reason, errors: diagnostics.errors.map((error) => error.policyId) };
}

/** cedar-wasm throws for numbers that are no 64-bit integers in its eyes. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function answer(
  evaluator: Evaluator,
  store: EntityStore,
  request: CorpusRequest,
  fallback: Fallback | undefined,
): Answer {
  return cedarAnswer(
    evaluator.evaluate(
      {
        principal: entityFromJson(request.principal),
        action: entityFromJson(request.action),
        resource: entityFromJson(request.resource),
        context: contextOf(request.context),
        entities: store,
      },
      fallback,
    ),
  );
}
