/** `npm run bench -- <name> [--json] [--quick]`: the command behind every figure of the README. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Report } from './support/report.ts';

type Options = { quick: boolean; progress(text: string): void; runs: string | undefined; tools: string | undefined };
type Bench = { run(options: Options): Promise<Report> };

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    // What `suggest` measures itself on instead of its own worlds.
    runs: { type: 'string' },
    tools: { type: 'string' },
  },
});
const [name = ''] = positionals;
const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
if (!/^[a-z]+$/.test(name) || name === 'run' || !existsSync(file)) {
  process.stderr.write(
    'npm run bench -- mcp | policy | audit | identity | reload | revocation | suggest | why | simulate [--json] [--quick]\n',
  );
  process.exit(2);
}
const { run } = (await import(file)) as Bench;
const report = await run({
  quick: values.quick,
  runs: values.runs,
  tools: values.tools,
  progress: (text) => process.stderr.write(`${text}\n`),
});
process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : table(report));
process.exitCode = report.bars.every(({ holds }) => holds) ? 0 : 1;

function table({ name, machine, results, bars }: Report): string {
  const lines = [`${name}: ${machine}`, ''];
  for (const [subject, figures] of Object.entries(results)) {
    lines.push(`  ${subject}`);
    for (const [figure, value] of Object.entries(figures)) lines.push(`    ${figure.padEnd(24)} ${value}`);
  }
  lines.push('');
  for (const bar of bars) {
    const bound = 'at_least' in bar ? `at least ${bar.at_least}` : `at most ${bar.at_most}`;
    lines.push(`  ${bar.holds ? 'holds ' : 'FAILS '} ${bar.what}: ${bar.value} (${bound})`);
  }
  return `${lines.join('\n')}\n`;
}
