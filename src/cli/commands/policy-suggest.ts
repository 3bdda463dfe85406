import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Client } from '../../api/client/index.ts';
import type { Output, SuggestedClause, Suggestion, UnusedPrivilege } from '../../api/contract/index.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, FAILED, UsageError } from '../command.ts';
import { gatewayOf, report } from '../gateway.ts';
import { dateTime, fold, foreign, paint, table } from '../paint.ts';
import type { Terminal } from '../terminal.ts';

type List = Output<'policy.suggestions'>;

const DAYS_DEFAULT = 30;

export const suggest: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'From what was recorded, the least policy that would have permitted it: each tool, what can be said of its arguments, and how that is known. Without an agent, lists who did what. It changes nothing: propose what you accept, or write it to a folder and read it there.',
  examples: [
    ['sallyport policy suggest', 'agents and jobs of which something can be learnt'],
    ['sallyport policy suggest --agent triage --since 14d', 'clause by clause, with the evidence'],
    ['sallyport policy suggest --agent triage --out suggested', 'one file of Cedar for each job'],
  ],
  options: {
    agent: { type: 'string', value: '<agent>', about: 'Only this agent.' },
    job: { type: 'string', value: '<job>', about: 'Only this job.' },
    since: { type: 'string', value: '<days>', about: `How far back to read, such as 30d. Default ${DAYS_DEFAULT}d.` },
    out: { type: 'string', value: '<folder>', about: 'Write the policies there; a file that exists is not replaced.' },
  },
  async run(call) {
    const days = daysOf(call);
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const [agent, job] = [call.options.text('agent'), call.options.text('job')];
    const query = { days, ...(agent === undefined ? {} : { agent }), ...(job === undefined ? {} : { job }) };
    const listed = await client.call('policy.suggestions', { query });
    if (listed.kind === 'failure') return report(call, listed);
    const only = agent === undefined && job === undefined && call.options.text('out') === undefined;
    if (only) return showList(call, listed.value);
    return showEach(call, client, listed.value, days);
  },
};

function daysOf({ options }: Call): number {
  const text = options.text('since') ?? `${DAYS_DEFAULT}d`;
  const days = Number(/^(\d{1,3})d$/.exec(text)?.[1]);
  if (!(days >= 1 && days <= 366)) throw new UsageError('--since is a number of days, 1d to 366d');
  return days;
}

function showList({ terminal, json }: Call, { suggestions, read }: List): ExitCode {
  if (json) terminal.write(`${visibleJson({ suggestions, read }, 2)}\n`);
  else if (suggestions.length === 0) terminal.write(nothing(read));
  else {
    const rows = suggestions.map(({ agent, job, runs, calls, resources, last_seen }) => [
      agent,
      job,
      String(runs),
      String(calls),
      String(resources),
      dateTime(last_seen),
    ]);
    terminal.write(table([['agent', 'job', 'runs', 'calls', 'tools', 'last (UTC)'], ...rows], terminal));
    terminal.write('What they would need: sallyport policy suggest --agent <agent>\n');
  }
  return DONE;
}

function nothing({ decisions, since }: List['read']): string {
  return `Nothing that was permitted since ${dateTime(since)} UTC, of ${decisions} decisions read. Let agents work first, then ask again.\n`;
}

async function showEach(call: Call, client: Client, { suggestions, read }: List, days: number): Promise<ExitCode> {
  const found: Suggestion[] = [];
  for (const { agent, job } of suggestions) {
    const answer = await client.call('policy.suggestion', { params: { agent, job }, query: { days } });
    if (answer.kind === 'failure') return report(call, answer);
    found.push(answer.value);
  }
  const { terminal, json } = call;
  const out = call.options.text('out');
  if (out !== undefined) return writeFiles(call, resolve(out), found);
  if (json) terminal.write(`${visibleJson({ suggestions: found, read }, 2)}\n`);
  else terminal.write(found.length === 0 ? nothing(read) : found.map((one) => text(one, terminal)).join('\n'));
  return DONE;
}

function writeFiles({ terminal, json }: Call, folder: string, found: readonly Suggestion[]): ExitCode {
  const taken = found.map(({ file }) => join(folder, file.name)).filter(existsSync);
  if (taken.length > 0) {
    terminal.note(`${taken.map(visibleText).join(', ')} exists already; nothing was written. Name another folder.\n`);
    return FAILED;
  }
  mkdirSync(folder, { recursive: true });
  for (const { file } of found) writeFileSync(join(folder, file.name), file.text, { flag: 'wx' });
  const names = found.map(({ file }) => file.name);
  if (json) terminal.write(`${visibleJson({ folder, files: names }, 2)}\n`);
  else
    terminal.write(
      `${names.map((name) => `written: ${visibleText(join(folder, name))}\n`).join('')}Check them: sallyport policy check ${visibleText(folder)}\n`,
    );
  return DONE;
}

function text(one: Suggestion, terminal: Terminal): string {
  const head = `${paint(terminal, 'bold', `${foreign(one.agent)} in ${foreign(one.job)}`)}: ${one.calls} calls in ${one.runs} runs, ${dateTime(one.first_seen)} to ${dateTime(one.last_seen)} UTC\n`;
  const unused = one.unused.map((privilege) => unusedText(privilege, terminal));
  return [
    head,
    ...one.clauses.map((clause) => clauseText(clause, terminal)),
    ...unused,
    ...one.lists.map(listText),
  ].join('');
}

function clauseText(
  { resource, active, conditions, evidence, text: cedar }: SuggestedClause,
  terminal: Terminal,
): string {
  const mark = active ? paint(terminal, 'green', '✓ in force') : paint(terminal, 'yellow', '+ new');
  const used =
    evidence.calls === 0
      ? 'used by other agents of the job, not yet by this one'
      : `${evidence.calls} calls in ${evidence.runs} runs`;
  const rules = conditions.map(({ says, confidence }) =>
    fold(`- ${visibleText(says)}. ${visibleText(confidence.says)}`, terminal.columns, '    '),
  );
  const source = cedar.split('\n').map((line) => `    ${visibleText(line)}`);
  return [`${mark} ${foreign(resource)}: ${used}`, ...rules, ...source, ''].join('\n');
}

function listText({ tool, argument }: Suggestion['lists'][number]): string {
  const [server, name] = [tool.slice(0, tool.indexOf('/')), tool.slice(tool.indexOf('/') + 1)];
  return `The members of ${foreign(argument)} of ${foreign(tool)} could each be held to a form: declare each: [${foreign(argument)}] under upstreams.${foreign(server)}.tools.${foreign(name)}, and ask again after some runs.\n`;
}

function unusedText({ policy, file, line, age_days, own }: UnusedPrivilege, terminal: Terminal): string {
  const whose = own ? 'it names this agent alone and can go' : 'others may need it';
  const mark = paint(terminal, 'yellow', '- unused');
  return `${mark} ${foreign(policy)} (${visibleText(file)}:${line}): not used in ${age_days} days; ${whose}\n`;
}
