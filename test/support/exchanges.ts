import { createHash } from 'node:crypto';
import type { ExchangeDraft, Ledger } from '../../src/controls/audit/index.ts';
import { LOWEST_LABEL } from '../../src/core/label.ts';
import type { RefusalCode } from '../../src/core/refusal.ts';

/** Writes exchanges into a log as enforcement does, without an agent and a server to make them. */
export type Exchanges = {
  /** An intent, and its outcome unless it is left open. */
  permitted(tool: string, more?: Partial<Spoken>): Promise<string>;
  refused(tool: string, code: RefusalCode, more?: Partial<Spoken>): Promise<string>;
  outcome(intent: string, more?: Partial<Spoken>): Promise<void>;
};

type Spoken = {
  agent: string;
  job: string;
  args: object;
  open: boolean;
  kind: 'completed' | 'failed';
  reason: string;
  set: string;
};

export function exchangesOf(ledger: Ledger, version: () => number): Exchanges {
  const outcome: Exchanges['outcome'] = async (intent, { kind = 'completed', args = {} } = {}) => {
    await ledger.outcome({
      intent,
      outcome: kind,
      received_bytes: 10,
      released_bytes: 10,
      frames: 0,
      released: digest('answer'),
      duration_us: 1_500,
      stop_cause: null,
      listed: null,
      labels: { after: LOWEST_LABEL },
      checks: [{ stage: 'forward', verdict: 'pass', us: 1_000 }],
      payload: kind === 'failed' ? { cause: 'the server said no' } : { answered: { text: 'done', ...args } },
    });
  };
  return {
    outcome,
    async permitted(tool, more = {}) {
      const payload = { name: tool, arguments: { ...more.args } };
      const result = await ledger.intent({ facts: factsOf(tool, more), payload, claims: {}, decided_under: version() });
      if (result.kind !== 'committed') throw new Error(JSON.stringify(result));
      if (more.open !== true) await outcome(result.receipt, more);
      return result.receipt;
    },
    async refused(tool, code, more = {}) {
      const facts = { ...factsOf(tool, more), policy: { ...factsOf(tool, more).policy, ids: ['default-deny'] } };
      const reason = more.reason ?? 'no permit is satisfied';
      const payload = { reason, public: 'Ask for something else.', policies: ['default-deny'], asked: { name: tool } };
      const checks = [{ stage: 'decide', verdict: 'refuse', us: 9 }] as const;
      return (await ledger.refusal({ kind: 'refusal', code, facts, checks, payload }))!;
    },
  };
}

function factsOf(
  tool: string,
  { agent = 'triage', job = 'triage-issues', set = 'a set' }: Partial<Spoken>,
): ExchangeDraft {
  return {
    protocol: 'mcp',
    operation: 'tools/call',
    agent: { id: agent, owner: 'ops', version: '1' },
    credential: { kind: 'dpop', thumbprint: 'thumbprint' },
    run: 'run_0000000000000000000000000a',
    job,
    purpose: null,
    subject: null,
    chain: [],
    accesses: [{ action: 'tool.call', resource: { type: 'Tool', id: tool } }],
    upstream: tool.split('/')[0]!,
    tool: null,
    request: { received: digest(tool), sent: digest(tool), bytes: 100 },
    policy: { set, ids: ['triage-reads-reports'], errors: [], obligations: [], shadow: [] },
    state_version: 1,
    labels: { before: LOWEST_LABEL },
    checks: [{ stage: 'decide', verdict: 'pass', us: 9 }],
    parent: null,
    continues: null,
    trace: null,
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
