import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStatement } from '../../src/storage/statement-text.ts';

test('translates placeholders, and only those', () => {
  const cases: [string, string, number][] = [
    ['select $1, $2', 'select ?, ?', 2],
    ['select $2, $1, $2', 'select ?2, ?1, ?2', 2],
    [`select '$1', $1`, `select '$1', ?`, 1],
    [`select 'it''s $1', $1`, `select 'it''s $1', ?`, 1],
    ['select "a$1", $1', 'select "a$1", ?', 1],
    ['select $1 -- not $2\n, $3', 'select ?1 -- not $2\n, ?3', 3],
    ['select /* $2\n $3 */ $1', 'select /* $2\n $3 */ ?', 1],
    ['select $10', 'select ?10', 10],
    ['select 1', 'select 1', 0],
  ];
  for (const [source, text, values] of cases) {
    const read = readStatement(source);
    assert.equal(read.text, text);
    assert.equal(read.values, values, source);
  }
});

test('calls reading only what certainly reads', () => {
  for (const text of ['select 1', '  SELECT 1', 'with a as (select 1) select * from a', 'values (1)']) {
    assert.equal(readStatement(text).reads, true, text);
  }
  for (const text of [
    'insert into a values (1)',
    'update a set b = 1 returning b',
    'delete from a',
    'with a as (delete from b returning c) select * from a',
    'select 1 for update',
    'pragma user_version = 3',
    'create table a (b)',
    '',
  ]) {
    assert.equal(readStatement(text).reads, false, text);
  }
});
