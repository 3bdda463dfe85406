/**
 * The receipts' closed shapes, member by member in canonical order, as patterns over their text. The verifier reads a
 * receipt's place with one of them three times as fast as by parsing it, and only what fits none is parsed: so this is a
 * short cut, never a judgement. A test holds it against what the ledger writes.
 */

/** Where a receipt stands, and what an outcome is the outcome of. */
export type Placement = {
  id: string;
  kind: string;
  epoch: number;
  replica: string;
  n: number;
  prev: string | null;
  intent: string | undefined;
};

/** Escapes as RFC 8785 writes them. */
const inside = String.raw`[^"\\\u0000-\u001f]*(?:\\(?:["\\bfnrt]|u00[01][0-9a-f])[^"\\\u0000-\u001f]*)*`;
const text = `"${inside}"`;
const digest = '"[0-9a-f]{64}"';
const count = '(?:0|[1-9][0-9]{0,15})';

type Members = Readonly<Record<string, string>>;

const nullable = (pattern: string): string => `(?:null|${pattern})`;
const list = (pattern: string): string => String.raw`\[(?:${pattern}(?:,${pattern})*)?\]`;
const object = (members: Members): string => String.raw`\{${membersOf(members).join(',')}\}`;

function membersOf(members: Members): string[] {
  return Object.entries(members).map(([name, pattern]) => `"${name}":${pattern}`);
}

/** As `object`; members that are not `always` may be left out. The first that is always there carries no comma. */
function partialObject(members: Members, always: ReadonlySet<string>): string {
  let isFirst = true;
  const parts = Object.entries(members).map(([name, pattern]) => {
    const member = `"${name}":${pattern}`;
    if (!always.has(name)) return isFirst ? `(?:${member},)?` : `(?:,${member})?`;
    const part = isFirst ? member : `,${member}`;
    isFirst = false;
    return part;
  });
  return String.raw`\{${parts.join('')}\}`;
}

const capture = {
  epoch: `(${count})`,
  id: `"(${inside})"`,
  n: `(${count})`,
  prev: `(?:null|"([0-9a-f]{64})")`,
  replica: `"(${inside})"`,
};
const kind = (name: string): string => `"(${name})"`;

const access = object({ action: text, resource_digest: digest, resource_type: text });
const link = object({ actor: text, expires_at: count, grant: nullable(text), scope_digest: text });
const check = object({ stage: text, us: count, verdict: text });
const label = object({ confidentiality: text, integrity: text });
const agent = object({ id: text, owner: text, version: text });
const credential = object({ kind: text, thumbprint: text });
const policy = object({ errors: list(text), ids: list(text), obligations: list(text), set: text, shadow: list(text) });
const observed = object({ code: nullable(text), would: text });
const request = object({ bytes: count, received: text, sent: nullable(text) });
const tool = object({ manifest: digest, pin_approval: text });
const head = { time: count, version: '[12]' };

const exchange = (kinds: string, code: Members): Members => ({
  accesses: list(access),
  agent,
  build: text,
  chain: list(link),
  checks: list(check),
  ...code,
  config_digest: text,
  continues: nullable(text),
  credential,
  epoch: capture.epoch,
  id: capture.id,
  job: text,
  kind: kind(kinds),
  labels: object({ before: label }),
  n: capture.n,
  observing: observed,
  operation: text,
  parent: nullable(text),
  payload: nullable(digest),
  policy,
  prev: capture.prev,
  protocol: text,
  purpose: nullable(text),
  replica: capture.replica,
  request,
  run: text,
  state_version: count,
  subject: nullable(text),
  time: count,
  tool: nullable(tool),
  trace: nullable(text),
  upstream: nullable(text),
  version: '[12]',
});

const ALWAYS = 'build checks code config_digest epoch id kind n payload prev replica time version'.split(' ');

const outcome = object({
  build: text,
  checks: list(check),
  config_digest: text,
  duration_us: count,
  epoch: capture.epoch,
  frames: count,
  id: capture.id,
  intent: `"(${inside})"`,
  kind: kind('outcome'),
  labels: object({ after: label }),
  listed: nullable(object({ count, digest: text })),
  n: capture.n,
  outcome: text,
  payload: nullable(digest),
  prev: capture.prev,
  received_bytes: count,
  released: nullable(text),
  released_bytes: count,
  replica: capture.replica,
  stop_cause: nullable(text),
  ...head,
});

const control = object({
  after: nullable(text),
  before: nullable(text),
  build: text,
  by: text,
  config_digest: text,
  epoch: capture.epoch,
  event: text,
  id: capture.id,
  kind: kind('control'),
  n: capture.n,
  payload: nullable(digest),
  prev: capture.prev,
  replica: capture.replica,
  subject: nullable(text),
  ...head,
});

/** The captures of all but an outcome, and an outcome's, in canonical order. */
const SHAPES = [
  partialObject(
    exchange('intent', {}),
    new Set(Object.keys(exchange('intent', {})).filter((name) => name !== 'observing')),
  ),
  outcome,
  partialObject(exchange('refusal|hold', { code: text }), new Set(ALWAYS)),
  control,
].map((pattern) => ({ pattern: new RegExp(pattern, 'y'), hasIntent: pattern === outcome }));

/**
 * What the entry at `from` to `to` of `text` says, where `text` has one character for each byte of UTF-8 (latin1): a bundle
 * is decoded as a whole. Undefined where it has none of the common shapes, or names beyond ASCII: parse it then.
 */
export function placementAt(text: string, from: number, to: number): Placement | undefined {
  for (const { pattern, hasIntent } of SHAPES) {
    pattern.lastIndex = from;
    const found = pattern.exec(text);
    if (found === null || pattern.lastIndex !== to) continue;
    const intent = hasIntent ? found[3] : undefined;
    const [kind = '', n, prev = null, replica = ''] = hasIntent ? found.slice(4) : found.slice(3);
    const id = found[2] ?? '';
    if (!PLAIN.test(id) || !PLAIN.test(replica) || (intent !== undefined && !PLAIN.test(intent))) return undefined;
    return { id, kind, epoch: Number(found[1]), replica, n: Number(n), prev, intent };
  }
  return undefined;
}

/** With escapes a name has more than one form in text, and beyond ASCII another one in latin1; parsing gives the one. */
const PLAIN = /^[ !#-[\]-~]*$/;
