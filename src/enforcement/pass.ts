import type { Access, Decision, DecisionRequest } from '../core/decision.ts';
import type { Answer, Intent } from '../core/exchange.ts';
import type { Caller, Run } from '../core/principal.ts';
import type { ExchangeFacts, StageCheck } from '../core/receipt.ts';
import { type Refusal, refuse } from '../core/refusal.ts';
import type { Attempt, Sink } from './attempt.ts';
import type { LiveExchange } from './live.ts';

/** A stage was reached without a fact that an earlier one establishes; the runner turns it into a refusal. */
export class FactMissing extends Error {
  constructor(fact: string) {
    super(`no ${fact}: the stage that establishes it did not run`);
  }
}

/** What decides, held still. */
export type PassRules = {
  decide(request: DecisionRequest): Decision;
  visible(
    request: Omit<DecisionRequest, 'access'>,
    candidates: readonly Pick<Access, 'action' | 'resource'>[],
  ): readonly boolean[];
};

type ToolFacts = NonNullable<ExchangeFacts['tool']>;

/**
 * One way through the table. Stages add facts to it; whoever reads a fact that no stage established gets `FactMissing`,
 * and so a refusal, never a default.
 */
export class Pass {
  readonly attempt: Attempt;
  readonly sink: Sink;
  /** The pass whose forwarding made the upstream ask for this one; undefined for requests from agents. */
  readonly parent: Pass | undefined;
  /** The pass of the same exchange whose rules had changed by the time of its intent: who it is and what it asked stand. */
  readonly earlier: Pass | undefined;
  readonly live: LiveExchange;
  readonly started_at: number;
  readonly checks: StageCheck[] = [];
  /** What the caller is told instead of the refusal that is recorded: hidden and nonexistent answer alike. */
  shown: Refusal | undefined;
  /** Version of the gateway's state that this pass decides under; read before the first stage. */
  readonly decided_under: number;
  frames = 0;
  listed: { count: number; digest: string } | undefined;
  stop_cause: string | undefined;
  /** Set where it was decided while the gateway observed: what policy said, whatever became of it. */
  observing: ExchangeFacts['observing'];

  #caller: Caller | undefined;
  #run: Run | undefined;
  #intent: Intent | undefined;
  #decisions: readonly Decision[] | undefined;
  #rules: PassRules | undefined;
  #tool: ToolFacts | undefined;
  #receipt: string | undefined;
  #answer: Answer | Refusal | undefined;

  constructor(from: {
    attempt: Attempt;
    sink: Sink;
    live: LiveExchange;
    parent: Pass | undefined;
    earlier: Pass | undefined;
    decided_under: number;
    started_at: number;
  }) {
    this.attempt = from.attempt;
    this.sink = from.sink;
    this.live = from.live;
    this.parent = from.parent;
    this.earlier = from.earlier;
    this.decided_under = from.decided_under;
    this.started_at = from.started_at;
  }

  get caller(): Caller {
    return present(this.#caller, 'caller');
  }
  set caller(caller: Caller) {
    this.#caller = caller;
  }
  get run(): Run {
    return present(this.#run, 'run');
  }
  set run(run: Run) {
    this.#run = run;
  }
  get intent(): Intent {
    return present(this.#intent, 'intent');
  }
  set intent(intent: Intent) {
    this.#intent = intent;
  }
  /** One for each access, in the order of the intent's. */
  get decisions(): readonly Decision[] {
    return present(this.#decisions, 'decision');
  }
  set decisions(decisions: readonly Decision[]) {
    this.#decisions = decisions;
  }
  /** The one version of the rules that this pass is decided by. */
  get rules(): PassRules {
    return present(this.#rules, 'rules');
  }
  set rules(rules: PassRules) {
    this.#rules = rules;
  }
  /** The pin that what is asked for was found equal to. */
  get tool(): ToolFacts {
    return present(this.#tool, 'pin');
  }
  set tool(tool: ToolFacts) {
    this.#tool = tool;
  }
  /** Id of the durable intent. */
  get receipt(): string {
    return present(this.#receipt, 'durable intent');
  }
  set receipt(receipt: string) {
    this.#receipt = receipt;
  }
  get answer(): Answer | Refusal {
    return present(this.#answer, 'answer');
  }
  set answer(answer: Answer | Refusal) {
    this.#answer = answer;
  }

  /** What is established so far; for receipts of passes that ended early. */
  established(): {
    caller: Caller | undefined;
    run: Run | undefined;
    intent: Intent | undefined;
    decisions: readonly Decision[] | undefined;
    tool: ToolFacts | undefined;
    receipt: string | undefined;
    answer: Answer | Refusal | undefined;
  } {
    return {
      caller: this.#caller,
      run: this.#run,
      intent: this.#intent,
      decisions: this.#decisions,
      tool: this.#tool,
      receipt: this.#receipt,
      answer: this.#answer,
    };
  }
}

function present<T>(fact: T | undefined, name: string): T {
  if (fact === undefined) throw new FactMissing(name);
  return fact;
}

export function stageFailed(stage: string, error: unknown): Refusal {
  const message = error instanceof Error ? error.message : String(error);
  return refuse('stage_failed', `${stage}: ${message}`);
}
