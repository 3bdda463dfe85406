import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ANSWER_BOUNDS, type JsonValue, parseJson, REQUEST_BOUNDS, writeJson } from '../../src/core/json.ts';

/** Two readers of these would not read the same, or one of them would not read them at all. */
const REFUSED: Record<string, string> = {
  'a key twice': '{"a":1,"a":2}',
  'a key twice, spelt differently': '{"a":1,"\\u0061":2}',
  'a key twice, far inside': '{"a":[{"b":{"c":1,"c":1}}]}',
  __proto__: '{"__proto__":{"admin":true}}',
  '__proto__, spelt differently': '{"\\u005f_proto__":1}',
  'an integer beyond 2^53': '9007199254740993',
  'an integer beyond 2^53 that a double holds': '9007199254740994',
  'an integer beyond 2^53 in an exponent': '1e17',
  'minus zero': '-0',
  'a number that is infinite': '1e400',
  'a number with more digits than a double': '0.30000000000000004441',
  'a lone surrogate': '"\\ud800"',
  'a surrogate pair the wrong way round': '"\\udc00\\ud800"',
  'a leading zero': '01',
  'a plus sign': '+1',
  'a point without digits': '1.',
  'a comma at the end': '[1,]',
  'a comment': '/* a */1',
  'text after the value': '{} {}',
  'a byte order mark': '\ufeff{}',
  'a control character': '"\n"',
  'single quotes': "{'a':1}",
  'a name without quotes': '{a:1}',
  nothing: '',
  NaN: 'NaN',
  'deep nesting': `${'['.repeat(70)}${']'.repeat(70)}`,
};

for (const [name, text] of Object.entries(REFUSED)) {
  test(`refuses ${name}`, () => {
    assert.throws(() => parseJson(text), { message: /at offset \d+/ });
    assert.throws(() => parseJson(Buffer.from(text)), { message: /at offset \d+/ });
  });
}

test('refuses what is not UTF-8', () => {
  for (const bytes of [[0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0xc3]]) {
    assert.throws(() => parseJson(Uint8Array.from(bytes)), { message: /not valid UTF-8/ });
  }
});

test('keeps an answer’s numbers to the digit', () => {
  const text = '{"id":12345678901234567890,"exact":9007199254740993.25,"small":-0,"huge":1e400}';
  assert.equal(writeJson(parseJson(text, ANSWER_BOUNDS)).toString(), text);
});

test('reads what the platform reads, however it is spaced, and writes it back', () => {
  const values = fc.jsonValue({ maxDepth: 6, noUnicodeString: false });
  fc.assert(
    fc.property(values, fc.constantFrom(0, 2), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      const expected = attempt(() => parseCarefully(text));
      const found = attempt(() => parseJson(text, REQUEST_BOUNDS));
      assert.deepEqual(found, expected);
      if (found !== undefined) assert.deepEqual(JSON.parse(writeJson(found).toString()), JSON.parse(text));
    }),
    { numRuns: 2_000 },
  );
});

test('reads as carefully where it reads fast', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'{}[]:,"\\u0x1e-.9_ proto'.split('')), maxLength: 24 }),
      (text) => {
        assert.deepEqual(
          attempt(() => parseJson(text)),
          attempt(() => parseCarefully(text)),
        );
      },
    ),
    { numRuns: 20_000 },
  );
});

/** A space at the end keeps the careful reader from being passed by, and changes nothing. */
function parseCarefully(text: string): JsonValue {
  return parseJson(`${text} `);
}

function attempt(work: () => JsonValue): JsonValue | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
