import type { Completion, CompletionContext, CompletionResult, CompletionSource } from '@codemirror/autocomplete';
import { snippetCompletion } from '@codemirror/autocomplete';
import type { Output } from '../../api/contract/index.ts';

type Schema = Output<'policy.schema'>;

const WORDS: readonly Completion[] = [
  'when',
  'unless',
  'in',
  'has',
  'like',
  'is',
  'if',
  'then',
  'else',
  'true',
  'false',
].map((label) => ({ label, type: 'keyword' }));
const VARIABLES: readonly Completion[] = ['principal', 'action', 'resource', 'context'].map((label) => ({
  label,
  type: 'variable',
}));
const POLICIES: readonly Completion[] = [
  snippetCompletion(
    '@id("#{name}")\n@reason("#{why}")\n@public("#{what agents are told}")\npermit (principal == Agent::"#{agent}", action == Action::"tool.call", resource == Tool::"#{server/tool}")\nwhen { #{true} };',
    { label: 'permit', detail: 'a whole policy', type: 'keyword' },
  ),
  snippetCompletion(
    '@id("#{name}")\n@reason("#{why}")\nforbid (principal, action == Action::"tool.call", resource == Tool::"#{server/tool}")\nwhen { #{true} };',
    { label: 'forbid', detail: 'a whole policy', type: 'keyword' },
  ),
];

/** What can stand here, as far as the gateway knows it: its actions, who and what is registered, and what calls hold. */
export function completeFrom(schema: Schema): CompletionSource {
  return (context) => {
    const line = context.state.sliceDoc(context.state.doc.lineAt(context.pos).from, context.pos);
    return (
      annotation(context, schema) ??
      entity(context, schema) ??
      value(context, schema) ??
      member(context, schema) ??
      word(context, schema, line)
    );
  };
}

function annotation(context: CompletionContext, { annotations }: Schema): CompletionResult | null {
  const match = context.matchBefore(/@\w*/);
  if (match === null) return null;
  const options = annotations.map(({ name, on, about }) =>
    snippetCompletion(`@${name}("\${}")`, { label: `@${name}`, detail: on === 'both' ? '' : on, info: about }),
  );
  return { from: match.from, options };
}

function entity(context: CompletionContext, schema: Schema): CompletionResult | null {
  const match = context.matchBefore(/\w+::"[^"\n]*/);
  if (match === null) return null;
  const [type = ''] = match.text.split('::');
  const names: Record<string, readonly string[]> = {
    Agent: schema.agents.map(({ id }) => id),
    Action: schema.actions.map(({ name }) => name),
    Server: schema.servers,
    Tool: schema.tools.map(({ id }) => id),
    Prompt: schema.prompts.map(({ id }) => id),
    Resource: schema.resources,
  };
  const known = names[type];
  if (known === undefined) return null;
  return {
    from: match.from + type.length + 3,
    options: known.map((label) => ({ label, type: 'text' })),
    validFor: /^[^"\n]*$/,
  };
}

/** Of an argument that the schema lists values of. */
function value(context: CompletionContext, schema: Schema): CompletionResult | null {
  const match = context.matchBefore(/context\.args\.[\w.]+\s*==\s*"[^"\n]*/);
  const path = match === null ? undefined : /context\.args\.([\w.]+)/.exec(match.text)?.[1];
  if (match === null || path === undefined) return null;
  const values = hints(context, schema)
    .filter((hint) => hint.path === path)
    .flatMap((hint) => hint.values);
  const options = [...new Set(values.filter((each) => typeof each === 'string'))].map((label) => ({
    label,
    type: 'text',
  }));
  return options.length === 0 ? null : { from: match.from + match.text.lastIndexOf('"') + 1, options };
}

/** Behind a dot: the next word of each path that begins so. */
function member(context: CompletionContext, schema: Schema): CompletionResult | null {
  const match = context.matchBefore(/\b(?:principal|resource|context)(?:\.\w+)*\.\w*/);
  if (match === null) return null;
  const path = match.text.split('.');
  const [root = '', ...before] = path.slice(0, -1);
  const known = root === 'context' ? contextPaths(context, schema) : entityPaths(schema);
  const options = new Map<string, Completion>();
  for (const { name, type, optional, about } of known) {
    const words = name.split('.');
    const next = words[before.length];
    if (next === undefined || before.some((each, at) => each !== words[at])) continue;
    const last = words.length === before.length + 1;
    const detail = last ? `${type}${optional ? ', may be absent' : ''}` : '';
    if (last || !options.has(next)) options.set(next, { label: next, detail, info: about, type: 'property' });
  }
  return { from: context.pos - (path.at(-1) ?? '').length, options: [...options.values()], validFor: /^\w*$/ };
}

type Path = { name: string; type: string; optional: boolean; about: string };

function contextPaths(context: CompletionContext, schema: Schema): Path[] {
  const args = hints(context, schema).map(({ path, type, optional, values }) => ({
    name: `args.${path}`,
    type,
    optional,
    about: values.length === 0 ? '' : `One of ${values.map(String).join(', ')}`,
  }));
  return [...schema.context, ...args];
}

function entityPaths({ entities }: Schema): Path[] {
  return Object.values(entities).flat();
}

/** Arguments of the tools that this policy names; of all of them where it names none. */
function hints(context: CompletionContext, { tools, prompts }: Schema): Schema['tools'][number]['arguments'] {
  const text = context.state.doc.toString();
  const from = text.lastIndexOf(';', context.pos - 1) + 1;
  const end = text.indexOf(';', context.pos);
  const policy = text.slice(from, end < 0 ? text.length : end);
  const all = [...tools, ...prompts];
  const named = all.filter(({ id }) => policy.includes(`"${id}"`));
  return (named.length > 0 ? named : all).flatMap((each) => each.arguments);
}

function word(context: CompletionContext, schema: Schema, line: string): CompletionResult | null {
  const match = context.matchBefore(/\w+/);
  if (match === null && !context.explicit) return null;
  const types = [...new Set(['Action', 'Agent', 'Server', 'Tool', ...Object.keys(schema.entities)])];
  const entities = types.map((type) =>
    snippetCompletion(`${type}::"\${}"`, { label: type, detail: '::"…"', type: 'type' }),
  );
  const begins = /^\s*\w*$/.test(line) ? POLICIES : [];
  return {
    from: match?.from ?? context.pos,
    options: [...begins, ...WORDS, ...VARIABLES, ...entities],
    validFor: /^\w*$/,
  };
}
