import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Output, PolicyCaseRun } from '../../api/contract/index.ts';
import { visibleJson, visibleLines, visibleText } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, UsageError } from '../command.ts';
import { gatewayOf, PRESENCE_OPTIONS, report, showPresence } from '../gateway.ts';
import { dateTime, fold, foreign, paint, table } from '../paint.ts';
import type { Terminal } from '../terminal.ts';

const REASON = { type: 'string', short: 'r', value: '<text>', about: 'Why; recorded. Required.' } as const;

function reasonOf({ options }: Call): string {
  const reason = options.text('reason');
  if (reason === undefined || reason.trim() === '') throw new UsageError('Give --reason <text>: it is recorded');
  return reason;
}

export const propose: Command = {
  usage: '<folder or file> [more files]',
  arity: [1, 1_000],
  about:
    'Proposes a policy set. A folder is a whole set; files are edits of the set that is active. It changes nothing by itself: somebody activates it. Where the folder is the source (policy.source), it prints the patch, or writes the folder with --write.',
  examples: [
    ['sallyport policy propose support.cedar --reason "support may close tickets"', 'one file, new or changed'],
    ['sallyport policy propose ./next --reason "the new year" --as ada', 'a whole folder, by ada'],
  ],
  options: {
    reason: REASON,
    remove: {
      type: 'string',
      multiple: true,
      value: '<file>',
      about: 'A file of the set to remove; may be given again.',
    },
    write: { type: 'boolean', about: 'Write the gateway’s folder, where that is the source.' },
    ...PRESENCE_OPTIONS,
  },
  async run(call) {
    const reason = reasonOf(call);
    const candidate = candidateOf(call.args, call.options.texts('remove'));
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const absent = call.options.text('as') === undefined ? undefined : await showPresence(call, client);
    if (absent !== undefined) return absent;
    const write_folder = call.options.flag('write');
    const answer = await client.call('policy.propose', { body: { ...candidate, reason, write_folder } });
    if (answer.kind === 'failure') return report(call, answer);
    if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
    else proposed(answer.value, call.terminal);
    return DONE;
  },
};

function candidateOf(paths: readonly string[], removed: readonly string[]) {
  const [first = ''] = paths;
  const isFolder = paths.length === 1 && statOf(first)?.isDirectory() === true;
  if (isFolder) {
    if (removed.length > 0) throw new UsageError('A folder is the whole set: leave out what is to go');
    const names = readdirSync(first).filter((name) => /\.(?:cedar|test\.yaml)$/.test(name) && !name.startsWith('.'));
    return { files: names.map((name) => ({ name, text: textOf(join(first, name)) })) };
  }
  const edits = paths.map((path) => ({ name: basename(path), text: textOf(path) as string | null }));
  return { edits: [...edits, ...removed.map((name) => ({ name, text: null }))] };
}

function statOf(path: string) {
  return statSync(path, { throwIfNoEntry: false });
}

function textOf(path: string): string {
  if (statOf(path)?.isFile() !== true) throw new UsageError(`There is no file ${resolve(path)}`);
  return readFileSync(path, 'utf8');
}

function proposed(answer: Output<'policy.propose'>, terminal: Terminal): void {
  switch (answer.kind) {
    case 'active':
      terminal.write(`Active: set ${answer.active.set.slice(0, 12)}.\n`);
      break;
    case 'patch':
      terminal.note(`${failures(answer.tests, terminal)}${fold(answer.next, terminal.columns)}\n`);
      terminal.write(visibleLines(answer.patch));
      break;
    case 'proposed': {
      const { set, number } = answer.version;
      const next = `Activate it: sallyport policy activate ${set.slice(0, 12)} --reason <why>`;
      terminal.write(`${failures(answer.tests, terminal)}Version ${number}, set ${set.slice(0, 12)}, waits. ${next}\n`);
    }
  }
}

function failures({ results, problems }: PolicyCaseRun, terminal: Terminal): string {
  const failed = results.filter(({ passed }) => !passed).map(({ file, line, it }) => `${file}:${line} ${it}`);
  const wrong = problems.filter(({ severity }) => severity === 'error');
  const all = [...wrong.map(({ file, line, message }) => `${file}:${line} ${message}`), ...failed];
  return all.map((one) => `${paint(terminal, 'red', '✗ test fails:')} ${visibleText(one)}\n`).join('');
}

export const versions: Command = {
  usage: '[set]',
  arity: [0, 1],
  about:
    'Lists every policy set that was active or proposed, with who proposed it and why; or shows one: what it changes about the active set, as a patch.',
  examples: [
    ['sallyport policy versions', 'all of them, the last one first'],
    ['sallyport policy versions 3f9a2c51d0e4', 'one, and what it would change'],
    ['sallyport policy versions 3f9a2c51d0e4 --against 77aa01c2', 'what differs between two'],
  ],
  options: { against: { type: 'string', value: '<set>', about: 'Compare with this set instead of the active one.' } },
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const [set] = call.args;
    if (set !== undefined) {
      const against = call.options.text('against');
      const query = against === undefined ? {} : { against };
      const answer = await client.call('policy.version', { params: { set }, query });
      if (answer.kind === 'failure') return report(call, answer);
      call.terminal.write(call.json ? `${visibleJson(answer.value, 2)}\n` : oneText(answer.value, call.terminal));
      return DONE;
    }
    const answer = await client.call('policy.versions', {});
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(call.json ? `${visibleJson(answer.value, 2)}\n` : allText(answer.value, call.terminal));
    return DONE;
  },
};

