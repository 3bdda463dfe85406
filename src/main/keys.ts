import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../core/clock.ts';
import { Secret } from '../core/secret.ts';

const KEY_BYTES = 32;

/**
 * Seals what is handed to agents and must come back unchanged: a file of mode 0600 under the data folder, made at the
 * first start; the same on every replica of a fleet.
 */
export function openStateKey(folder: string, random: Random): Secret<Uint8Array> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'agent-state.key');
  if (!existsSync(path)) keep(path, Buffer.from(random(KEY_BYTES)).toString('base64url'));
  const bytes = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64url');
  if (bytes.length !== KEY_BYTES) throw new Error(`${path} is not ${KEY_BYTES} bytes in base64url`);
  return new Secret(new Uint8Array(bytes));
}

/** Durable before it is used, and never over one that is there. */
function keep(path: string, text: string): void {
  const file = openSync(path, 'wx', 0o600);
  writeSync(file, text);
  fsyncSync(file);
  closeSync(file);
}
