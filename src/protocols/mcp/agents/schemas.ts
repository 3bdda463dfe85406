import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { Ajv, type Options, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { JsonObject } from '../../../core/json.ts';

/** Schemas kept compiled. A tool's stays while its catalog does; this bounds what changing catalogs leave behind. */
const SCHEMAS_MAX = 1024;
const SCHEMA_BYTES_MAX = 262_144;
const PROBLEMS_SHOWN = 3;

/** Whether arguments fit a tool's `inputSchema`: JSON Schema 2020-12, compiled once for each schema. */
export type Schemas = {
  /** @returns what is wrong, in one line, or undefined. A schema that cannot be compiled fits nothing. */
  problem(schema: JsonObject, args: JsonObject): string | undefined;
};

type Check = (args: JsonObject) => string | undefined;

/**
 * Schemas come from upstreams, so they are data from a stranger: nothing is fetched, nothing is filled in or coerced (what
 * was decided is what is sent), and unknown words and formats pass, since they are claims and not our rules.
 */
export function openSchemas(): Schemas {
  setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');
  const byObject = new WeakMap<JsonObject, Check>();
  const byDigest = new Map<string, Check>();

  function checkOf(schema: JsonObject): Check {
    const text = JSON.stringify(schema);
    const digest = createHash('sha256').update(text).digest('base64');
    const known = byDigest.get(digest);
    if (known) return known;
    const check = compile(schema, text.length);
    if (byDigest.size >= SCHEMAS_MAX) byDigest.delete(byDigest.keys().next().value as string);
    byDigest.set(digest, check);
    return check;
  }

  return {
    problem(schema, args) {
      let check = byObject.get(schema);
      if (check === undefined) {
        check = checkOf(schema);
        byObject.set(schema, check);
      }
      return check(args);
    },
  };
}

function compile(schema: JsonObject, bytes: number): Check {
  if (bytes > SCHEMA_BYTES_MAX) return () => `its schema is larger than ${SCHEMA_BYTES_MAX} bytes`;
  const { $schema: dialect, $id: _, ...rest } = schema;
  let validate: ValidateFunction;
  try {
    // An instance of its own, so that one server's `$id` cannot answer another's `$ref`.
    const ajv = isDraft7(dialect) ? new Ajv(OPTIONS) : new Ajv2020(OPTIONS);
    validate = ajv.compile(rest);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return () => `its schema cannot be used: ${reason.slice(0, 200)}`;
  }
  return (args) => (validate(args) ? undefined : describe(validate));
}

/** What the linear engine cannot run: look-around, references to groups, and the classes of the `u` flag. */
const BEYOND_LINEAR = /\(\?[=!]|\(\?<[=!]|\\[1-9kpPu]/;
const EVERY_TEXT = { test: () => true };

/**
 * A pattern is the server's and the text is the agent's: together they can make V8 backtrack for hours. So patterns run
 * without the `u` flag, where V8 goes over to its linear engine (`openSchemas` sets the flag), and what that cannot run is
 * left to the server, like formats: policy reads types, not patterns.
 */
const linearPatterns = Object.assign(
  (pattern: string) => (BEYOND_LINEAR.test(pattern) ? EVERY_TEXT : new RegExp(pattern)),
  { code: 'new RegExp' },
);

const OPTIONS: Options = {
  strict: false,
  validateFormats: false,
  logger: false,
  addUsedSchema: false,
  code: { regExp: linearPatterns },
};

/** What most servers of 2025 write; the specification's own default is 2020-12. */
function isDraft7(dialect: unknown): boolean {
  return typeof dialect === 'string' && /^https?:\/\/json-schema\.org\/draft-0[467]\/schema/.test(dialect);
}

function describe(validate: ValidateFunction): string {
  const errors = (validate.errors ?? []).slice(0, PROBLEMS_SHOWN);
  return errors.map(({ instancePath, message }) => `${instancePath || 'arguments'} ${message}`).join('; ');
}
