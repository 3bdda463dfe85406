import { readFileSync } from 'node:fs';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/core/json.ts';
import type { RunLine, ToolLine, World } from './suggest/world.ts';

/**
 * A file of runs and a file of tool definitions. Both come from elsewhere: events that are no tool calls, definitions by
 * server or in one list, and the other spellings of a tool's schema are read; what is nothing of this is told with its line.
 */
export function worldFromFiles(runsFile: string, toolsFile: string | undefined): World {
  const runs = readFileSync(runsFile, 'utf8')
    .split('\n')
    .map((line, at) => ({ line: line.trim(), at: at + 1 }))
    .filter(({ line }) => line !== '')
    .map(({ line, at }) => runLine(line, `${runsFile}:${at}`));
  const tools = toolsFile === undefined ? [] : toolsFrom(JSON.parse(readFileSync(toolsFile, 'utf8')) as JsonValue, '');
  return { runs, tools };
}

function runLine(line: string, place: string): RunLine {
  let read: JsonValue;
  try {
    read = JSON.parse(line) as JsonValue;
  } catch (error) {
    throw new Error(`${place}: not JSON: ${(error as Error).message}`);
  }
  if (!isJsonObject(read)) throw new Error(`${place}: a run is an object`);
  const { agent, job, run, label, events } = read;
  if (typeof agent !== 'string' || typeof job !== 'string') throw new Error(`${place}: agent and job are strings`);
  if (label !== 'benign' && label !== 'misuse') throw new Error(`${place}: label is benign or misuse`);
  if (!Array.isArray(events)) throw new Error(`${place}: events is a list`);
  const calls = events.filter(isJsonObject).flatMap((event, at) => callOf(event, at));
  const subject = [read['subject'], read['user'], read['on_behalf_of']].find((name) => typeof name === 'string');
  const kind = [read['kind'], read['misuse'], read['category']].find((name) => typeof name === 'string');
  return {
    agent,
    job,
    run: typeof run === 'string' || typeof run === 'number' ? String(run) : place,
    label,
    ...(typeof subject === 'string' ? { subject } : {}),
    ...(typeof kind === 'string' ? { kind } : {}),
    events: calls,
  };
}

function callOf(event: JsonObject, at: number): RunLine['events'] {
  if (event['type'] !== 'tool_call') return [];
  const tool = event['tool'] ?? event['name'];
  const args = event['args'] ?? event['arguments'] ?? {};
  if (typeof tool !== 'string' || !isJsonObject(args)) return [];
  return [{ type: 'tool_call', id: String(event['id'] ?? at), tool, args }];
}

/** `[tool]`, `{tools: [tool]}`, `{server: [tool]}`, `{servers: {server: {tools}}}`, `{name: schema}`. */
function toolsFrom(read: JsonValue, server: string): ToolLine[] {
  if (Array.isArray(read)) return read.filter(isJsonObject).flatMap((tool) => toolFrom(tool, server));
  if (!isJsonObject(read)) return [];
  if (Array.isArray(read['tools']))
    return toolsFrom(read['tools'], typeof read['server'] === 'string' ? read['server'] : server);
  if (isJsonObject(read['servers'])) return toolsFrom(read['servers'], server);
  return Object.entries(read).flatMap(([name, inner]): ToolLine[] => {
    if (Array.isArray(inner)) return toolsFrom(inner, name);
    if (!isJsonObject(inner)) return [];
    if (Array.isArray(inner['tools']) || isJsonObject(inner['tools'])) return toolsFrom(inner['tools'], name);
    return toolFrom({ name, ...inner }, server);
  });
}

function toolFrom(tool: JsonObject, server: string): ToolLine[] {
  const definition = isJsonObject(tool['function']) ? tool['function'] : tool;
  const name = definition['name'];
  if (typeof name !== 'string') return [];
  const schema = [definition['inputSchema'], definition['input_schema'], definition['parameters']].find(isJsonObject);
  const own = typeof tool['server'] === 'string' ? tool['server'] : server;
  const full = own === '' || name.startsWith(`${own}/`) ? name : `${own}/${name}`;
  const inputSchema = schema ?? (definition['type'] === 'object' ? definition : { type: 'object' });
  return [{ name: full, inputSchema }];
}
