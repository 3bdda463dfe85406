import { findConfig, loadConfig } from '../../config/index.ts';
import { visibleJson } from '../../core/visible-text.ts';
import { type Command, DONE } from '../command.ts';
import { clientOf } from '../gateway.ts';
import { statusText } from './status.ts';

/** `sallyport` alone: what runs here, and the three commands that help most now. */
export const overviewOfHere: Command = {
  usage: '[command]',
  arity: [0, 0],
  about: 'Shows what runs here and what to type next.',
  examples: [['sallyport', 'what runs here']],
  async run({ terminal, json, options }) {
    const { file, found } = findConfig(options.text('config'), process.cwd());
    const loaded = found ? loadConfig(file) : undefined;
    const answer = loaded?.kind === 'loaded' ? await clientOf(loaded.config).call('status', {}) : undefined;
    const running = answer?.kind === 'ok' ? answer.value : undefined;
    if (json) {
      terminal.write(
        `${visibleJson({ config: found ? file : null, valid: loaded?.kind === 'loaded', running: running ?? null }, 2)}\n`,
      );
      return DONE;
    }
    const state =
      running === undefined ? notRunning(file, found, loaded?.kind === 'loaded') : statusText(running, terminal);
    const next = running === undefined ? NEXT_STOPPED : NEXT_RUNNING;
    terminal.write(`${state}\n${next.map(([line, does]) => `  ${line.padEnd(26)} ${does}`).join('\n')}\n`);
    return DONE;
  },
};

function notRunning(file: string, found: boolean, valid: boolean): string {
  if (!found) return 'Nothing runs here, and there is no sallyport.yaml yet.\n';
  return valid ? `No gateway runs on ${file}.\n` : `${file} has faults; see: sallyport config check\n`;
}

const NEXT_STOPPED = [
  ['sallyport up', 'start a gateway here, with a starter the first time'],
  ['sallyport demo', 'watch one being used, in a temporary folder'],
  ['sallyport --help', 'every command'],
] as const;
const NEXT_RUNNING = [
  ['sallyport tail', 'exchanges as they happen'],
  ['sallyport why <receipt>', 'the whole story of one'],
  ['sallyport --help', 'every command'],
] as const;
