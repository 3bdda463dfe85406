import type { JsonValue } from '../../../core/json.ts';
import { exists, type Place } from './asking.ts';
import { atomsOf, chainsIn, literalsIn } from './expression.ts';
import type { Found } from './lint.ts';
import { nearest } from './near.ts';
import type { Ready } from './scoped.ts';
import type { Steps } from './slices.ts';
import { type Slot, slotName, slotsOf } from './slots.ts';
import { conjunctSpans, type Span } from './spans.ts';
import type { Budget } from './walk.ts';
import { listed } from './words.ts';

/**
 * Why a policy's conditions can never hold: one of them cannot by itself, two exclude each other, or nothing that is
 * registered is as they ask.
 */
export function* whyNever(
  policy: Ready,
  places: readonly Place[],
  free: readonly Place[],
  budget: Budget,
): Steps<Found> {
  const conjuncts = policy.loaded.conjuncts ?? [];
  const spans = conjunctSpans(policy.source, conjuncts.length);
  const possible = function* (which: readonly number[], anywhere: boolean): Steps<boolean> {
    const wish = { policy, conjuncts: which, be: 'true' } as const;
    return (yield* exists(anywhere ? free : places, [wish], budget, !anywhere)) !== 'no';
  };
  for (const at of conjuncts.keys()) {
    if (yield* possible([at], false)) continue;
    // What an agent or a resource is was registered, and may be registered otherwise.
    const fixed = chainsIn(conjuncts[at]?.expression ?? {}).some(({ root }) => root !== 'context');
    const ever = fixed || (yield* possible([at], true));
    const missing = undeclared(policy, at, places);
    if (missing !== undefined) return notDeclared(policy, missing, spans?.[at]);
    return ever ? notRegistered(policy, at, spans?.[at], places) : impossible(policy, spans?.[at]);
  }
  for (const first of conjuncts.keys()) {
    for (let second = first + 1; second < conjuncts.length; second += 1) {
      if (yield* possible([first, second], false)) continue;
      return excluding(policy, spans?.[first], spans?.[second]);
    }
  }
  return {
    kind: 'contradictory',
    severity: 'warning',
    message: `The conditions of ${policy.source.id} can never all hold.`,
    help: 'Take one of them out, or split the policy in two.',
    ...at(spans?.[0]),
  };
}

function at(span: Span | undefined): { offset: number } | Record<never, never> {
  return span === undefined ? {} : { offset: span.start };
}

type Missing = { name: string; known: readonly string[] };

/** An argument that the condition looks at and that no tool in reach declares, nor takes undeclared. */
function undeclared(policy: Ready, which: number, places: readonly Place[]): Missing | undefined {
  const chains = chainsIn(policy.loaded.conjuncts?.[which]?.expression ?? {});
  const names = chains.flatMap(({ root, names: [first, name] }) =>
    root === 'context' && first === 'args' ? [name] : [],
  );
  const known = [...new Set(places.flatMap(({ cell }) => [...cell.args.fields.keys()]))];
  if (places.some(({ cell }) => cell.args.open)) return undefined;
  const name = names.find((one) => one !== undefined && !known.includes(one));
  return name === undefined ? undefined : { name, known };
}

function notDeclared({ source }: Ready, { name, known }: Missing, span: Span | undefined): Found {
  const meant = nearest(name, known);
  const said = span === undefined ? 'A condition' : `\`${span.text}\``;
  const there = known.length === 0 ? 'It takes no arguments.' : `There is ${listed(known)}.`;
  return {
    kind: 'unreachable',
    severity: 'warning',
    message: `${said} of ${source.id} can never be true: what its head matches takes no argument ${name}.`,
    help: meant === undefined ? there : `Did you mean ${meant}?`,
    ...at(span),
  };
}

function impossible({ source }: Ready, span: Span | undefined): Found {
  const said = span === undefined ? 'A condition' : `\`${span.text}\``;
  return {
    kind: 'contradictory',
    severity: 'warning',
    message: `${said} of ${source.id} can never be true, whatever is sent.`,
    help: `As it stands, ${source.id} does nothing: correct the condition, or delete the policy.`,
    ...at(span),
  };
}

function excluding({ source }: Ready, first: Span | undefined, second: Span | undefined): Found {
  const both =
    first === undefined || second === undefined ? 'Two conditions' : `\`${first.text}\` and \`${second.text}\``;
  return {
    kind: 'contradictory',
    severity: 'warning',
    message: `${both} of ${source.id} exclude each other, so it does nothing.`,
    help: 'If either is enough, join them with ||; else correct one of the two.',
    ...at(second),
  };
}

/** It could hold, but for nothing that is there: a job that no agent has, a value that the schema does not list. */
function notRegistered(policy: Ready, which: number, span: Span | undefined, places: readonly Place[]): Found {
  const expression = policy.loaded.conjuncts?.[which]?.expression ?? {};
  const wanted = atomsOf(expression)
    .flatMap(literalsIn)
    .flatMap((literal) => (literal.kind === 'value' ? [literal.json] : []));
  const slots = places.flatMap(({ cell, schema }) => slotsOf([expression], cell.action, cell.args, schema).slots);
  const said = span === undefined ? 'A condition' : `\`${span.text}\``;
  const reason = reasonIn(slots, places);
  const [text] = wanted.filter((value) => typeof value === 'string');
  const meant = typeof text === 'string' ? nearest(text, reason.known) : undefined;
  const choices = reason.known.length === 0 ? '' : ` There is ${listed(reason.known)}.`;
  return {
    kind: 'unreachable',
    severity: 'warning',
    message: `${said} of ${policy.source.id} can never be true: ${reason.text}.`,
    help: meant === undefined ? `Correct the value, or delete the policy.${choices}` : `Did you mean "${meant}"?`,
    ...at(span),
  };
}

function reasonIn(slots: readonly Slot[], places: readonly Place[]): { text: string; known: readonly string[] } {
  const texts = (values: readonly JsonValue[]) => [...new Set(values.filter((value) => typeof value === 'string'))];
  if (slots.some(({ key }) => key === 'run.job')) {
    const known = [...new Set(places.flatMap(({ cell }) => cell.agent.jobs))];
    return { text: 'no agent that its head matches has that job', known };
  }
  if (slots.some(({ key }) => key === 'run.purpose')) {
    const known = [...new Set(places.flatMap(({ cell }) => cell.agent.purposes ?? []))];
    return { text: 'no agent that its head matches has that purpose', known };
  }
  const enumerated = slots.find(({ listed: values }) => values.length > 0);
  if (enumerated !== undefined) {
    const known = texts(slots.filter(({ key }) => key === enumerated.key).flatMap(({ listed: values }) => values));
    return { text: `the tool does not list such a value for ${slotName(enumerated.key)}`, known };
  }
  return { text: 'nothing that is registered is as it asks', known: [] };
}
