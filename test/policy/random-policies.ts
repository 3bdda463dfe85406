import fc from 'fast-check';
import type { CedarJson } from '../../src/controls/policy/cedar/json-values.ts';

/** Random Cedar policies and requests over a small world, so that names meet: rightly typed ones, and wrongly typed ones. */
const ENTITIES = ['A::"a"', 'A::"b"', 'B::"a"', 'B::"é\\n"', 'G::"g"', 'G::"h"', 'Action::"read"', 'Action::"all"'];
const ATTRIBUTES = ['n', 's', 'b', 'set', 'rec', 'dec', 'ip', 'at', 'for', 'who', 'none'];
const LITERALS = [
  'true',
  'false',
  '0',
  '-1',
  '7',
  '9007199254740991',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  '""',
  '"a"',
  '"é*"',
  '"reports/x"',
  'decimal("1.5")',
  'decimal("-0.0001")',
  'decimal("922337203685477.5807")',
  'decimal("1.23456")',
  'ip("10.0.0.1")',
  'ip("10.0.0.0/8")',
  'ip("::1")',
  'ip("nonsense")',
  'datetime("2024-02-29T23:59:59.999+0130")',
  'datetime("0000-01-01")',
  'datetime("2023-02-29")',
  'duration("1d2h3m4s5ms")',
  'duration("-9223372036854775808ms")',
  'duration("")',
];
const PATTERNS = ['"*"', '"a*"', '"*a"', '"reports/*"', '"\\**"', '"a*b*c"', '"é\\*"', '""'];

export const expression: fc.Arbitrary<string> = fc.letrec<{ any: string; value: string; test: string }>((tie) => {
  const any = tie('any');
  const value = tie('value');
  const test = tie('test');
  const pair = (make: (a: string, b: string) => string, left = any, right = any) =>
    fc.tuple(left, right).map(([a, b]) => make(a, b));
  const path = fc
    .tuple(
      fc.constantFrom('principal', 'action', 'resource', 'context', 'context.rec', 'A::"a"', 'context.who'),
      fc.constantFrom(...ATTRIBUTES),
    )
    .map(([root, name]) => `${root}.${name}`);
  const call = fc.constantFrom(
    'lessThan',
    'greaterThanOrEqual',
    'isInRange',
    'offset',
    'durationSince',
    'contains',
    'containsAll',
    'containsAny',
    'getTag',
    'hasTag',
  );
  const ask = fc.constantFrom(
    'isIpv4',
    'isLoopback',
    'isMulticast',
    'toDate',
    'toTime',
    'toSeconds',
    'toDays',
    'isEmpty',
  );
  return {
    any: fc.oneof({ depthSize: 'small', withCrossShrink: true }, value, test),
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(...LITERALS),
      fc.constantFrom(...ENTITIES),
      fc.constantFrom('principal', 'action', 'resource', 'context'),
      path,
      fc.array(any, { maxLength: 3 }).map((parts) => `[${parts.join(', ')}]`),
      pair((a, b) => `{"n": ${a}, "s": ${b}}`),
      pair((a, b) => `(${a} + ${b})`, value, value),
      pair((a, b) => `(${a} - ${b})`, value, value),
      pair((a, b) => `(${a} * ${b})`, value, value),
      value.map((a) => `(-${a})`),
      fc.tuple(test, any, any).map(([a, b, c]) => `(if ${a} then ${b} else ${c})`),
      fc.tuple(value, call, value).map(([a, name, b]) => `(${a}).${name}(${b})`),
      fc.tuple(value, ask).map(([a, name]) => `(${a}).${name}()`),
    ),
    test: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('true', 'false'),
      fc.tuple(any, fc.constantFrom('==', '!='), any).map(([a, op, b]) => `(${a} ${op} ${b})`),
      fc.tuple(value, fc.constantFrom('<', '<=', '>', '>='), value).map(([a, op, b]) => `(${a} ${op} ${b})`),
      pair((a, b) => `(${a} && ${b})`, test, test),
      pair((a, b) => `(${a} || ${b})`, test, test),
      test.map((a) => `(!${a})`),
      pair((a, b) => `(${a} in ${b})`, value, value),
      fc.tuple(value, fc.constantFrom(...PATTERNS)).map(([a, pattern]) => `(${a} like ${pattern})`),
      fc
        .tuple(value, fc.constantFrom(...ATTRIBUTES, 'rec.n', 'who.n', 'rec.rec.s'))
        .map(([a, name]) => `(${a} has ${name})`),
      fc.tuple(value, fc.constantFrom('A', 'B', 'G')).map(([a, type]) => `(${a} is ${type})`),
      fc.tuple(value, value).map(([a, b]) => `(${a} is A in ${b})`),
    ),
  };
}).any;

