import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Cancellation, Canceller } from '../../src/core/cancellation.ts';
import type { Decision } from '../../src/core/decision.ts';
import type { Answer, Intent, ProtocolName } from '../../src/core/exchange.ts';
import { LOWEST_LABEL } from '../../src/core/label.ts';
import type { Caller, Run } from '../../src/core/principal.ts';
import { type Refusal, refuse } from '../../src/core/refusal.ts';
import type { Attempt, ForwardIo, PassResult } from '../../src/enforcement/attempt.ts';
import { Live } from '../../src/enforcement/live.ts';
import type { Pass } from '../../src/enforcement/pass.ts';
import { pipeline, type StageRun, type Stages, type Table } from '../../src/enforcement/pipeline.ts';
import { type Recorder, Runner } from '../../src/enforcement/runner.ts';
import { forward } from '../../src/enforcement/stages/forward.ts';
import { hold } from '../../src/enforcement/stages/hold.ts';
import { parseIntent } from '../../src/enforcement/stages/parse-intent.ts';
import { systemClock } from '../../src/main/clock.ts';

const AGENT = { id: 'triage', owner: 'platform', version: '1', jobs: ['support'] };
const CALLER: Caller = {
  principal: { type: 'Agent', id: 'triage' },
  agent: AGENT,
  generation: 1,
  credential: { kind: 'dpop', thumbprint: 'k' },
  token: 't',
  run: 'run_1',
  subject: null,
  chain: [],
  proof: undefined,
};
const RUN: Run = {
  id: 'run_1',
  agent: 'triage',
  job: 'support',
  opened_by: 'agent:triage',
  purpose: null,
  subject: null,
  chain: [],
  scopes: [],
  opened_at: 0,
  expires_at: Date.now() + 60_000,
  labels: LOWEST_LABEL,
};
const INTENT: Intent = {
  effect: 'write',
  operation: 'tools/call',
  accesses: [{ action: 'tool.call', resource: { type: 'Tool', id: 'files/write' }, args: {} }],
  received_digest: '00'.repeat(32),
  received_bytes: 2,
  sent: new Uint8Array([123, 125]),
  upstream: 'files',
  payload: null,
};
const ANSWER: Answer = { outcome: 'completed', value: { ok: true }, received_bytes: 11, frames: 0 };

function decision(effect: Decision['effect']): Decision {
  return {
    effect,
    code: effect === 'deny' ? 'policy_denied' : undefined,
    summary: '',
    policies: ['p'],
    notes: [],
    errors: [],
    obligations: [],
    hints: [],
    shadow: [],
    set: 'set',
  };
}

type World = {
  runner: Runner;
  live: Live;
  forwarded: Intent[];
  log: { kind: 'stranger' | 'refused' | 'broken off'; code: string }[];
  exchange(attempt?: Partial<Attempt>, gone?: Cancellation): Promise<PassResult>;
};

