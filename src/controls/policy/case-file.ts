import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import type { PolicyFile, PolicyProblem } from './types.ts';

/**
 * Cases that people read: who asks for what, and what must come of it. They stand beside the policies as
 * `<name>.test.yaml` and run without a gateway.
 */
const json: z.ZodType<JsonValue> = z.lazy(() =>
  z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(json), z.record(z.string(), json)]),
);
const record = z.record(z.string(), json) as z.ZodType<JsonObject>;
const agent = z.strictObject({
  owner: z.string().default('someone'),
  version: z.string().default('1'),
  jobs: z.array(z.string()).default([]),
});
const names = z.array(z.string());

const policyCase = z
  .strictObject({
    it: z.string().min(1),
    as: z.string().optional(),
    /** The server that asks, for requests of an upstream to the agent `as`. */
    server: z.string().optional(),
    job: z.string().optional(),
    purpose: z.string().optional(),
    /** The user in whose name, and every agent of the delegation, the first one first. */
    for: z.string().optional(),
    through: z.array(z.string()).default([]),
    credential: z.enum(['dpop', 'mtls', 'bearer']).default('dpop'),
    call: z.string().optional(),
    read: z.string().optional(),
    get: z.string().optional(),
    action: z.string().optional(),
    on: z.string().optional(),
    with: record.default({}),
    expect: z.enum(['permit', 'deny', 'hold']),
    code: z.string().optional(),
    because: names.optional(),
    hints: names.optional(),
    obligations: names.optional(),
    shadow: z.record(z.string(), z.boolean()).optional(),
    errors: names.optional(),
    /** Whether a list shows it. */
    listed: z.boolean().optional(),
  })
  .refine((one) => [one.call, one.read, one.get, one.action].filter((asked) => asked !== undefined).length === 1, {
    message: 'exactly one of call, read, get and action',
  });

const caseFile = z.strictObject({
  /** Cedar text; without it the folder's policies. */
  policies: z.string().optional(),
  agents: z.record(z.string(), agent).default({}),
  /** `server/tool` to its JSON Schema, or to `{name: type}` with `?` for what may be left out. */
  tools: z.record(z.string(), record).default({}),
  /** Arguments of a tool that are decided element by element, as `upstreams.<server>.tools.<tool>.each` says. */
  each: z.record(z.string(), names).default({}),
  prompts: z.record(z.string(), names).default({}),
  cases: z.array(policyCase).min(1),
});

export type PolicyCase = z.infer<typeof policyCase> & { line: number };
export type CaseFile = Omit<z.infer<typeof caseFile>, 'cases'> & { name: string; cases: readonly PolicyCase[] };

export function readCaseFile(file: PolicyFile): CaseFile | PolicyProblem[] {
  const lines = new LineCounter();
  const document = parseDocument(file.text, { lineCounter: lines, prettyErrors: false });
  const at = (path: readonly PropertyKey[]): number => lineOf(document, lines, path);
  const problem = (line: number, column: number, message: string): PolicyProblem => ({
    severity: 'error',
    file: file.name,
    line,
    column,
    policy: undefined,
    message,
    help: undefined,
  });
  if (document.errors.length > 0) {
    return document.errors.map((error) => {
      const { line, col } = lines.linePos(error.pos[0]);
      return problem(line, col, error.message);
    });
  }
  const parsed = caseFile.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (!parsed.success) {
    return parsed.error.issues.map((issue) => problem(at(issue.path), 1, `${issue.path.join('.')}: ${issue.message}`));
  }
  const cases = parsed.data.cases.map((one, index) => ({ ...one, line: at(['cases', index]) }));
  return { ...parsed.data, name: file.name, cases };
}

function lineOf(document: ReturnType<typeof parseDocument>, lines: LineCounter, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true) as { range?: [number, number, number] } | undefined;
    if (node?.range !== undefined) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
