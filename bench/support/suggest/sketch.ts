import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import type { Random } from './random.ts';
import { type Call, type Job, prose, type ToolLine } from './world.ts';

export type Draw = (r: Random, run: { id: string; subject: string }) => JsonValue | undefined;
export type Verb = {
  name: string;
  schema: JsonObject;
  /** How many times in an episode, and how likely at all. */
  times: [least: number, most: number];
  chance?: number;
  args: Record<string, Draw>;
  /** Ways to do harm with it: what is replaced. */
  harm?: Record<string, Record<string, Draw>>;
};
export type Sketch = { name: string; verbs(r: Random, at: number): Verb[]; foreign: Verb[] };

export const S: JsonObject = { type: 'string' };
export const object = (properties: JsonObject, required: string[]): JsonObject => ({
  type: 'object',
  properties,
  required,
});
export const always =
  (value: JsonValue): Draw =>
  () =>
    value;
export const oneOf =
  (values: readonly JsonValue[], exponent = 0): Draw =>
  (r) =>
    r.skewed(values, exponent);
export const text: Draw = (r) => prose(r);
export const maybe =
  (share: number, draw: Draw): Draw =>
  (r, run) =>
    r.chance(share) ? draw(r, run) : undefined;

export function jobOf({ name, verbs, foreign }: Sketch): Job {
  const lines = (list: readonly Verb[]): ToolLine[] =>
    list.map((verb) => ({ name: verb.name, inputSchema: verb.schema }));
  return {
    name,
    tools: [...lines(verbs(NOBODY, 0)), ...lines(foreign)],
    worker: (_agent, at, r) => {
      const own = verbs(r, at);
      const callOf = (
        { name: tool, args }: Verb,
        run: { id: string; subject: string },
        other: Record<string, Draw> = {},
      ): Call => {
        const drawn = Object.entries({ ...args, ...other }).map(([key, draw]) => [key, draw(r, run)] as const);
        return { tool, args: Object.fromEntries(drawn.filter(([, value]) => value !== undefined)) as JsonObject };
      };
      const harms = own.flatMap((verb) =>
        Object.entries(verb.harm ?? {}).map(([kind, other]) => ({ verb, kind, other })),
      );
      return {
        episode: (run) => {
          const calls = own.flatMap((verb) =>
            r.chance(verb.chance ?? 1) ? Array.from({ length: r.between(...verb.times) }, () => callOf(verb, run)) : [],
          );
          return calls.length > 0 ? calls : [callOf(own[0]!, run)];
        },
        misuse: (run) => {
          if (r.chance(0.2)) return { kind: 'foreign tool', ...callOf(r.pick(foreign), run) };
          const { verb, kind, other } = r.pick(harms);
          return { kind: `${verb.name}: ${kind}`, ...callOf(verb, run, other) };
        },
      };
    },
  };
}

/** Draws nothing that matters: only the tools' schemas are looked at. */
const NOBODY = {
  pick: (x: readonly unknown[]) => x[0],
  sample: (x: readonly unknown[]) => x,
  digits: () => '0',
  hex: () => '0',
  between: (x: number) => x,
  below: () => 0,
  chance: () => false,
} as unknown as Random;