function allText({ versions: all, canary, source, before }: Output<'policy.versions'>, terminal: Terminal): string {
  const rows = all.map(({ number, set, state, author, proposed_at, reason }) => {
    const mark = state === 'canary' ? `canary ${canary?.share_percent ?? 0} %` : state;
    return [String(number), set.slice(0, 12), mark, dateTime(proposed_at), author, reason];
  });
  const back = before === null ? '' : `Back to ${before.slice(0, 12)}: sallyport policy rollback --reason <why>\n`;
  const from = source === 'folder' ? 'The folder of policies is the source.\n' : 'The console is the source.\n';
  const head = ['version', 'set', 'state', 'proposed (UTC)', 'by', 'reason'];
  return `${table([head, ...rows], terminal)}\n${paint(terminal, 'dim', from + back)}`;
}

function oneText({ version, against, widens, patch }: Output<'policy.version'>, terminal: Terminal): string {
  const { number, set, state, author, reason, activations } = version;
  const lines = [
    `Version ${number}, set ${set}, ${state}`,
    `Proposed by ${foreign(author)}${reason === '' ? '' : `: ${visibleText(reason)}`}`,
    ...activations.map(({ at, by, why, how }) => `${how} ${dateTime(at)} UTC by ${foreign(by)}: ${visibleText(why)}`),
    ...widens.map((why) => `may widen: ${visibleText(why)}`),
    patch === '' ? `The same as ${against.slice(0, 12)}.` : `Against ${against.slice(0, 12)}:`,
  ];
  return `${lines.map((line) => fold(line, terminal.columns)).join('\n')}\n${visibleLines(patch)}`;
}

export const rollback: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Makes the version before active again on every replica, in one step. A second rollback goes one further back. Needs an approver’s presence.',
  examples: [['sallyport policy rollback --reason "exports broke" --as ada', 'to the version before']],
  options: { reason: REASON, ...PRESENCE_OPTIONS },
  async run(call) {
    const reason = reasonOf(call);
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const absent = await showPresence(call, client);
    if (absent !== undefined) return absent;
    const answer = await client.call('policy.rollback', { body: { reason } });
    if (answer.kind === 'failure') return report(call, answer);
    const said = `Active: set ${answer.value.set.slice(0, 12)}, the version before.\n`;
    call.terminal.write(call.json ? `${visibleJson(answer.value, 2)}\n` : said);
    return DONE;
  },
};

export const canary: Command = {
  usage: '[set]',
  arity: [0, 1],
  about:
    'Lets a proposed set decide for a share of the agents, chosen by a hash of their names, so that the same ones stay in it as it grows. Receipts name the set that decided. Activating the set promotes it; --drop ends it. Needs an approver’s presence.',
  examples: [
    ['sallyport policy canary 3f9a2c51d0e4 --share 10% --reason "try it"', 'for one agent in ten'],
    ['sallyport policy canary --drop --reason "too tight"', 'the active set decides for all again'],
    ['sallyport policy activate 3f9a2c51d0e4 --reason "it held"', 'promote it'],
  ],
  options: {
    share: { type: 'string', value: '<percent>', about: 'Of all agents, such as 10% or 2.5%.' },
    drop: { type: 'boolean', about: 'End the canary.' },
    reason: REASON,
    ...PRESENCE_OPTIONS,
  },
  async run(call) {
    const reason = reasonOf(call);
    const [set] = call.args;
    const share_percent = shareOf(call, set);
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const absent = await showPresence(call, client);
    if (absent !== undefined) return absent;
    const body = { share_percent, reason, ...(set === undefined ? {} : { set }) };
    const answer = await client.call('policy.canary', { body });
    if (answer.kind === 'failure') return report(call, answer);
    return said(call, answer.value);
  },
};

function shareOf({ options }: Call, set: string | undefined): number {
  const share = options.text('share');
  if (options.flag('drop')) {
    if (share !== undefined || set !== undefined) throw new UsageError('--drop takes neither a set nor --share');
    return 0;
  }
  if (set === undefined) throw new UsageError('Missing: <set>; or --drop to end the canary');
  const [, number] = /^(\d{1,3}(?:\.\d{1,2})?)\s?%?$/.exec(share ?? '') ?? [];
  const percent = Number(number);
  if (number === undefined || percent <= 0 || percent > 100)
    throw new UsageError('Give --share <percent>, such as 10%');
  return percent;
}

function said(call: Call, value: Output<'policy.canary'>): ExitCode {
  const { canary: now } = value;
  const text =
    now === null
      ? 'No canary: the active set decides for every agent.\n'
      : `Set ${now.set.slice(0, 12)} decides for ${now.share_percent} % of the agents. Promote it: sallyport policy activate ${now.set.slice(0, 12)} --reason <why>\n`;
  call.terminal.write(call.json ? `${visibleJson(value, 2)}\n` : text);
  return DONE;
}
