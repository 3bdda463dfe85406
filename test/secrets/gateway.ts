/**
 * The gateway of the sweep, a process of its own, whose output, files and crash reports are searched:
 *   node test/secrets/gateway.ts CONFIG PAGES
 * Every few exchanges a stage fails, each in its turn, with an error that carries what it was given, as errors of libraries do.
 * `report` on its input writes a crash report; anything else ends it.
 */
import { createInterface } from 'node:readline';
import { loadConfig } from '../../src/config/index.ts';
import type { Cell, Table } from '../../src/enforcement/index.ts';
import { startGateway } from '../../src/main.ts';

const EVERY = 7;
const [file = '', pages_folder] = process.argv.slice(2);
const loaded = loadConfig(file);
if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));

let exchanges = 0;
let failing = -1;

function broken(table: Table): Table {
  const stages = table.filter((row) => typeof row.cells.mcp === 'function').map(({ stage }) => stage);
  return table.map((row) => ({ ...row, cells: { ...row.cells, mcp: breaking(row.stage, row.cells.mcp, stages) } }));
}

function breaking(stage: string, cell: Cell, stages: readonly string[]): Cell {
  if (typeof cell !== 'function') return cell;
  return (pass) => {
    if (stage === stages[0]) {
      exchanges += 1;
      failing = exchanges % EVERY === 0 ? Math.floor(exchanges / EVERY) % stages.length : -1;
    }
    if (stages[failing] !== stage) return cell(pass);
    failing = -1;
    const { presented } = pass.attempt;
    throw Object.assign(new TypeError(`forced at ${stage}`, { cause: presented }), { request: presented });
  };
}

const running = await startGateway({
  config: loaded.config,
  table: broken,
  pages_folder: pages_folder || undefined,
  // As `sallyport up` says it.
  report: (problem, error) => console.error(`${problem}: ${error instanceof Error ? error.message : String(error)}`),
});
console.log(
  JSON.stringify({
    ready: true,
    agents_url: running.agents_url,
    console_url: running.console_url,
    socket: running.socket_path,
  }),
);

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'report') console.log(JSON.stringify({ report: process.report.writeReport() }));
  else if (line.startsWith('say ')) console.error(line.slice(4));
  else break;
}
await running.stop();
process.exit(0);
