import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROTOCOLS } from '../../src/core/exchange.ts';
import { column, pipeline, type Stages } from '../../src/enforcement/pipeline.ts';

const built = new Proxy({} as Stages, { get: () => () => undefined });
const table = pipeline(built);
const names = table.map((row) => row.stage);

/** The security argument: each pair must stand in this order wherever both are in a protocol's column. */
const ORDER: readonly [string, string][] = [
  ['admit connection', 'check identity'],
  ['check identity', 'load run'],
  ['load run', 'parse intent'],
  ['check identity', 'decide'],
  ['parse intent', 'decide'],
  ['decide', 'hold'],
  ['hold', 'record intent'],
  ['reserve budget', 'record intent'],
  ['record intent', 'forward'],
  ['forward', 'inspect response'],
  ['inspect response', 'record outcome'],
];

for (const protocol of PROTOCOLS) {
  test(`the stages of ${protocol} stand in the order that the argument needs`, () => {
    const stages = table.filter((row) => row.cells[protocol] !== null).map((row) => row.stage);
    for (const [earlier, later] of ORDER) {
      if (!stages.includes(earlier) || !stages.includes(later)) continue;
      assert.ok(stages.indexOf(earlier) < stages.indexOf(later), `${earlier} before ${later}`);
    }
  });
}

test('nothing after forward may refuse, and nothing before it may withhold', () => {
  const at = names.indexOf('forward');
  for (const [index, row] of table.entries()) {
    if (index > at) assert.notEqual(row.may, 'refuse', row.stage);
    if (index < at) assert.notEqual(row.may, 'withhold', row.stage);
  }
});

test("a stage's verb tells its power", () => {
  const powers: Record<string, readonly string[]> = {
    admit: ['refuse'],
    check: ['refuse'],
    parse: ['refuse'],
    decide: ['refuse'],
    hold: ['refuse'],
    reserve: ['refuse'],
    load: ['read'],
    inspect: ['mark', 'rewrite'],
    score: ['mark'],
    rewrite: ['rewrite'],
    validate: ['refuse', 'withhold'],
    record: ['refuse', 'withhold'],
    forward: ['forward'],
  };
  for (const row of table) assert.ok(powers[row.stage.split(' ')[0] as string]?.includes(row.may), row.stage);
});

test('a cell whose control is not built is not run', () => {
  const stages = column(table, 'mcp').map((cell) => cell.stage);
  assert.ok(!stages.includes('inspect request'));
  assert.deepEqual(column(table, 'llm'), []);
  for (const row of table) {
    for (const cell of Object.values(row.cells)) {
      if (cell !== null && typeof cell !== 'function') assert.ok(cell.awaits.length > 0, row.stage);
    }
  }
});
