import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Offer } from '../attacks/rug-pulls.ts';
import { linesOf } from './world.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/mcp/changing.ts', import.meta.url));

/** A server that offers what the test says at the moment. */
export type Changing = {
  /** The entry of `upstreams:` that reaches it, as YAML. */
  entry: string;
  offer: Offer;
  /** Makes `offer` what it offers, as one change. */
  publish(): void;
  called(): string[];
  close(): void;
};

export async function startChanging(transport: 'http' | 'stdio', offer: Offer): Promise<Changing> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-changing-'));
  const [path, called] = [join(folder, 'offer.json'), join(folder, 'called.txt')];
  const args = [PROGRAM, transport, '--offer', path, '--called', called];
  const publish = (): void => {
    writeFileSync(`${path}.new`, JSON.stringify(offer));
    renameSync(`${path}.new`, path);
  };
  publish();
  let child: ChildProcess | undefined;
  let entry = `{ command: ${JSON.stringify([process.execPath, ...args])} }`;
  if (transport === 'http') {
    const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    child = started;
    const [line] = (await once(createInterface({ input: started.stdout }), 'line')) as [string];
    entry = `{ url: "${line.trim()}" }`;
  }
  return {
    entry,
    offer,
    publish,
    called: () => linesOf(called),
    close() {
      child?.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
