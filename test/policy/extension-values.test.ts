import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { createEvaluator } from '../../src/controls/policy/cedar/evaluator.ts';
import { createOracle } from '../../src/controls/policy/cedar/oracle.ts';
import { compilePolicy } from '../../src/controls/policy/cedar/policy.ts';
import { Failure } from '../../src/controls/policy/cedar/results.ts';
import { CedarRecord, Entity } from '../../src/controls/policy/cedar/values.ts';

/** Text that extension constructors read, at the edges of what they accept: each must be read as cedar-wasm reads it. */
const TEXTS: Record<string, string[]> = {
  decimal: [
    ...[
      '',
      '.',
      '1',
      '1.',
      '.1',
      '1.0',
      '-1.0',
      '+1.0',
      '01.10',
      '-0.0',
      '--1.0',
      '1.00000',
      '1.0001',
      '1.12345',
      '1.-1',
    ],
    ...[
      '922337203685477.5807',
      '922337203685477.5808',
      '-922337203685477.5808',
      '-922337203685477.5809',
      '1e3',
      ' 1.0',
    ],
    ...['9223372036854775808.0', '0.9999', '１.０', '1.0\n', '1,0', '99999999999999999999999.0'],
  ],
  ip: [
    ...[
      '',
      '1.2.3.4',
      '1.2.3',
      '1.2.3.4.5',
      '01.2.3.4',
      '256.1.1.1',
      '0.0.0.0',
      '1.2.3.4/0',
      '1.2.3.4/32',
      '1.2.3.4/33',
    ],
    ...[
      '1.2.3.4/',
      '1.2.3.4/01',
      '1.2.3.4/+1',
      '1.2.3.4/8/8',
      ' 1.2.3.4',
      '1.2.3.4 ',
      '0x1.2.3.4',
      '1.2.3.4/-1',
      '127.0.0.1',
    ],
    ...[
      '::',
      '::1',
      '1::',
      '::/0',
      '::1/128',
      '::1/129',
      '1:2:3:4:5:6:7:8',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7::',
      '::2:3:4:5:6:7:8',
    ],
    ...[
      '1:2:3:4:5:6:7::8',
      '1:2:3:4::5:6:7:8',
      '1::2::3',
      ':::',
      ':1',
      '1:',
      '12345::',
      'g::',
      'FF00::',
      'ff02::1',
      '::ffff:1.2.3.4',
    ],
    ...[
      '::1.2.3.4',
      'fe80::1%eth0',
      '1:2:3:4:5:6:7:8:9',
      '::1/064',
      '00001::',
      '224.0.0.1',
      '127.0.0.0/7',
      '1.2.3.4/008',
    ],
  ],
  datetime: [
    ...[
      '',
      '2024-01-01',
      '2024-02-29',
      '2023-02-29',
      '2024-13-01',
      '2024-00-01',
      '2024-01-00',
      '2024-01-32',
      '0000-01-01',
      '9999-12-31',
    ],
    ...[
      '2024-01-01T00:00:00Z',
      '2024-01-01T24:00:00Z',
      '2024-01-01T23:59:60Z',
      '2024-01-01T00:00:00',
      '2024-01-01T00:00Z',
    ],
    ...['2024-01-01T00:00:00.123Z', '2024-01-01T00:00:00.12Z', '2024-01-01T00:00:00.1234Z', '2024-01-01T00:00:00+0000'],
    ...['2024-01-01T00:00:00-0000', '2024-01-01T00:00:00+2359', '2024-01-01T00:00:00+2400', '2024-01-01T00:00:00+0060'],
    ...[
      '2024-01-01T00:00:00+00:00',
      '2024-01-01t00:00:00z',
      '2024-01-01 00:00:00Z',
      '-2024-01-01',
      '12024-01-01',
      '1900-02-29',
    ],
    ...[
      '2000-02-29',
      '1969-12-31T23:59:59.999Z',
      '0001-01-01T00:00:00+2359',
      '2024-1-1',
      '2024-01-01Z',
      '2024-01-01T00:00:00.123-1200',
    ],
  ],
  duration: [
    ...[
      '',
      '-',
      '0ms',
      '1d',
      '1d2h3m4s5ms',
      '5ms4s',
      '1d1d',
      '-1d',
      '+1d',
      '1.5h',
      '1D',
      '1ms1s',
      ' 1h',
      '1h ',
      '-0ms',
      '00001h',
    ],
    ...[
      '9223372036854775807ms',
      '9223372036854775808ms',
      '-9223372036854775808ms',
      '-9223372036854775809ms',
      '106751991167d',
    ],
    ...[
      '106751991168d',
      '106751991167d7h12m55s807ms',
      '106751991167d7h12m55s808ms',
      '99999999999999999999999s',
      '1m',
      '1ms',
      '1mms',
    ],
  ],
};
const METHODS: Record<string, string[]> = {
  decimal: ['.lessThan(decimal("0.0"))', '.greaterThanOrEqual(decimal("1.0"))', ' == decimal("1.1")'],
  ip: [
    '.isIpv4()',
    '.isLoopback()',
    '.isMulticast()',
    '.isInRange(ip("0.0.0.0/0"))',
    '.isInRange(ip("::/0"))',
    ' == ip("1.2.3.4/32")',
  ],
  datetime: [' < datetime("1970-01-01")', '.toDate() == datetime("2024-01-01")', '.toTime() > duration("0ms")'],
  duration: ['.toSeconds() == 0', '.toDays() > 0', '.toHours() < 0', ' <= duration("1h")', '.toMinutes() == -1440'],
};

const environment = {
  principal: new Entity('A', 'a'),
  action: new Entity('Action', 'a'),
  resource: new Entity('A', 'a'),
  context: new CedarRecord(new Map()),
  entities: { find: () => undefined, list: () => [] },
};

for (const [name, texts] of Object.entries(TEXTS)) {
  test(`${name}: ${texts.length} texts are read as cedar-wasm reads them, and mean the same`, () => {
    const policies = texts.flatMap((text, at) =>
      METHODS[name]!.map((method, which) => {
        // Not by a literal: cedar-wasm refuses some of those when it parses.
        const policy = `permit(principal, action, resource) when { ${name}({"x": ${JSON.stringify(text)}}.x)${method} };`;
        const json = cedar.policyToJson(policy);
        assert.equal(json.type, 'success', policy);
        return { id: `${at}-${which}`, text: policy, json: json.json, effect: 'permit' as const };
      }),
    );
    const theirs = createOracle(policies).evaluate(environment);
    const ours = createEvaluator(policies.map(compilePolicy)).evaluate(environment);
    assert.equal(ours.length, policies.length);
    for (const [at, { policy, result }] of ours.entries()) {
      const was = theirs.errors.has(policy.id) ? 'error' : theirs.satisfied.has(policy.id);
      assert.equal(result instanceof Failure ? 'error' : result, was, policies[at]!.text);
    }
    assert.ok(theirs.errors.size > 5 && theirs.satisfied.size > 5);
  });
}
