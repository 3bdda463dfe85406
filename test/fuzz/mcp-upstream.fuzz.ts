import assert from 'node:assert/strict';
import { Canceller } from '../../src/core/cancellation.ts';
import { type JsonObject, writeJson } from '../../src/core/json.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import type { ChildOutput, Egress, HttpReply } from '../../src/enforcement/index.ts';
import { headerValue, mirroredHeaders, mirroredOf } from '../../src/protocols/mcp/upstream/headers.ts';
import { HttpLink } from '../../src/protocols/mcp/upstream/http-link.ts';
import { DEFAULT_LIMITS } from '../../src/protocols/mcp/upstream/limits.ts';
import { LineReader } from '../../src/protocols/mcp/upstream/lines.ts';
import type { Link } from '../../src/protocols/mcp/upstream/link.ts';
import { readMessage } from '../../src/protocols/mcp/upstream/messages.ts';
import { SseParser } from '../../src/protocols/mcp/upstream/sse.ts';
import { StdioLink } from '../../src/protocols/mcp/upstream/stdio-link.ts';
import { systemClock as clock } from '../support/clock.ts';
import { type Dice, fuzz } from './harness.ts';

/**
 * Servers that write anything. However the bytes are cut, they mean the same; nothing throws or takes long; each exchange
 * ends once, with an answer to its own id or a refusal; what goes to its owner names it or nobody.
 */
const limits = { ...DEFAULT_LIMITS, answer_bytes_max: 4_096, frames_max: 50, frames_per_second_max: 40 };

const METHODS = [
  'notifications/progress',
  'notifications/message',
  'notifications/cancelled',
  'ping',
  'roots/list',
  '',
];
const IDS = [1, 2, 3, 4, 99, -1, 1.5, 'a', '', null, true, {}, 2 ** 53];

function messageOf(dice: Dice): string {
  const message: JsonObject = { jsonrpc: dice.integer(12) === 0 ? '1.0' : '2.0' };
  if (dice.integer(3) > 0) message['id'] = dice.pick(IDS) as number;
  if (dice.integer(2) > 0) message['method'] = dice.pick(METHODS);
  if (dice.integer(2) > 0) message['result'] = dice.integer(9) === 0 ? 'text' : { resultType: 'complete' };
  if (dice.integer(4) === 0) message['error'] = { code: dice.integer(5) === 0 ? 'x' : -32600, message: 'no' };
  if (dice.integer(2) > 0) message['params'] = paramsOf(dice);
  const text = JSON.stringify(message);
  const change = dice.integer(8);
  if (change === 0) return text.slice(0, dice.integer(text.length));
  if (change === 1) return text.replace('{', '{"id":7,');
  return change === 2 ? dice.bytes(60).toString('latin1') : text;
}

function paramsOf(dice: Dice): JsonObject {
  const params: JsonObject = { requestId: dice.pick(IDS) as number };
  if (dice.integer(2) > 0) params['progressToken'] = dice.pick(IDS) as number;
  if (dice.integer(3) === 0) {
    const id = dice.pick(IDS) as number;
    params['_meta'] = dice.integer(4) === 0 ? (id as never) : { 'io.modelcontextprotocol/subscriptionId': id };
  }
  return params;
}

function streamOf(dice: Dice): Buffer {
  const parts: Buffer[] = [];
  for (let count = dice.integer(12); count >= 0; count -= 1) {
    const field = dice.pick(['data: ', 'data:', 'id: ', 'retry: ', ': ', 'event:', '', '\ufeff', 'data']);
    const end = dice.pick(['\n', '\r\n', '\r', '\n\n', '\r\n\r\n', '\r\r', '']);
    const text = dice.integer(20) === 0 ? 'x'.repeat(5_000) : messageOf(dice);
    parts.push(Buffer.from(field + text + end, dice.integer(4) === 0 ? 'latin1' : 'utf8'));
  }
  return Buffer.concat(parts);
}