/** A gateway whose controls permit everything, but for the stages that a test puts in their place. */
function open(replaced: Partial<Stages> = {}, shape: (table: Table) => Table = (table) => table): World {
  const live = new Live(systemClock);
  const log: World['log'] = [];
  const forwarded: Intent[] = [];
  const recorder: Recorder = {
    stranger: (_pass, refusal) => void log.push({ kind: 'stranger', code: refusal.code }),
    refused: async (_pass, refusal) => {
      log.push({ kind: 'refused', code: refusal.code });
      return 'rcp_refusal';
    },
    brokenOff: async (_pass, refusal) => void log.push({ kind: 'broken off', code: refusal.code }),
  };
  const set =
    (write: (pass: Pass) => void): StageRun =>
    (pass) => {
      write(pass);
      return undefined;
    };
  const table = shape(
    pipeline({
      admitConnection: () => undefined,
      checkIdentity: set((pass) => {
        live.identify(pass.live, CALLER);
        pass.caller = CALLER;
      }),
      loadRun: set((pass) => {
        pass.run = RUN;
      }),
      parseIntent: set((pass) => {
        pass.intent = INTENT;
        pass.live.destination = { upstream: 'files' };
      }),
      checkToolManifest: () => undefined,
      decide: set((pass) => {
        pass.rules = { decide: () => decision('permit'), visible: (_facts, candidates) => candidates.map(() => true) };
        pass.decisions = [decision('permit')];
      }),
      hold: hold(),
      recordIntent: set((pass) => {
        pass.receipt = 'rcp_intent';
      }),
      forward: forward({
        clock: systemClock,
        now: () => systemClock.now(),
        exchangeMsMax: () => 10_000,
        leased: () => true,
        news: async () => {},
        pinned: () => true,
        child: (pass, request) => runner.child(pass, request),
        digest: () => '',
      }),
      recordOutcome: () => undefined,
      ...replaced,
    }),
  );
  const runner = new Runner({
    table,
    live,
    clock: systemClock,
    recorder,
    stateVersion: () => 1,
    news: async () => {},
    stageMsMax: () => 50,
  });
  return {
    runner,
    live,
    forwarded,
    log,
    exchange: (attempt = {}, gone: Cancellation = new Canceller()) =>
      runner.exchange(
        {
          protocol: 'mcp',
          presented: {
            address: '127.0.0.1',
            host: 'localhost',
            origin: undefined,
            authorization: undefined,
            proofs: [],
            method: 'POST',
            path: '/mcp',
            bytes_announced: 0,
          },
          trace: undefined,
          continues: undefined,
          parse: () => INTENT,
          forward: async (intent) => {
            forwarded.push(intent);
            return ANSWER;
          },
          ...attempt,
        },
        { frame: async () => undefined, gone },
      ),
  };
}

function refusedWith(result: PassResult): string {
  assert.equal(result.kind, 'refused');
  return (result as { refusal: Refusal }).refusal.code;
}

test('a permitted exchange is forwarded once and answered with its intent', async () => {
  const world = open();
  const result = await world.exchange();
  assert.deepEqual(result, { kind: 'answered', receipt: 'rcp_intent', answer: ANSWER });
  assert.equal(world.forwarded.length, 1);
  assert.equal(world.live.size, 0);
});

test('a stage that throws has refused, and nothing is forwarded', async () => {
  const world = open({
    decide: () => {
      throw new Error('the policy engine is on fire');
    },
  });
  assert.equal(refusedWith(await world.exchange()), 'stage_failed');
  assert.deepEqual(world.log, [{ kind: 'refused', code: 'stage_failed' }]);
  assert.equal(world.forwarded.length, 0);
});

test('a stage that rejects has refused', async () => {
  const world = open({ loadRun: () => Promise.reject(new Error('no database')) });
  assert.equal(refusedWith(await world.exchange()), 'stage_failed');
  assert.equal(world.forwarded.length, 0);
});

test('a stage that hangs has refused', async () => {
  const world = open({ recordIntent: () => new Promise(() => undefined) });
  assert.equal(refusedWith(await world.exchange()), 'stage_timed_out');
  assert.equal(world.forwarded.length, 0);
});

test('a refusal before identity is counted, one after it has a receipt', async () => {
  const early = open({ admitConnection: () => refuse('rate_limited', 'test') });
  const result = await early.exchange();
  assert.equal(refusedWith(result), 'rate_limited');
  assert.equal((result as { receipt: unknown }).receipt, undefined);
  assert.deepEqual(early.log, [{ kind: 'stranger', code: 'rate_limited' }]);
  const late = open({ parseIntent: () => refuse('request_malformed', 'test') });
  assert.equal(((await late.exchange()) as { receipt: unknown }).receipt, 'rcp_refusal');
  assert.deepEqual(late.log, [{ kind: 'refused', code: 'request_malformed' }]);
});

