import type { ProtocolName } from '../core/exchange.ts';
import type { Refusal } from '../core/refusal.ts';
import type { Pass } from './pass.ts';

/** What a stage may do, told by the verb it begins with. */
export type Power = 'refuse' | 'read' | 'mark' | 'rewrite' | 'forward' | 'withhold';

/** `undefined` lets the pass go on. A stage that throws, or takes too long, has refused. */
export type Verdict = Refusal | undefined;
export type StageRun = (pass: Pass) => Verdict | Promise<Verdict>;

/** A cell whose control, or whose protocol, is not built; `awaits` says which. Shown by `status`, never run. */
export type Planned = { awaits: string };
export type Cell = StageRun | Planned | null;

export type Row = { stage: string; may: Power; cells: Record<ProtocolName, Cell> };
export type Table = readonly Row[];

/** The stages that are built. */
export type Stages = {
  admitConnection: StageRun;
  checkIdentity: StageRun;
  loadRun: StageRun;
  parseIntent: StageRun;
  checkToolManifest: StageRun;
  decide: StageRun;
  hold: StageRun;
  recordIntent: StageRun;
  forward: StageRun;
  recordOutcome: StageRun;
};

const awaits = (what: string): Planned => ({ awaits: what });

/**
 * The path of every exchange: stages down, protocols across, run from top to bottom. The order is the security argument:
 * nothing is parsed for a stranger, nothing is decided before it is understood, nothing is held that policy denies,
 * nothing leaves before its intent is durable, nothing returns before its outcome is.
 */
export function pipeline(s: Stages): Table {
  const llm = awaits('the model door');
  const pg = awaits('the database door');
  const row = (stage: string, may: Power, mcp: Cell, llm: Cell, postgres: Cell, authzen: Cell): Row => ({
    stage,
    may,
    cells: { mcp, llm, postgres, authzen },
  });
  return [
    //   stage                 may         MCP                            LLM   PostgreSQL  AuthZEN
    row('admit connection', 'refuse', s.admitConnection, llm, pg, s.admitConnection), // size, rate, Host and Origin
    row('check identity', 'refuse', s.checkIdentity, llm, pg, s.checkIdentity), //       token, proof of possession, stop list
    row('load run', 'read', s.loadRun, llm, pg, s.loadRun), //                           agent, job, labels
    row('parse intent', 'refuse', s.parseIntent, llm, pg, s.parseIntent), //             wire message -> accesses with arguments
    row('check model state', 'refuse', null, llm, null, null),
    row('check tool manifest', 'refuse', s.checkToolManifest, null, null, null), //            what is called is what was approved
    row('inspect request', 'mark', awaits('detectors'), llm, pg, null),
    row('score behaviour', 'mark', awaits('baselines'), llm, pg, null),
    row('decide', 'refuse', s.decide, llm, pg, s.decide), //                             Cedar over all of the above
    row('rewrite request', 'rewrite', awaits('masking'), llm, pg, null),
    row('validate request', 'refuse', awaits('validators'), llm, pg, null),
    row('hold', 'refuse', s.hold, llm, pg, s.hold), //                                   nobody can be asked yet: a hold refuses
    row('reserve budget', 'refuse', awaits('budgets'), llm, pg, null),
    row('record intent', 'refuse', s.recordIntent, llm, pg, s.recordIntent), //          durable before any effect
    row('forward', 'forward', s.forward, llm, pg, s.forward), //                         exactly the bytes that the intent names
    row('inspect response', 'rewrite', awaits('detectors'), llm, pg, null),
    row('validate response', 'withhold', awaits('validators'), llm, pg, null),
    row('record outcome', 'withhold', s.recordOutcome, llm, pg, s.recordOutcome), //     completed, failed, cut, cancelled, unknown
  ];
}

/** A column of the table: the stages that one protocol's exchanges go through, in order. */
export function column(table: Table, protocol: ProtocolName): readonly { stage: string; run: StageRun }[] {
  return table.flatMap(({ stage, cells }) => {
    const cell = cells[protocol];
    return typeof cell === 'function' ? [{ stage, run: cell }] : [];
  });
}
