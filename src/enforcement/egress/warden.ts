/**
 * A program of its own, started by `warden-link.ts`. It reads `+<process group>` and `-<process group>` lines, and when
 * its input ends it kills the groups that are left. Input ends when the gateway does, however it ends.
 */
import { stdin } from 'node:process';

const GROUP = /^([+-])([1-9]\d{0,9})$/;
const groups = new Set<number>();
let rest = '';

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

stdin.setEncoding('utf8');
stdin.on('data', (part: string) => {
  const lines = (rest + part).split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) read(line);
});
stdin.on('error', end);
stdin.on('close', end);
stdin.on('end', end);

function read(line: string): void {
  const [, sign, number] = GROUP.exec(line) ?? [];
  const group = Number(number);
  // Group 1 is init's, and `kill(-1)` reaches every process: never.
  if (sign === undefined || group <= 1) return;
  if (sign === '+') groups.add(group);
  else groups.delete(group);
}

function end(): void {
  for (const group of groups) {
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      // It is gone already.
    }
  }
  process.exit(0);
}
