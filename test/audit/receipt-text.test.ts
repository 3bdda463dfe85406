import assert from 'node:assert/strict';
import { test } from 'node:test';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { placementAt } from '../../src/controls/audit/receipt-shape.ts';
import { type Place, receiptText, type Unplaced } from '../../src/controls/audit/receipt-text.ts';
import { RECEIPT_VERSION, type Receipt } from '../../src/core/receipt.ts';

const HEX = 'ab'.repeat(32);
const place: Place = { replica: 'rep_a', epoch: 3, n: 17, prev: HEX };

/** Names as hostile as the vocabulary allows: anything that is well-formed Unicode. */
const name = fc.string({ unit: 'binary', maxLength: 20 });
const maybe = (arbitrary: fc.Arbitrary<string>) => fc.option(arbitrary, { nil: null });
const digest = fc.constant(HEX);
const count = fc.nat();
const label = fc.record({
  integrity: fc.constantFrom('trusted' as const, 'untrusted' as const),
  confidentiality: fc.constantFrom('public' as const, 'restricted' as const),
});
const checks = fc.array(
  fc.record({ us: count, stage: name, verdict: fc.constantFrom('pass' as const, 'refuse' as const) }),
  { maxLength: 3 },
);
const head = {
  version: fc.constantFrom(1 as const, RECEIPT_VERSION),
  id: fc.constant('rcp_0123456789abcdefghijklmnop'),
  time: count,
  build: name,
  config_digest: digest,
};
const facts = {
  protocol: name,
  operation: name,
  agent: fc.record({ version: name, owner: name, id: name }),
  credential: fc.record({ thumbprint: name, kind: fc.constantFrom('dpop' as const, 'bearer' as const) }),
  run: name,
  job: name,
  purpose: maybe(name),
  subject: maybe(name),
  chain: fc.array(fc.record({ scope_digest: digest, grant: maybe(name), expires_at: count, actor: name }), {
    maxLength: 3,
  }),
  accesses: fc.array(fc.record({ resource_type: name, action: name, resource_digest: digest }), { maxLength: 3 }),
  upstream: maybe(name),
  tool: fc.oneof(fc.constant(null), fc.record({ pin_approval: name, manifest: digest })),
  request: fc.record({ sent: maybe(name), received: name, bytes: count }),
  policy: fc.record({
    set: name,
    shadow: fc.array(name, { maxLength: 2 }),
    ids: fc.array(name, { maxLength: 2 }),
    errors: fc.array(name, { maxLength: 2 }),
    obligations: fc.array(name, { maxLength: 2 }),
  }),
  state_version: count,
  labels: fc.record({ before: label }),
  checks,
  parent: maybe(name),
  continues: maybe(name),
  trace: maybe(name),
  payload: maybe(digest),
};

const SHAPES: Record<string, fc.Arbitrary<Unplaced>> = {
  intent: fc.record({ ...head, kind: fc.constant('intent' as const), ...facts }),
  refusal: fc
    .record(
      {
        ...head,
        kind: fc.constantFrom('refusal' as const, 'hold' as const),
        code: fc.constant('policy_denied' as const),
        ...facts,
      },
      { requiredKeys: ['version', 'id', 'time', 'build', 'config_digest', 'kind', 'code', 'checks', 'payload'] },
    )
    .map((receipt) => receipt as Unplaced),
  outcome: fc.record({
    ...head,
    kind: fc.constant('outcome' as const),
    intent: fc.oneof({ weight: 4, arbitrary: fc.constant('rcp_0') }, { weight: 1, arbitrary: name }),
    outcome: fc.constant('completed' as const),
    received_bytes: count,
    released_bytes: count,
    frames: count,
    released: maybe(digest),
    duration_us: count,
    stop_cause: maybe(name),
    listed: fc.option(fc.record({ digest: name, count }), { nil: null }),
    labels: fc.record({ after: label }),
    checks,
    payload: maybe(digest),
  }),
  control: fc.record({
    ...head,
    kind: fc.constant('control' as const),
    event: fc.constant('agent.add' as const),
    by: name,
    subject: maybe(name),
    before: maybe(name),
    after: maybe(name),
    payload: maybe(digest),
  }),
  flood: fc.record({
    ...head,
    kind: fc.constant('flood' as const),
    code: fc.constant('token_unknown' as const),
    source_digest: digest,
    second: count,
    count,
    payload: maybe(digest),
  }),
  gap: fc.record({ ...head, kind: fc.constant('gap' as const), count, since: count }),
};

