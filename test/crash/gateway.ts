/**
 * A gateway that kills itself, as a power cut would, when the Nth exchange reaches a stage.
 *   node test/crash/gateway.ts CONFIG [STAGE N]
 */
import { loadConfig } from '../../src/config/index.ts';
import type { Cell, Table } from '../../src/enforcement/index.ts';
import { startGateway } from '../../src/main.ts';

const [config = '', stage, nth] = process.argv.slice(2);
let left = Number(nth);

function die(): void {
  left -= 1;
  if (left <= 0) process.kill(process.pid, 'SIGKILL');
}

function armed(cell: Cell): Cell {
  if (typeof cell !== 'function') return cell;
  return (pass) => {
    die();
    return cell(pass);
  };
}

const table = (given: Table): Table =>
  given.map((row) => (row.stage === stage ? { ...row, cells: { ...row.cells, mcp: armed(row.cells.mcp) } } : row));

const loaded = loadConfig(config);
if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));
const running = await startGateway({
  config: loaded.config,
  table,
  report: (problem, error) => process.stderr.write(`${problem}: ${error}\n`),
});
process.send?.({ url: running.agents_url });
process.on('message', async (question) => {
  if (question !== 'stop') return;
  await running.stop();
  process.exit(0);
});
process.on('disconnect', () => process.exit(0));
