import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { configuredPath } from './environment.ts';

export const CONFIG_FILE = 'sallyport.yaml';

/** The named file, else `SALLYPORT_CONFIG`, else the nearest sallyport.yaml from `folder` upwards, as git looks for .git. */
export function findConfig(named: string | undefined, folder: string): { file: string; found: boolean } {
  const told = named ?? configuredPath();
  if (told !== undefined) {
    const file = resolve(folder, told);
    return { file, found: existsSync(file) };
  }
  for (let at = resolve(folder); ; at = dirname(at)) {
    const file = join(at, CONFIG_FILE);
    if (existsSync(file)) return { file, found: true };
    if (dirname(at) === at) return { file: join(resolve(folder), CONFIG_FILE), found: false };
  }
}

/** Where the local command line reaches the gateway: in the data folder, which only its owner may enter. */
export function controlSocket({ data }: { data: string }): string {
  if (process.platform !== 'win32') return join(data, 'control.sock');
  return `\\\\.\\pipe\\sallyport-${createHash('sha256').update(data).digest('hex').slice(0, 32)}`;
}
