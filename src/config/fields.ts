import { z } from 'zod';
import { configSchema } from './schema.ts';

/** As much of JSON Schema as `configSchema` makes. */
export type SchemaNode = {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: readonly unknown[];
  minimum?: number;
  maximum?: number;
  pattern?: string;
  properties?: Record<string, SchemaNode>;
  additionalProperties?: SchemaNode | boolean;
  propertyNames?: SchemaNode;
  items?: SchemaNode;
  required?: readonly string[];
};

/** JSON Schema (2020-12) of what may be written in `sallyport.yaml`, for editors. */
export function jsonSchema(): SchemaNode {
  const schema = z.toJSONSchema(configSchema({ folder: '/', environment: {} }), {
    io: 'input',
    unrepresentable: 'any',
  });
  return { $id: 'https://sallyport.dev/schema/sallyport.json', title: 'sallyport.yaml', ...schema } as SchemaNode;
}

/** The node that describes the value at `path`; undefined where nothing may stand. */
export function nodeAt(root: SchemaNode, path: readonly PropertyKey[]): SchemaNode | undefined {
  let node: SchemaNode | undefined = root;
  for (const key of path) {
    if (node === undefined) return undefined;
    const further: SchemaNode | undefined =
      typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
    node = typeof key === 'number' ? node.items : (own(node.properties, String(key)) ?? further);
  }
  return node;
}

function own(properties: Record<string, SchemaNode> | undefined, key: string): SchemaNode | undefined {
  return properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : undefined;
}

/** What may stand at a place, in words: `a whole number from 30 to 600`. */
export function describeNode(node: SchemaNode): string {
  if (node.enum !== undefined) return node.enum.join(' or ');
  if (node.type === 'integer' || node.type === 'number') return `a whole number${rangeOf(node)}`;
  if (node.type === 'string') return 'text';
  if (node.type === 'boolean') return 'true or false';
  if (node.type === 'array')
    return `a list${node.items === undefined ? '' : ` of ${plural(describeNode(node.items))}`}`;
  if (node.type === 'object') return 'a map';
  return 'a value';
}

function plural(words: string): string {
  return words === 'text' ? 'texts' : words === 'a map' ? 'maps' : words;
}

function rangeOf({ minimum, maximum }: SchemaNode): string {
  if (minimum === undefined || maximum === undefined) return '';
  return ` from ${minimum} to ${maximum}`;
}