for (const [kind, shape] of Object.entries(SHAPES)) {
  test(`${kind}: our writer is RFC 8785, and nothing is lost`, () => {
    fc.assert(
      fc.property(shape, (receipt) => {
        const text = receiptText(receipt, place);
        const parsed = JSON.parse(text);
        assert.equal(text, canonicalize(parsed));
        assert.equal(text, canonicalize({ ...receipt, ...place }));
      }),
      { numRuns: 200 },
    );
  });

  test(`${kind}: the short cut to its place says what parsing says`, () => {
    let taken = 0;
    fc.assert(
      fc.property(shape, (receipt) => {
        const text = receiptText(receipt, place);
        const bytes = `xx${Buffer.from(text).toString('latin1')}yy`;
        const found = placementAt(bytes, 2, bytes.length - 2);
        if (found === undefined) return;
        taken += 1;
        const { id, kind, epoch, replica, n, prev, intent } = JSON.parse(text);
        assert.deepEqual(found, { id, kind, epoch, replica, n, prev, intent });
      }),
      { numRuns: 200 },
    );
    if (kind !== 'flood' && kind !== 'gap') assert.ok(taken > 100, `only ${taken} of 200 took it`);
  });
}

const control: Unplaced = {
  version: 1,
  id: 'rcp_0',
  time: 1,
  build: 'b',
  config_digest: HEX,
  kind: 'control',
  event: 'agent.add',
  by: 'local',
  subject: null,
  before: null,
  after: null,
  payload: null,
};

test('a lone surrogate has no canonical form and is refused; an escaped backslash before ud800 has', () => {
  assert.throws(() => receiptText({ ...control, subject: 'a\ud800b' }, place), /surrogate/);
  assert.throws(() => receiptText({ ...control, subject: '\\\udfff' }, place), /surrogate/);
  const text = receiptText({ ...control, subject: '\\ud800' }, place);
  assert.equal((JSON.parse(text) as Receipt & { subject: string }).subject, '\\ud800');
});

test('what is larger than an entry may be is refused, in bytes and not in characters', () => {
  assert.throws(() => receiptText({ ...control, subject: 'x'.repeat(66_000) }, place), /larger/);
  assert.throws(() => receiptText({ ...control, subject: '€'.repeat(22_000) }, place), /larger/);
  assert.ok(receiptText({ ...control, subject: 'x'.repeat(60_000) }, place));
});

test('fractions and impossible counts are rounded: a receipt counts in whole units', () => {
  const text = receiptText({ ...control, kind: 'gap', count: 2.6, since: -1 } as Unplaced, place);
  const { count, since } = JSON.parse(text);
  assert.deepEqual({ count, since }, { count: 3, since: 0 });
});

test('lists that no entry could hold are stated as count and digest', () => {
  const ids = Array.from({ length: 5_000 }, (_, at) => `policy-${at}-with-a-rather-long-name`);
  const accesses = ids.map(() => ({ action: 'tool.call', resource_type: 'Tool', resource_digest: HEX }));
  const policy = { set: HEX, ids, errors: ids, obligations: ids, shadow: ids };
  const receipt = {
    ...control,
    kind: 'refusal',
    code: 'policy_denied',
    checks: [],
    policy,
    accesses,
  } as unknown as Unplaced;
  const { policy: kept, accesses: few } = JSON.parse(receiptText(receipt, place));
  assert.match(kept.ids.at(-1), /^\+\d+ sha256:[0-9a-f]{64}$/);
  assert.equal(few.length, 129);
  assert.match(few.at(-1).action, /^\+4872$/);
});