function* cutUp(dice: Dice, bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + dice.integer(dice.pick([1, 3, 50, 5_000]));
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

function linesMeanTheSame(dice: Dice, bytes: Buffer): void {
  const read = (chunks: Iterable<Buffer>): string[] => {
    const lines: string[] = [];
    const note = (kind: string) => (line?: Buffer) =>
      void lines.push(kind + (kind === 'line' ? line?.toString('hex') : ''));
    const reader = new LineReader(
      { line_bytes_max: limits.answer_bytes_max, skip_bytes_max: 1e9 },
      { line: note('line'), overlong: note('overlong'), endless: note('endless') },
    );
    for (const chunk of chunks) reader.push(Buffer.from(chunk));
    return lines;
  };
  assert.deepEqual(read(cutUp(dice, bytes)), read([bytes]));
}

function eventsMeanTheSame(dice: Dice, bytes: Buffer): void {
  const read = (chunks: Iterable<Buffer>): string[] => {
    const events: string[] = [];
    const parser = new SseParser(limits.answer_bytes_max, {
      event: ({ id, data }) => void events.push(`${id} ${data.toString('hex')}`),
      retry: (retry_ms) => void events.push(`retry ${retry_ms}`),
      tooLarge: () => void events.push('too large'),
    });
    for (const chunk of chunks) parser.push(Buffer.from(chunk));
    return events;
  };
  const whole = read([bytes]);
  const cut = read(cutUp(dice, bytes));
  // Where an event is too large the two may stop a field apart, and both stop.
  if (whole.includes('too large') || cut.includes('too large'))
    assert.ok(cut.at(-1) === 'too large' || whole.at(-1) === 'too large');
  else assert.deepEqual(cut, whole);
}

function headersComeBack(dice: Dice): void {
  const value =
    dice.pick(['', ' ', '=?base64?', '?=']) + dice.bytes(12).toString(dice.pick(['utf8', 'latin1'] as const));
  const header = headerValue(value);
  assert.match(header, /^[\t\x20-\x7e]*$/);
  const encoded = /^=\?base64\?(.*)\?=$/.exec(header);
  assert.equal(encoded === null ? header : Buffer.from(encoded[1] as string, 'base64').toString(), value);
  const name = dice.pick(['A', 'a b', '', 'A\r\n', 'é', 'X-Y']);
  const property = { type: dice.pick(['string', 'number', 'array']), 'x-mcp-header': name };
  const key = dice.pick(['properties', 'items', 'anyOf']);
  const schema = { type: 'object', [key]: key === 'anyOf' ? [property] : { a: property } } as JsonObject;
  const mirrored = mirroredOf(schema);
  if (typeof mirrored !== 'string') mirroredHeaders(mirrored, { a: value });
}

type Feed = { link: Link; write(text: string, to: number): void; end(): void };
const context = () => ({ clock, limits, dropped: () => {}, listChanged: () => {} });

function overStdio(dice: Dice): Feed {
  let output: ChildOutput | undefined;
  const launch = (program: { output: ChildOutput }) => {
    output = program.output;
    return {
      write: () => true,
      pause() {},
      resume() {},
      ended: new Promise(() => {}),
      close: async () => {},
      kill() {},
    };
  };
  const link = new StdioLink({ launch } as unknown as Egress, { command: ['x'], env: {} }, context());
  return {
    link,
    write(text) {
      for (const part of cutUp(dice, Buffer.from(`${text}\n`, 'latin1'))) output?.data(Buffer.from(part));
    },
    end: () => output?.ended({ started: true, reason: 'ended', words: '' }),
  };
}

function overHttp(dice: Dice): Feed {
  const replies: { reply: HttpReply; over: boolean }[] = [];
  const origin = {
    send(request: { method: string }, reply: HttpReply) {
      const entry = { reply, over: false };
      if (request.method === 'POST') replies.push(entry);
      const abort = (): void => {
        entry.over = true;
      };
      return { abort, pause() {}, resume() {} };
    },
    close: async () => {},
  };
  const link = new HttpLink(
    { calls: origin, streams: origin },
    {
      ...context(),
      mirrored: () => [],
      server: 'fuzzed',
      headers: {},
      credential: () => undefined,
      own: undefined,
    },
  );
  return {
    link,
    write(text, to) {
      const entry = replies[to % replies.length];
      if (entry === undefined || entry.over) return;
      entry.reply.head(200, { 'content-type': 'text/event-stream' });
      for (const part of cutUp(dice, Buffer.from(text, 'latin1'))) if (!entry.over) entry.reply.data(Buffer.from(part));
    },
    end() {
      for (const entry of replies) if (!entry.over) entry.reply.end();
    },
  };
}

async function exchangesEnd(dice: Dice, { link, write, end }: Feed, frame: (text: string) => string): Promise<void> {
  const era = dice.pick(['2026-07-28', '2025-11-25'] as const);
  link.adopt({ era, version: era, capabilities: { roots: {} } });
  const stop = new Canceller();
  const strays: number[] = [];
  const running = [1, 2, 3].map((id) => {
    const bytes = writeJson({ jsonrpc: '2.0', id, method: 'tools/call' });
    return link.exchange(
      { bytes, id, method: id === 3 ? 'subscriptions/listen' : 'tools/call', params: {} },
      {
        cancellation: stop,
        onNotification(_, params) {
          const token = params['progressToken'];
          // Over stdio a number that is a token is the owner's; over HTTP the stream is what says whose it is.
          if (link instanceof StdioLink && typeof token === 'number' && token !== id) strays.push(token);
          if (dice.integer(10) === 0) throw new Error('the agent is gone');
        },
        onRequest: async () => ({ kind: 'result', result: {} }),
      },
    );
  });
  for (let count = dice.integer(20); count > 0; count -= 1) write(frame(messageOf(dice)), dice.integer(3));
  if (dice.integer(2) === 0) end();
  stop.cancel();
  link.close('over');
  assert.deepEqual(strays, []);
  for (const reply of await Promise.all(running)) {
    assert.ok(isRefusal(reply) ? reply.reason !== '' : reply.bytes > 0);
  }
}

await fuzz('mcp-upstream', 2_000, async (dice) => {
  const bytes = streamOf(dice);
  linesMeanTheSame(dice, bytes);
  eventsMeanTheSame(dice, bytes);
  for (const line of bytes.toString('latin1').split('\n')) readMessage(Buffer.from(line, 'latin1'));
  headersComeBack(dice);
  await exchangesEnd(dice, overStdio(dice), (text) => text);
  await exchangesEnd(dice, overHttp(dice), (text) => `data: ${text}\n\n`);
});
