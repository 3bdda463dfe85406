import type { Pattern } from './shapes.ts';
import { type Form, isReversed, stepsOf } from './tokens.ts';

/**
 * Where texts stop being the same few again and again, a wildcard begins. A node is open if too many of the calls that
 * pass it go on with a step that no other run ever took (Good and Turing's estimate of what is still unseen); above it the steps are a
 * closed set, and are kept to the letter.
 */
export type Sample = { text: string; run: number };

type Node = { children: Map<string, Node>; calls: number; runs: Set<number>; ends: boolean; lone: number };

const PATTERNS_MAX = 8;
const CONSTANTS_MAX = 60;

const newNode = (): Node => ({ children: new Map(), calls: 0, runs: new Set(), ends: false, lone: 0 });

/**
 * Where a wildcard begins: below `openness`, the share of calls that may go on in a way of their own; and below
 * `depth_max` steps in any case.
 */
export type Cut = { openness: number; depth_max: number };

/** @returns undefined where nothing holds of all texts. */
export function patternsOf(
  samples: readonly Sample[],
  form: Form,
  { openness, depth_max }: Cut,
): Pattern[] | undefined {
  const root = newNode();
  for (const sample of samples) insert(root, sample, form);
  const found = cut(root, [], form, { openness, depth_max });
  if (found === undefined) return undefined;
  const wild = wildOf(found);
  return wild > PATTERNS_MAX || found.length - wild > CONSTANTS_MAX ? undefined : found;
}

function insert(root: Node, { text, run }: Sample, form: Form): void {
  let node = root;
  note(node, run);
  for (const step of stepsOf(text, form)) {
    let next = node.children.get(step);
    if (next === undefined) {
      next = newNode();
      node.children.set(step, next);
    }
    node = next;
    note(node, run);
  }
  node.ends = true;
}

function note(node: Node, run: number): void {
  node.calls += 1;
  node.runs.add(run);
}

/** Calls that went on by a step of one run alone, over all that passed. */
function lonelyShare(node: Node): number {
  let lone = 0;
  for (const child of node.children.values()) if (child.runs.size === 1) lone += child.calls;
  return lone / node.calls;
}

function cut(node: Node, steps: readonly string[], form: Form, by: Cut): Pattern[] | undefined {
  const here = node.ends ? [[join(steps, form)]] : [];
  if (node.children.size === 0) return here;
  const isOpen = steps.length >= by.depth_max || lonelyShare(node) > by.openness;
  if (isOpen) return openAt(node, steps, form, here);
  const below: Pattern[] = [...here];
  for (const [step, child] of node.children) {
    const inner = cut(child, [...steps, step], form, by);
    if (inner === undefined) return openAt(node, steps, form, here);
    below.push(...inner);
  }
  return wildOf(below) <= PATTERNS_MAX ? below : openBelow(node, steps, form, here);
}

/** Rather all children's than its own: three hosts say more than `https`. */
function openBelow(node: Node, steps: readonly string[], form: Form, here: Pattern[]): Pattern[] | undefined {
  const below = [...here];
  for (const [step, child] of node.children) {
    const ends = child.ends ? [[join([...steps, step], form)]] : [];
    below.push(...(child.children.size === 0 ? ends : (openAt(child, [...steps, step], form, ends) ?? [])));
  }
  return wildOf(below) <= PATTERNS_MAX ? below : openAt(node, steps, form, here);
}

function wildOf(patterns: readonly Pattern[]): number {
  return patterns.filter((pattern) => pattern.length > 1).length;
}

/** `reports/*`, and not `reports*`: where what follows always begins with the same mark, the mark stays. */
function openAt(node: Node, steps: readonly string[], form: Form, here: Pattern[]): Pattern[] | undefined {
  if (steps.length === 0) return undefined;
  const known = join(steps, form);
  if (isReversed(form)) {
    const mark = form === 'host' ? '.' : '';
    return [...here, ['', mark === '' || known.startsWith(mark) ? known : `${mark}${known}`]];
  }
  const marks = new Set([...node.children.keys()].map((step) => (/^[\s\W_]/.test(step) ? (step[0] as string) : '')));
  const kept = marks.has('') || marks.size > 3 ? [''] : [...marks];
  const suffix = sharedEnd(node);
  return [...here, ...kept.map((mark): Pattern => [known + mark, suffix])];
}

const EXTENSION = /\.[A-Za-z][A-Za-z0-9]{1,7}$/;
/** As many runs must agree on how files end before it is a rule. */
const RUNS_FOR_ENDING = 12;

/** `.csv`, where everything below ends so. */
function sharedEnd(node: Node): string {
  if (node.ends || node.runs.size < RUNS_FOR_ENDING) return '';
  let shared: string | undefined;
  const visit = (at: Node, step: string): boolean => {
    if (at.ends) {
      const found = EXTENSION.exec(step)?.[0];
      if (found === undefined || (shared !== undefined && shared !== found)) return false;
      shared = found;
    }
    for (const [next, child] of at.children) if (!visit(child, next)) return false;
    return true;
  };
  return visit(node, '') ? (shared ?? '') : '';
}

function join(steps: readonly string[], form: Form): string {
  return isReversed(form) ? [...steps].reverse().join('') : steps.join('');
}
