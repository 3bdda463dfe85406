/** A gateway as `sallyport up` starts it, with a line to its parent: what it used, and when to stop.   gateway.ts CONFIG */
import { loadConfig } from '../../src/config/index.ts';
import { startGateway } from '../../src/main.ts';

const loaded = loadConfig(process.argv[2] ?? 'sallyport.yaml');
if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));
const running = await startGateway({
  config: loaded.config,
  report: (problem, error) => process.stderr.write(`${problem}: ${error}\n`),
});
process.send?.({ url: running.agents_url, socket: running.socket_path });

process.on('message', async (question) => {
  if (question === 'usage') {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpu_us: user + system, rss: process.memoryUsage.rss() });
  }
  if (question === 'stop') {
    await running.stop();
    process.exit(0);
  }
});
process.on('disconnect', () => process.exit(0));
