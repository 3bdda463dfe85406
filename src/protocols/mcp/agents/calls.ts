import { andThen } from '../../../core/and-then.ts';
import type { Access } from '../../../core/decision.ts';
import { ACCESSES_MAX, eachElement } from '../../../core/each-element.ts';
import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { Offered, ToolDefinition } from '../../../core/manifest.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { ForwardIo } from '../../../enforcement/index.ts';
import { type Asking, type Carried, type Operation, objectOf, type Plan, type ToolSettings } from './asking.ts';
import { type Outgoing, prepare, type Sent, send } from './forwarding.ts';
import { checkMirroredFields, mirroredFields } from './headers.ts';
import { asksForInput, passQuestions, readInput } from './input-required.ts';
import { understand } from './meanings.ts';
import { notFound } from './names.ts';
import { asPrivate, translate } from './results.ts';
import { normaliseUri } from './uris.ts';
import { badParams } from './wire.ts';

const NOTHING_STATED: ToolSettings = { arguments: {}, each: [], effect: 'write' };

/** `tools/call`: decided on its arguments, as they are sent. What is wrong with them is told only to who may call it. */
export const callTool: Operation = (asking) => {
  const { name, arguments: given = {} } = asking.params;
  if (typeof name !== 'string') return badParams('name is no text');
  if (!isJsonObject(given)) return badParams('arguments is no object');
  const target = asking.naming.splitTool(name);
  if (target === undefined) return notFound('no server of this name');
  return andThen(asking.parts.catalogs.of(target.server), (catalog) => {
    if (isRefusal(catalog)) return catalog;
    const tool = asking.parts.catalogs.tool(catalog, target.name);
    if (tool === undefined) return notFound(`no tool of this name at ${target.server}`);
    return callOf(asking, asking.parts.catalogs.offered(catalog, 'tool', target.name), tool, given);
  });
};

function callOf(
  asking: Asking,
  offered: Offered,
  tool: ToolDefinition,
  given: JsonObject,
): Plan | Refusal | Promise<Plan | Refusal> {
  const { server, name } = tool;
  const stated = statedOf(asking, tool);
  const { args, defect } = examine(asking, tool, given, stated.arguments);
  const headers = mirroredFields(asking.fields, tool.inputSchema, args);
  const resource = { type: 'Tool', id: `${server}/${name}` };
  const elements = elementsOf(args, stated.each);
  return forwarded(asking, {
    offered,
    effect: stated.effect,
    accesses: elements.args.map((one) => ({ action: 'tool.call', resource, args: one })),
    defect: defect ?? elements.defect,
    each: stated.each,
    outgoing: { server, method: asking.method, params: { name, arguments: args }, headers },
  });
}

function examine(
  asking: Asking,
  tool: ToolDefinition,
  given: JsonObject,
  meanings: ToolSettings['arguments'],
): { args: JsonObject; defect: Refusal | undefined } {
  const { args, problem } = understand(given, meanings);
  if (problem !== undefined) return { args, defect: badArguments(problem, `An argument was refused: ${problem}.`) };
  const mirrored = asking.modern ? checkMirroredFields(asking.fields, tool.inputSchema, given) : undefined;
  if (mirrored !== undefined) return { args, defect: mirrored };
  const unfit = asking.parts.schemas.problem(tool.inputSchema, args);
  if (unfit === undefined) return { args, defect: undefined };
  return { args, defect: badArguments(unfit, `The arguments do not fit the schema of the tool: ${unfit}.`) };
}

/** The server chose the tool's name, which may be that of something every object has. */
function statedOf(asking: Asking, { server, name }: ToolDefinition): ToolSettings {
  const tools = asking.parts.settings().upstreams[server]?.tools ?? {};
  return (Object.hasOwn(tools, name) ? tools[name] : undefined) ?? NOTHING_STATED;
}

/** What is too long to be decided element by element is refused, and decided as it stands. */
function elementsOf(args: JsonObject, names: readonly string[]): { args: JsonObject[]; defect: Refusal | undefined } {
  const all = eachElement(args, names, ACCESSES_MAX);
  if (all !== undefined) return { args: all, defect: undefined };
  const problem = `${names.join(', ')}: more than ${ACCESSES_MAX} elements in one call`;
  return { args: [args], defect: badArguments(problem, `An argument was refused: ${problem}.`) };
}

function badArguments(reason: string, told: string): Refusal {
  return refuse('arguments_invalid', reason, { public: told });
}

/** `resources/read`: of an address in its one spelling, which is also what the server gets. */
export const readResource: Operation = (asking) => {
  const found = locate(asking, asking.params['uri']);
  if (isRefusal(found)) return found;
  const { server, uri } = found;
  return forwarded(asking, {
    effect: 'read',
    accesses: [{ action: 'resource.read', resource: { type: 'Resource', id: `${server}/${uri}` }, args: {} }],
    outgoing: { server, method: asking.method, params: { uri } },
    finish: (carried) => asPrivate(asking, carried),
  });
};

export function locate(asking: Asking, given: unknown): { server: string; uri: string } | Refusal {
  if (typeof given !== 'string') return badParams('uri is no text');
  const target = asking.naming.splitUri(given);
  if (target === undefined) return notFound('no server of this name');
  const normal = normaliseUri(target.uri);
  if (normal.kind === 'normal') return { server: target.server, uri: normal.text };
  return badArguments(`uri: ${normal.reason}`, `The address was refused: ${normal.reason}.`);
}

