import { type Output, PART_KINDS, partWord, type ToolDetail, type ToolPart } from '../../api/contract/index.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, FAILED, UsageError } from '../command.ts';
import { gatewayOf, PRESENCE_OPTIONS, report, showPresence } from '../gateway.ts';
import { dateTime, foreign, paint, table } from '../paint.ts';
import type { Terminal } from '../terminal.ts';

type Parts = Output<'tools.list'>['parts'];
type Decision = 'tools.approve' | 'tools.reject';

const NAMES = `Name a tool <server>/<name>. Others are ${PART_KINDS.filter((kind) => kind !== 'tool')
  .map((kind) => (kind === 'origin' || kind === 'server' ? `<server>:${kind}` : `<server>:${kind}/<name>`))
  .join(', ')}.`;

export const list: Command = {
  usage: '[server]',
  arity: [0, 1],
  about: `Lists what servers offer and how it stands: pinned (approved, or trusted at first use), waiting, changed since, rejected, removed. Only what is pinned can be used. ${NAMES}`,
  examples: [
    ['sallyport tool list', 'everything, what waits first'],
    ['sallyport tool list files', 'one server'],
  ],
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('tools.list', {});
    if (answer.kind === 'failure') return report(call, answer);
    const [server] = call.args;
    const parts = answer.value.parts.filter((part) => server === undefined || part.server === server);
    if (call.json) call.terminal.write(`${visibleJson({ parts }, 2)}\n`);
    else if (parts.length === 0) call.terminal.write('Nothing yet: a server is met when it is first used.\n');
    else call.terminal.write(listText(parts, call.terminal));
    return DONE;
  },
};

function listText(parts: Parts, terminal: Terminal): string {
  const rows = [...parts]
    .sort((a, b) => Number(a.state === 'pinned') - Number(b.state === 'pinned'))
    .map((part) => [partWord(part), part.state, standing(part), notesOf(part)]);
  const waits = parts.filter(({ state }) => state === 'waiting' || state === 'changed');
  const servers = [...new Set(waits.map(({ server }) => server))];
  const next = servers.map((server) => `Look at it: sallyport tool diff ${foreign(server)}\n`);
  return [table([['part', 'state', 'pinned', ''], ...rows], terminal), ...next].join('');
}

function standing({ pinned }: ToolPart): string {
  if (pinned === null) return 'never';
  const how = pinned.basis === 'first_use' ? 'trusted at first use, nobody looked' : `approved by ${pinned.by}`;
  return `${dateTime(pinned.at)} ${how}`;
}

function notesOf({ flags, refused }: ToolPart): string {
  const hidden = flags === 0 ? [] : [`hidden characters in ${flags} ${flags === 1 ? 'place' : 'places'}`];
  return [...hidden, ...(refused === null ? [] : [refused])].join('; ');
}

/** What a word names: a part, or all of a server. */
function chosen(parts: Parts, word: string): Parts {
  const found = parts.filter((part) => part.server === word || partWord(part) === word);
  if (found.length === 0) throw new UsageError(`Nothing is known of ${visibleText(word)}. See: sallyport tool list`);
  return found;
}

export const show: Command = {
  usage: '<part>',
  arity: [1, 1],
  about: `Shows one definition as the server gives it, every hidden character made visible, and where it was pinned. ${NAMES}`,
  examples: [
    ['sallyport tool show files/read_text_file', 'one tool'],
    ['sallyport tool show files:origin', 'which program or address the server is'],
  ],
  run: (call) => eachDetail(call, ([detail]) => (detail === undefined ? '' : definitionText(detail, call.terminal))),
};

function definitionText(detail: ToolDetail, terminal: Terminal): string {
  const head = `${foreign(partWord(detail))}: ${detail.state}. Pinned: ${standing(detail)}.\n`;
  const body = visibleJson(detail.after ?? detail.before, 2);
  return `${head}${flagText(detail, terminal)}${body}\n`;
}

function flagText({ flagged, refused }: ToolDetail, terminal: Terminal): string {
  const lines = flagged.map(
    ({ path, what, characters }) => `${paint(terminal, 'red', `! ${what}`)} ${characters} at ${foreign(path)}\n`,
  );
  return [...lines, ...(refused === null ? [] : [`${paint(terminal, 'red', '! refused')} ${foreign(refused)}\n`])].join(
    '',
  );
}

export const diff: Command = {
  usage: '<server or part>',
  arity: [1, 1],
  about: `Shows how what is offered differs from what is pinned, place by place (JSON pointers), and what in it nobody would see. ${NAMES}`,
  examples: [
    ['sallyport tool diff files', 'all that waits of one server'],
    ['sallyport tool diff files/read_text_file', 'one tool'],
  ],
  run: (call) =>
    eachDetail(call, (details) => {
      const waiting = details.filter(({ state }) => state !== 'pinned');
      if (waiting.length === 0) return 'Nothing differs from what is pinned.\n';
      return waiting.map((detail) => differenceText(detail, call.terminal)).join('\n');
    }),
};

