import { type Token, tokenize } from './lexer.ts';

/**
 * How deep a policy's expressions lie, from its tokens alone. cedar-wasm recurses on a stack that it cannot grow: some 120
 * nested parentheses, or 360 chained operators, run over it, and after that the module answers nothing any more. So what is too deep never
 * reaches it. The estimate is never below the true depth: what stands beside each other may be counted as nested.
 */
export const DEPTH_MAX = 150;
export const TOKENS_MAX = 3_000;

/** Parentheses cost the parser as much as three operators, `&&` and `||` a quarter of one: counted here as half. */
const BRACKET_DEPTH = 3;
const LOGICAL_CHARACTER_DEPTH = 0.25;

/**
 * One level of brackets: operands joined by `&&` and `||`, each a chain of operators over chains of accesses. A chain is as
 * deep as it is long, and what it joins lies at its bottom.
 */
class Level {
  #logical = 0;
  #operators = 0;
  #access = 0;
  #deepestAccess = 0;
  #deepestOperand = 0;

  access(inner = 0): void {
    if (inner === 0) this.#access += 1;
    this.#deepestAccess = Math.max(this.#deepestAccess, this.#access + inner);
  }
  operator(): void {
    this.#operators += 1;
    this.#access = 0;
  }
  /** `if` and `else` go on across whole operands, so what they add is never taken back. */
  logical(depth: number): void {
    this.separate();
    this.#logical += depth;
  }
  separate(): void {
    this.#deepestOperand = this.#operandDepth;
    this.#operators = 0;
    this.#access = 0;
    this.#deepestAccess = 0;
  }
  get #operandDepth(): number {
    return Math.max(this.#deepestOperand, this.#operators + this.#deepestAccess);
  }
  get depth(): number {
    return this.#logical + this.#operandDepth;
  }
}

/** What makes a policy too large to be read; undefined where it is not. */
export function tooComplex(text: string): string | undefined {
  const tokens = tokenize(text).filter(({ kind }) => kind !== 'space' && kind !== 'comment');
  if (tokens.length > TOKENS_MAX) return `the policy has ${tokens.length} tokens, and may have ${TOKENS_MAX}`;
  return depthOf(text, tokens) > DEPTH_MAX
    ? `the policy's conditions are nested or chained more than ${DEPTH_MAX} deep`
    : undefined;
}

/** What begins something new beside what was before. */
const SEPARATORS: ReadonlySet<string> = new Set([',', 'when', 'unless']);

function depthOf(text: string, tokens: readonly Token[]): number {
  const levels = [new Level()];
  let deepest = 0;
  const top = (): Level => levels.at(-1) as Level;
  const close = (): void => {
    const closed = levels.length > 1 ? (levels.pop() as Level) : top();
    top().access(closed.depth + BRACKET_DEPTH);
  };
  for (const token of tokens) {
    const mark = text.slice(token.start, token.end);
    if (mark === '.') top().access();
    else if (mark === '[' || mark === '(' || mark === '{') {
      // An index, a call, or a group: each a level, and a step of the chain that it stands in.
      top().access();
      levels.push(new Level());
    } else if (mark === ']' || mark === ')' || mark === '}') close();
    else if (mark === '&' || mark === '|') top().logical(LOGICAL_CHARACTER_DEPTH);
    else if (mark === 'if') top().logical(1);
    else if ('+-*!<>='.includes(mark)) top().operator();
    else if (SEPARATORS.has(mark)) top().separate();
    deepest = Math.max(deepest, levels.length * BRACKET_DEPTH);
  }
  while (levels.length > 1) close();
  return Math.max(deepest, top().depth);
}
