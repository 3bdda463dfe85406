import { describeNode, jsonSchema, type SchemaNode } from './fields.ts';

/** JSON Schema of `sallyport.yaml`, as text, for editors: `# yaml-language-server: $schema=…`. */
export function configJsonSchema(): string {
  return `${JSON.stringify(jsonSchema(), null, 2)}\n`;
}

/** docs/reference/config.md: every key with its form, its default and its meaning. */
export function configManual(): string {
  const lines = [
    '# sallyport.yaml',
    '',
    'Generated from the schema by `npm run docs`. Unknown keys are refused. Relative paths start at the folder of the file.',
    'A change is taken up while the gateway runs, without dropping a call; a file with a fault changes nothing. What is marked',
    '*at start* needs a restart. Check a file with `sallyport config check`.',
    '',
  ];
  const root = jsonSchema();
  for (const [name, node] of Object.entries(root.properties ?? {})) lines.push(...sectionOf(name, node));
  return `${lines.join('\n').trimEnd()}\n`;
}

const AT_START = /^(?:data|storage|listen)(?:\.|$)|^audit\.(?:origin|folder|high_water)$/;

function sectionOf(name: string, node: SchemaNode): string[] {
  const rows = rowsOf(name, node);
  const table = ['| Key | Form | Default | Meaning |', '|---|---|---|---|', ...rows];
  const intro = node.description === undefined ? [] : [node.description, ''];
  return [`## ${name}`, '', ...intro, ...table, ''];
}

function rowsOf(path: string, node: SchemaNode): string[] {
  if (node.properties !== undefined) {
    const required = new Set(node.required ?? []);
    return Object.entries(node.properties).flatMap(([key, child]) =>
      keyRows(`${path}.${key}`, child, required.has(key)),
    );
  }
  if (typeof node.additionalProperties === 'object') return rowsOf(`${path}.<name>`, node.additionalProperties);
  if (node.items?.properties !== undefined) return rowsOf(`${path}[]`, node.items);
  return [row(path, node, false)];
}

function keyRows(path: string, node: SchemaNode, required: boolean): string[] {
  const nested = [node, node.additionalProperties, node.items].some(
    (child) => typeof child === 'object' && child.properties !== undefined,
  );
  return nested ? [row(path, node, required), ...rowsOf(path, node)] : [row(path, node, required)];
}

function row(path: string, node: SchemaNode, required: boolean): string {
  const usual = required ? '*required*' : node.default === undefined ? '' : code(JSON.stringify(node.default));
  const restart = AT_START.test(path) ? ' *At start.*' : '';
  return `| ${code(path)} | ${cell(describeNode(node))} | ${usual} | ${cell(node.description ?? '')}${restart} |`;
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/<([^>]*)>/g, '&lt;$1&gt;');
}
