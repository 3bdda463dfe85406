import { z } from 'zod';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import { problem, ROUTES, type Route } from '../contract/index.ts';

/** The table as OpenAPI 3.1, whose schemas are JSON Schema 2020-12: the same that zod writes. */
export function openApiDocument(version: string): JsonObject {
  const schemas: JsonObject = {};
  const paths: Record<string, JsonObject> = {};
  for (const [operation, route] of Object.entries<Route>(ROUTES)) {
    const path = route.path.replaceAll(/:([a-z_]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describe(operation, route, schemas) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Sallyport control plane',
      version,
      description:
        'For people. Sign in for a cookie, or use the control socket. Requests that change something, or read payloads, carry the header Sallyport-Client.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      schemas: { ...schemas, Problem: schema(problem, schemas, 'output') },
      securitySchemes: { session: { type: 'apiKey', in: 'cookie', name: '__Host-sallyport' } },
    },
  };
}

function describe(operation: string, route: Route, schemas: JsonObject): JsonObject {
  const media = { json: 'application/json', text: 'text/plain', events: 'text/event-stream' }[route.answers];
  const described: JsonObject = {
    operationId: operation,
    summary: route.summary,
    security: route.roles === 'anyone' ? [] : [{ session: [] }],
    'x-roles': route.roles === 'anyone' ? [] : [...route.roles],
    'x-presence': route.presence,
    'x-reads-payload': route.payload,
    parameters: [...parameters('path', route.params, schemas), ...parameters('query', route.query, schemas)],
    responses: {
      200: { description: 'Done.', content: { [media]: { schema: schema(route.response, schemas, 'output') } } },
      default: {
        description: 'Refused.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
  if (Object.keys(route.body.shape).length > 0) {
    described['requestBody'] = {
      required: true,
      content: { 'application/json': { schema: schema(route.body, schemas, 'input') } },
    };
  }
  return described;
}

function parameters(place: 'path' | 'query', object: z.ZodObject, schemas: JsonObject): JsonObject[] {
  const { properties, required } = schema(object, schemas, 'input') as { properties?: JsonObject; required?: string[] };
  return Object.entries(properties ?? {}).map(([name, value]) => ({
    name,
    in: place,
    required: place === 'path' || (required ?? []).includes(name),
    schema: value,
  }));
}

/** Named parts (`meta({ id })`) move to the components, once. */
function schema(type: z.ZodType, schemas: JsonObject, io: 'input' | 'output'): JsonObject {
  const { $schema: _, $defs, ...own } = z.toJSONSchema(type, { io, target: 'draft-2020-12' }) as JsonObject;
  for (const [name, part] of Object.entries(($defs ?? {}) as JsonObject)) schemas[name] ??= moved(part) as JsonObject;
  return moved(own) as JsonObject;
}

function moved(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(moved);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, part]) => {
      if (key === '$ref' && typeof part === 'string') return [[key, part.replace('#/$defs/', '#/components/schemas/')]];
      return [[key, moved(part)]];
    }),
  );
}