export const getPrompt: Operation = async (asking) => {
  const { name, arguments: given = {} } = asking.params;
  if (typeof name !== 'string') return badParams('name is no text');
  if (!isJsonObject(given) || !Object.values(given).every((value) => typeof value === 'string')) {
    return badParams('arguments is no map of texts');
  }
  const target = asking.naming.splitTool(name);
  if (target === undefined) return notFound('no server of this name');
  const catalog = await asking.parts.catalogs.of(target.server);
  if (isRefusal(catalog)) return catalog;
  if (!asking.parts.catalogs.prompt(catalog, target.name))
    return notFound(`no prompt of this name at ${target.server}`);
  const params = { name: target.name, ...(asking.params['arguments'] === undefined ? {} : { arguments: given }) };
  return forwarded(asking, {
    offered: asking.parts.catalogs.offered(catalog, 'prompt', target.name),
    effect: 'read',
    accesses: [
      { action: 'prompt.get', resource: { type: 'Prompt', id: `${target.server}/${target.name}` }, args: given },
    ],
    outgoing: { server: target.server, method: asking.method, params },
  });
};

/** Completion tells what values there are, so whoever asks must be permitted to complete at that server. */
export const complete: Operation = (asking) => {
  const ref = objectOf(asking.params['ref']);
  const { argument, context } = asking.params;
  const isResource = ref['type'] === 'ref/resource';
  const given = isResource ? ref['uri'] : ref['name'];
  if (typeof given !== 'string' || !isJsonObject(argument)) return badParams('ref or argument is missing');
  const target = isResource ? asking.naming.splitUri(given) : asking.naming.splitTool(given);
  if (target === undefined) return notFound('no server of this name');
  const own = 'uri' in target ? { type: 'ref/resource', uri: target.uri } : { type: 'ref/prompt', name: target.name };
  const params = { ref: own, argument, ...(isJsonObject(context) ? { context } : {}) };
  return forwarded(asking, {
    effect: 'read',
    accesses: [{ action: 'completion.complete', resource: { type: 'Server', id: target.server }, args: {} }],
    outgoing: { server: target.server, method: asking.method, params },
  });
};

type Forwarded = {
  /** What the request was understood by; the server alone where nothing is said. */
  offered?: Offered;
  effect: Plan['effect'];
  accesses: readonly Access[];
  defect?: Refusal | undefined;
  /** Arguments that were decided element by element; on record, so that the decision can be made again. */
  each?: readonly string[];
  outgoing: Outgoing;
  finish?(carried: Carried): Carried;
};

/** Requests on which a server may ask for input before it answers (2026-07-28). */
const MAY_ASK: readonly string[] = ['tools/call', 'resources/read', 'prompts/get'];

/** A request that goes to one server, whose answer goes back. */
export function forwarded(asking: Asking, request: Forwarded): Plan | Refusal | Promise<Plan | Refusal> {
  const { server, params } = request.outgoing;
  const read = MAY_ASK.includes(asking.method) ? readInput(asking, server) : NOTHING_BROUGHT;
  const brought = isRefusal(read) ? NOTHING_BROUGHT : read;
  const asked = { ...params, ...brought.params };
  const ready = andThen(offeredTo(asking, request), (offered) =>
    isRefusal(offered)
      ? offered
      : andThen(prepare(asking, { ...request.outgoing, params: asked }), (prepared) =>
          isRefusal(prepared) ? prepared : { offered, prepared },
        ),
  );
  return andThen(ready, (found) => {
    if (isRefusal(found)) return found;
    const { offered, prepared } = found;
    return {
      effect: request.effect,
      accesses: request.accesses,
      sent: prepared.bytes,
      upstream: server,
      offered,
      payload: { method: asking.method, server, ...asked, ...beside(request) },
      defect: request.defect ?? (isRefusal(read) ? read : undefined),
      continues: brought.continues,
      carryOut: (io) =>
        andThen(send(asking, prepared, io), (sent) => {
          if (isRefusal(sent)) return sent;
          return andThen(carriedOf(asking, io, sent), (carried) =>
            isRefusal(carried) || request.finish === undefined ? carried : request.finish(carried),
          );
        }),
    };
  });
}

function offeredTo(
  { parts: { catalogs } }: Asking,
  { offered, outgoing }: Forwarded,
): Offered | Refusal | Promise<Offered | Refusal> {
  if (offered !== undefined) return offered;
  return andThen(catalogs.of(outgoing.server), (catalog) => (isRefusal(catalog) ? catalog : catalogs.offered(catalog)));
}

/** What is not in the bytes, and is on record beside them: headers that go upstream, and how the arguments were decided. */
function beside({ outgoing: { headers = {} }, each = [] }: Forwarded): { headers?: JsonObject; each?: string[] } {
  return {
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...(each.length === 0 ? {} : { each: [...each] }),
  };
}

const NOTHING_BROUGHT = { params: {}, continues: undefined };

function carriedOf(
  asking: Asking,
  io: ForwardIo,
  { session, reply }: Sent,
): Carried | Refusal | Promise<Carried | Refusal> {
  if (reply.kind === 'result' && asksForInput(reply) && MAY_ASK.includes(asking.method)) {
    return passQuestions(asking, io, session.server, reply);
  }
  return translate(asking, session, reply);
}