for (const missing of ['check identity', 'load run', 'parse intent', 'decide', 'record intent', 'forward']) {
  test(`without "${missing}" nothing is forwarded`, async () => {
    const world = open({}, (table) =>
      table.map((row) => (row.stage === missing ? { ...row, cells: { ...row.cells, mcp: null } } : row)),
    );
    const result = await world.exchange();
    assert.equal(refusedWith(result), 'stage_failed');
    assert.equal(world.forwarded.length, 0);
  });
}

test('a protocol without a column is refused', async () => {
  const world = open();
  assert.equal(refusedWith(await world.exchange({ protocol: 'llm' as ProtocolName })), 'stage_failed');
  assert.equal(world.forwarded.length, 0);
});

test('rules that changed mean another pass through the whole table, three at most, with one reading of the wire', async () => {
  let passes = 0;
  let read = 0;
  const world = open({
    parseIntent: parseIntent(() => undefined),
    recordIntent: (pass) => {
      passes += 1;
      if (passes < 3) return refuse('state_changed', 'test');
      pass.receipt = 'rcp_third';
      return undefined;
    },
  });
  const parse = () => {
    read += 1;
    return INTENT;
  };
  const result = await world.exchange({ parse });
  assert.equal((result as { receipt: string }).receipt, 'rcp_third');
  assert.equal(read, 1);
  const never = open({ recordIntent: () => refuse('state_changed', 'test') });
  assert.equal(refusedWith(await never.exchange()), 'state_changed');
  assert.equal(never.log.length, 1);
});

test('a stop cuts what is in flight, whatever the upstream still answers', async () => {
  const world = open();
  const frames: string[] = [];
  let late: ForwardIo | undefined;
  const running = world.exchange({
    forward: (_intent, io) => {
      late = io;
      return new Promise((resolve) => setTimeout(() => resolve(ANSWER), 30));
    },
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  const cut = world.live.review((who) =>
    'agent' in who && who.agent.id === 'triage' ? refuse('stopped', 'test') : undefined,
  );
  assert.equal(cut, 1);
  await late?.emit({ name: 'late', value: null, bytes: 4 });
  assert.deepEqual(frames, []);
  assert.equal(refusedWith(await running), 'stopped');
});

test('a protocol that does not let go of a cut exchange is not waited for', async () => {
  const world = open();
  const running = world.exchange({ forward: () => new Promise(() => undefined) });
  await new Promise((resolve) => setTimeout(resolve, 5));
  world.live.cutAll('gateway_stopping');
  assert.equal(refusedWith(await running), 'gateway_stopping');
});

test('a caller who goes away ends the exchange', async () => {
  const world = open();
  const gone = new Canceller();
  const running = world.exchange({ forward: () => new Promise(() => undefined) }, gone);
  setTimeout(() => gone.cancel(), 5);
  assert.equal(refusedWith(await running), 'caller_gone');
});

test("a hold is refused while nobody can be asked, and so is one of upstream's requests", async () => {
  const held = open({
    decide: (pass) => {
      pass.decisions = [decision('permit'), decision('hold')];
      return undefined;
    },
  });
  assert.equal(refusedWith(await held.exchange()), 'approval_unavailable');
  assert.equal(held.forwarded.length, 0);
});

test("a request of upstream's goes through the table as a child, and dies with its parent", async () => {
  const seen: (string | undefined)[] = [];
  const world = open({
    decide: (pass) => {
      seen.push(pass.parent?.receipt);
      pass.decisions = [decision(pass.parent ? 'hold' : 'permit')];
      return undefined;
    },
  });
  const result = await world.exchange({
    forward: async (_intent, io) => {
      const child = await io.child({ upstream: 'files', intent: INTENT, carry: async () => ANSWER });
      return { ...ANSWER, value: child.kind };
    },
  });
  assert.equal((result as { answer: Answer }).answer.value, 'refused');
  assert.deepEqual(seen, [undefined, 'rcp_intent']);
});
