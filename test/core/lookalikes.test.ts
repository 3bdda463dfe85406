import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookalikesOf } from '../../src/core/unseen-text.ts';

const found = (text: string) => lookalikesOf(text).map(({ at, drawn_like }) => `${at}${drawn_like}`);

test('letters that pass for ours are found, with their place', () => {
  assert.deepEqual(found('read_rеport'), ['6e']);
  assert.deepEqual(found('раураl'), ['0p', '1a', '2y', '3p', '4a']);
  assert.deepEqual(found('\u{1f600} pаy'), ['4a']);
  assert.deepEqual(found('Чтение rеport'), ['8e'], 'in a word with ours, whatever stands around it');
});

test('what is written in another script is not suspected, nor is what nobody would take for a letter of ours', () => {
  for (const honest of [
    '',
    'Reads one report — and returns its text. Café, naïve, l1O0',
    'Читает отчёт',
    'Διαβάζει την αναφορά',
    '日本語ー',
    'Ærøskøbing',
  ]) {
    assert.deepEqual(found(honest), [], honest);
  }
});
