import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { registerCatalogs } from '../../src/controls/policy/catalog.ts';
import { explainUnder } from '../../src/controls/policy/explain/explainer.ts';
import { createPolicySet } from '../../src/controls/policy/policy-set.ts';
import { readPolicies } from '../../src/controls/policy/source.ts';
import { FULFILLABLE } from '../../src/controls/policy/vocabulary.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { call, catalog, FILES, forbid, permit } from './support.ts';

/** One refusal at a time: what is written, and that it says no more than this call. Trials by the hundred are in why.test.ts. */
const MORE = catalog('more', {
  count: {
    type: 'object',
    properties: {
      n: { type: 'integer' },
      share: { type: 'number' },
      tags: { type: 'array', items: { type: 'string' } },
      rows: { type: 'array', items: { type: 'object' } },
      where: { type: 'object', properties: { host: { type: 'string' } } },
    },
  },
});
const registered = registerCatalogs([FILES, MORE]);

function change(text: string, tool: string, ...calls: JsonObject[]) {
  const read = readPolicies([{ name: 'own.cedar', text }], FULFILLABLE);
  assert.deepEqual(read.problems, []);
  const requests = calls.map((args) => call(tool, args));
  const story = explainUnder(createPolicySet(read), registered, requests);
  assert.ok(story.change !== undefined, 'nothing was refused');
  assert.ok(story.change.kind === 'change', JSON.stringify(story.change));
  return story.change;
}

function more(condition: string, effect = 'permit', id = 'it'): string {
  return `@id("${id}") @reason("A test's.")
${effect} (principal, action == Action::"tool.call", resource in Server::"more") when { ${condition} };\n`;
}

suite('the smallest change', () => {
  test('keeps the clauses that held, and puts this call’s values where one failed', () => {
    const text = permit('reads', 'context.run.job == "work" && context.args.path like "/tmp/*"');
    const { edits } = change(text, 'files/read', { path: '/etc/passwd' });
    assert.deepEqual(
      edits.map(({ policy, before }) => [policy, before]),
      [['reads-for-ann', undefined]],
    );
    const [{ after } = { after: '' }] = edits;
    assert.match(
      after,
      /principal == Agent::"ann",\s+action == Action::"tool.call",\s+resource == Tool::"files\/read"/,
    );
    assert.match(after, /context\.args\.path == "\/etc\/passwd"/);
    assert.doesNotMatch(after, /like/);
  });

  test('exempts from a prohibition, first of all its clauses, and leaves its own words as they are', () => {
    const text = `${permit('all')}// a comment\n${forbid('secrets', '// why\n context.args.path like "/etc/*"')}`;
    const { edits, files } = change(text, 'files/read', { path: '/etc/passwd' });
    const [{ after, before } = { after: '', before: undefined }] = edits;
    assert.equal(edits.length, 1);
    assert.match(after, /resource in Server::"files"\)\nunless\n\{/);
    assert.match(after, /\/\/ why/);
    assert.match(files[0]?.text ?? '', /\/\/ a comment/);
    assert.ok(before !== undefined && files[0]?.text === text.replace(before.text, after));
  });

  test('does both where a prohibition stands and nothing permits', () => {
    const { edits } = change(forbid('never'), 'files/read', { path: 'a' });
    assert.deepEqual(
      edits.map(({ policy }) => policy),
      ['never', 'allow-tool.call-files-read-for-ann'],
    );
  });

  test('exempts from a prohibition that fails, before it can fail', () => {
    const text = `${more('true')}${more('context.args has n && context.args.n * 9223372036854775807 > 1', 'forbid', 'big')}`;
    const { edits } = change(text, 'more/count', { n: 7 });
    assert.match(edits[0]?.after ?? '', /context\.args\.n == 7/);
  });

  test('says of an argument that policy cannot read only that it is there', () => {
    const { edits } = change(more('context.args has rows'), 'more/count', { rows: [{}] });
    assert.match(edits[0]?.after ?? '', /context\.unmapped\.contains\("rows"\)/);
    assert.equal(edits.length, 2, 'and a permit that does not read it');
  });

  test('pins sets, decimals, nested values and what was absent', () => {
    const text = more(
      'context.args has tags && context.args.tags.contains("a") && context.args has share && context.args.share.lessThan(decimal("0.5")) && context.args has where && context.args.where has host && context.args.where.host == "h" && context.args has n',
    );
    const args = { tags: ['b'], share: 0.75, where: { host: 'other' } };
    const after = change(text, 'more/count', args).edits[0]?.after ?? '';
    for (const part of ['context.args.tags == ["b"]', 'decimal("0.75")', 'context.args.where.host == "other"'])
      assert.ok(after.includes(part), `${part} in ${after}`);
    assert.match(after, /!\(?context\.args has n/);
    assert.match(change(text, 'more/count', { tags: [] }).edits[0]?.after ?? '', /context\.args\.tags\.isEmpty\(\)/);
  });

  test('takes an exchange as a whole: a choice between its elements, and no more', () => {
    const text = permit('reads', 'context.args.path like "/tmp/*"');
    const { edits } = change(text, 'files/read', { path: '/a' }, { path: '/tmp/b' }, { path: '/c' });
    const after = edits[0]?.after ?? '';
    assert.match(after, /"\/a"[\s\S]*\|\|[\s\S]*"\/c"/);
    assert.doesNotMatch(after, /\/tmp\/b/);
  });

  test('exempts from what asks for a person', () => {
    const text = `${permit('all')}${forbid('asks', 'true', '@approve("ops")')}`;
    const { edits } = change(text, 'files/write', { path: 'a' });
    assert.match(edits[0]?.after ?? '', /@approve\("ops"\)/);
  });

  test('quotes names and values so that they are nothing else', () => {
    const path = '"); permit(principal,action,resource);//\u202e\n';
    const { edits } = change(permit('reads', 'context.args.path == "a"'), 'files/read', { path });
    const read = readPolicies([{ name: 'x.cedar', text: edits[0]?.after ?? '' }], FULFILLABLE);
    assert.equal(read.policies.length, 1);
    assert.deepEqual(read.problems, []);
    assert.doesNotMatch(edits[0]?.after ?? '', /\u202e/);
  });

  test('does not write clauses again whose integers JSON cannot carry', () => {
    const text = more('context.args has n && context.args.n < 9007199254740993 && context.args has tags');
    const after = change(text, 'more/count', { n: 3 }).edits[0]?.after ?? '';
    assert.doesNotMatch(after, /90071992547409/);
  });

  test('takes an id that is free', () => {
    const text = `${permit('reads', 'context.args.path == "a"')}${permit('reads-for-ann', 'context.args.path == "b"')}`;
    const [edit] = change(text, 'files/read', { path: 'c' }).edits;
    assert.match(edit?.policy ?? '', /^reads-for-ann-(?:for-ann|[0-9a-f]{8})$/);
  });
});