const head = (variable: string, entities: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constant(variable),
    fc.constantFrom(...entities).map((entity) => `${variable} == ${entity}`),
    fc.constantFrom(...entities).map((entity) => `${variable} in ${entity}`),
    fc.constantFrom('A', 'B').map((type) => `${variable} is ${type}`),
    fc
      .tuple(fc.constantFrom('A', 'B'), fc.constantFrom(...entities))
      .map(([type, entity]) => `${variable} is ${type} in ${entity}`),
  );

const actionHead = fc.constantFrom(
  'action',
  'action == Action::"read"',
  'action in Action::"all"',
  'action in [Action::"read", Action::"all"]',
  'action == Action::"write"',
);

export const policyText: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('permit', 'forbid'),
    head('principal', ['A::"a"', 'A::"b"', 'G::"g"', 'G::"h"']),
    actionHead,
    head('resource', ['B::"a"', 'A::"a"', 'G::"h"']),
    fc.array(fc.tuple(fc.constantFrom('when', 'unless'), expression), { maxLength: 2 }),
  )
  .map(([effect, principal, action, resource, conditions]) => {
    const body = conditions.map(([kind, text]) => `${kind} { ${text} }`).join('\n');
    return `${effect} (${principal}, ${action}, ${resource})\n${body};`;
  });

const long = fc.constantFrom(0, 1, -1, 7, 1.5e9, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER);
const text = fc.constantFrom('', 'a', 'b', 'ab', 'axbxc', 'é*', 'reports/x', 'é\n');
const reference = fc.constantFrom('A a', 'A b', 'B a', 'G g').map((name): CedarJson => {
  const [type = '', id = ''] = name.split(' ');
  return { __entity: { type, id } };
});
const extension = fc.constantFrom<CedarJson>(
  { __extn: { fn: 'decimal', arg: '1.5' } },
  { __extn: { fn: 'ip', arg: '10.0.0.0/8' } },
  { __extn: { fn: 'ip', arg: '::1' } },
  { __extn: { fn: 'datetime', arg: '1969-12-31T23:00:00Z' } },
  { __extn: { fn: 'duration', arg: '-25h' } },
);
const scalar = fc.oneof<fc.Arbitrary<CedarJson>[]>(long, text, fc.boolean(), reference, extension);
const anyValue = fc.oneof<fc.Arbitrary<CedarJson>[]>(scalar, fc.array(scalar, { maxLength: 3 }));

export const attributes: fc.Arbitrary<Record<string, CedarJson>> = fc.record(
  {
    n: fc.oneof<fc.Arbitrary<CedarJson>[]>(long, scalar),
    s: text,
    b: fc.boolean(),
    set: fc.array(scalar, { maxLength: 4 }),
    rec: fc.record({ n: long, s: text, set: fc.array(long, { maxLength: 2 }) }, { requiredKeys: [] }),
    dec: extension,
    ip: extension,
    at: extension,
    for: extension,
    who: reference,
    any: anyValue,
  },
  { requiredKeys: [] },
);