function differenceText(detail: ToolDetail, terminal: Terminal): string {
  const { offered, differences, before } = detail;
  const head = `${paint(terminal, 'yellow', foreign(partWord(detail)))}: ${detail.state}${offered === null ? '' : `, seen ${dateTime(offered.at)} UTC`}\n`;
  if (differences.length === 0 && before !== null && detail.after !== null) {
    return `${head}  As pinned again now. It was something else before, and stays stopped until you decide.\n${flagText(detail, terminal)}`;
  }
  const lines = differences.flatMap(({ path, before: was, after: is }) => [
    `  ${foreign(path === '' ? '(all of it)' : path)}\n`,
    ...(was === undefined ? [] : [paint(terminal, 'red', `    - ${visibleJson(was)}`), '\n']),
    ...(is === undefined ? [] : [paint(terminal, 'green', `    + ${visibleJson(is)}`), '\n']),
  ]);
  return [head, flagText(detail, terminal), ...lines].join('');
}

async function eachDetail(call: Call, text: (details: readonly ToolDetail[]) => string): Promise<ExitCode> {
  const client = gatewayOf(call);
  if (typeof client === 'number') return client;
  const known = await client.call('tools.list', {});
  if (known.kind === 'failure') return report(call, known);
  const details: ToolDetail[] = [];
  for (const { server, kind, name, state } of chosen(known.value.parts, call.args[0] ?? '')) {
    // Of a whole server what is as it was approved says nothing.
    if (state === 'pinned' && call.args[0] === server) continue;
    const answer = await client.call('tools.show', { query: { server, kind, name } });
    if (answer.kind === 'failure') return report(call, answer);
    details.push(answer.value);
  }
  call.terminal.write(call.json ? `${visibleJson({ parts: details }, 2)}\n` : text(details));
  return DONE;
}

const REASON = { type: 'string', short: 'r', value: '<text>', about: 'Why; recorded.' } as const;

export const approve: Command = {
  usage: '<server or part>',
  arity: [1, 1],
  about: `Pins what waits, as it was when the command was typed: if the server offers something else by then, nothing is pinned. Needs presence: a code of an authenticator. ${NAMES}`,
  examples: [
    ['sallyport tool approve files --reason "read with ops" --as ada', 'all that waits of one server'],
    ['sallyport tool approve files/read_text_file --as ada', 'one tool'],
  ],
  options: { reason: REASON, ...PRESENCE_OPTIONS },
  run: (call) => decide(call, 'tools.approve', 'Approved'),
};

export const reject: Command = {
  usage: '<server or part>',
  arity: [1, 1],
  about: `Leaves what waits stopped, and asks no more about it until the server offers something else. Needs presence. ${NAMES}`,
  examples: [['sallyport tool reject files/read_text_file --reason "reads mail now" --as ada', 'one tool']],
  options: { reason: REASON, ...PRESENCE_OPTIONS },
  run: (call) => decide(call, 'tools.reject', 'Rejected'),
};

/** Of a whole server only what may be approved and was not rejected; what is named alone is the gateway's to refuse. */
function waits({ server, state, refused }: ToolPart, word: string | undefined): boolean {
  return state !== 'pinned' && (word !== server || (state !== 'rejected' && refused === null));
}

async function decide(call: Call, operation: Decision, word: string): Promise<ExitCode> {
  const client = gatewayOf(call);
  if (typeof client === 'number') return client;
  const known = await client.call('tools.list', {});
  if (known.kind === 'failure') return report(call, known);
  const parts = chosen(known.value.parts, call.args[0] ?? '').filter((part) => waits(part, call.args[0]));
  const [first] = parts;
  if (first === undefined) {
    call.terminal.note('Nothing of it waits. See: sallyport tool list\n');
    return FAILED;
  }
  const absent = await showPresence(call, client);
  if (absent !== undefined) return absent;
  const reason = call.options.text('reason') ?? `${word.toLowerCase()} from the command line`;
  const named = parts.map(({ kind, name, offered }) => ({ kind, name, digest: offered?.digest ?? null }));
  const answer = await client.call(operation, { body: { server: first.server, parts: named, reason } });
  if (answer.kind === 'failure') return report(call, answer);
  call.terminal.write(
    call.json
      ? `${visibleJson({ parts: named }, 2)}\n`
      : `${word}: ${parts.map((part) => foreign(partWord(part))).join(', ')}.\n`,
  );
  return DONE;
}

export const unpin: Command = {
  usage: '<server or part>',
  arity: [1, 1],
  about: `Takes pins back: what is in flight on them is cut, and nothing of it can be used until it is approved anew. ${NAMES}`,
  examples: [
    ['sallyport tool unpin files --reason "under review"', 'a whole server'],
    ['sallyport tool unpin files/write_file', 'one tool'],
  ],
  options: { reason: REASON },
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const known = await client.call('tools.list', {});
    if (known.kind === 'failure') return report(call, known);
    const parts = chosen(known.value.parts, call.args[0] ?? '').filter(({ pinned }) => pinned !== null);
    const server = parts[0]?.server;
    if (server === undefined) {
      call.terminal.note('Nothing of it is pinned. See: sallyport tool list\n');
      return FAILED;
    }
    const named = parts.map(({ kind, name }) => ({ kind, name }));
    const reason = call.options.text('reason') ?? 'unpinned from the command line';
    const answer = await client.call('tools.unpin', { body: { server, parts: named, reason } });
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(
      call.json
        ? `${visibleJson({ parts: named }, 2)}\n`
        : `Unpinned: ${parts.map((part) => foreign(partWord(part))).join(', ')}.\n`,
    );
    return DONE;
  },
};
