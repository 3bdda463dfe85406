import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exchange } from '../../src/api/contract/index.ts';
import { exchangeLine } from '../../src/cli/commands/tail.ts';
import { duration, facts, fold, foreign, table } from '../../src/cli/paint.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { nearest } from '../../src/core/nearest.ts';
import { visibleJson, visibleLines, visibleText } from '../../src/core/visible-text.ts';

/** Each would do something to a reader or a terminal; none may get there. */
const HOSTILE = {
  'terminal escape': '\u001b[2J\u001b]0;owned\u0007',
  'eight-bit escape': '\u009b2J',
  'bidirectional override': 'user\u202e gpj.exe',
  'bidirectional isolate': '\u2066a\u2069',
  'zero width': 'ad\u200bmin',
  'byte order mark': '\ufeffx',
  'tag characters': `x${String.fromCodePoint(0xe0041, 0xe0042)}`,
  'soft hyphen': 'pay\u00adpal',
  'Hangul filler': '\u3164',
  'line separator': 'a\u2028b',
  'carriage return': 'ok\rFAKE',
  backspace: 'rm\b\bls',
  'lone surrogate': '\ud800',
};

for (const [name, text] of Object.entries(HOSTILE)) {
  test(`${name} is shown and does not act`, () => {
    for (const shown of [
      visibleText(text),
      foreign(text),
      visibleLines(text),
      visibleJson({ text }),
      table([['h'], [text]], { color: false, columns: 80 }),
    ]) {
      assert.doesNotMatch(shown.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u3164]/u);
    }
    assert.notEqual(visibleText(text), text);
  });
}

test('what people write stays as it is', () => {
  for (const text of ['plain', 'naïve café', '漢字', 'العربية', 'emoji 👍', 'a <b> & "c"'])
    assert.equal(visibleText(text), text);
});

test('JSON stays the same value', () => {
  const value = { a: '\u202e\u0007\u{e0041}\n', b: [1, null] };
  assert.deepEqual(JSON.parse(visibleJson(value, 2)), value);
});

test('text is folded to the width, tables too, and left alone in a pipe', () => {
  const words = 'a rather long sentence that does not fit into thirty columns at all';
  for (const line of fold(words, 30, '  ').split('\n')) assert.ok(line.length <= 30 && line.startsWith('  '));
  assert.equal(fold(words, undefined), words);
  const wide = table(
    [
      ['id', 'text'],
      ['x', words],
    ],
    { color: false, columns: 30 },
  );
  for (const line of wide.split('\n')) assert.ok(line.length <= 30);
  assert.match(wide, /…/);
  assert.ok(
    table(
      [
        ['id', 'text'],
        ['x', words],
      ],
      { color: false, columns: undefined },
    ).includes(words),
  );
  assert.match(facts([['name', words]], { color: false, columns: 30 }), /^name {2}a rather/);
});

test('durations have a unit that fits', () => {
  assert.deepEqual([12, 1_400, 45_000, 2_100_000].map(duration), ['12 µs', '1.4 ms', '45 ms', '2.1 s']);
});

test('a misspelling is understood, a stranger is not', () => {
  assert.equal(nearest('upstrems', ['upstreams', 'agents']), 'upstreams');
  assert.equal(nearest('zzzzzz', ['upstreams', 'agents']), undefined);
  assert.equal(nearest('x'.repeat(1_000_000), ['upstreams']), undefined);
});

test('a line of tail fits the terminal, however long the names are', () => {
  const exchange = {
    receipt: `rcp_${'0'.repeat(26)}`,
    time: 0,
    decision: 'deny',
    agent: 'an-agent',
    job: 'a-job',
    action: 'tool.call',
    resource: `Tool::"${'very-'.repeat(60)}long"`,
    code: 'policy_denied',
    duration_us: 12_345,
    more: 2,
    mode: 'enforcing',
    state: 'failed',
  } as Exchange;
  for (const columns of [80, 100, 120, 160]) {
    const terminal = { ...SILENT, columns };
    for (const shown of [exchange, { ...exchange, mode: 'observing' } as Exchange]) {
      for (const line of exchangeLine(shown, terminal).split('\n'))
        assert.ok(line.length <= columns, `${columns}: ${line}`);
    }
  }
  assert.equal(exchangeLine(exchange, { ...SILENT, columns: undefined }).split('\n').length, 1);
});

const SILENT: Terminal = {
  write: () => undefined,
  note: () => undefined,
  columns: undefined,
  color: false,
  interactive: false,
  ask: async () => '',
  input: async () => '',
};
