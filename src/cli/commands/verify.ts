import { readFileSync } from 'node:fs';
import { type VerifyReport, verify as verifyAt } from '../../controls/audit/verify.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import { type Command, DONE, type ExitCode, FAILED } from '../command.ts';
import { facts, fold, paint } from '../paint.ts';
import type { Terminal } from '../terminal.ts';

export const verify: Command = {
  usage: '<folder|proof>',
  arity: [1, 1],
  about:
    'Checks a log’s folder, or a .tlog-proof of one receipt, offline, trusting nothing but what is given here. Without a checkpoint that was kept elsewhere or a witness that you trust, the best verdict is self-asserted: who holds the log’s key could have rewritten all of it.',
  examples: [
    [
      'sallyport verify .sallyport/log --seen checkpoint-2026-11-22.txt',
      'against a checkpoint that was kept elsewhere',
    ],
    ['sallyport verify receipt.tlog-proof --key verifier-key', 'a proof that somebody handed over'],
  ],
  options: {
    seen: {
      type: 'string',
      multiple: true,
      value: '<file>',
      about: 'A file with checkpoints that were kept elsewhere. May be given again.',
    },
    key: { type: 'string', value: '<file>', about: 'The log’s verifier key. Else the one published beside the log.' },
    witness: {
      type: 'string',
      multiple: true,
      value: '<key>',
      about: 'Verifier key of a witness that you trust. May be given again.',
    },
  },
  async run({ terminal, args, options, json }) {
    const seen = options.texts('seen').map((file) => readFileSync(file, 'utf8'));
    const key = options.text('key');
    const report = await verifyAt(args[0] ?? '.', {
      key: key === undefined ? undefined : readFileSync(key, 'utf8').trim(),
      seen: seen.length === 0 ? undefined : seen.join('\n'),
      witnesses: options.texts('witness'),
    });
    terminal.write(json ? `${visibleJson(report, 2)}\n` : reportText(report, terminal));
    return exitCode(report);
  },
};

function exitCode({ verdict }: VerifyReport): ExitCode {
  return verdict === 'failed' ? FAILED : DONE;
}

function reportText(report: VerifyReport, terminal: Terminal): string {
  const rows: [string, string][] = [
    ['log', report.origin ?? 'unreadable'],
    ['entries', `${report.size}, ${report.open_intents} without an outcome yet`],
    ['root', report.root ?? '-'],
    ['vouched for', vouchedText(report)],
    ['took', `${report.duration_ms} ms for ${report.bytes} bytes`],
  ];
  const shown = rows.map(([name, value]) => [name, visibleText(value)] as const);
  const problems = report.problems.map(({ code, position, detail }) => {
    const place = position === null ? '' : ` at entry ${position}`;
    return `${paint(terminal, 'red', `✗ ${visibleText(code)}`)}${place}: ${visibleText(detail)}\n`;
  });
  return [`${verdictLine(report, terminal)}\n`, ...problems, '\n', facts(shown, terminal)].join('');
}

function verdictLine({ verdict, first_bad, first_bad_before }: VerifyReport, terminal: Terminal): string {
  switch (verdict) {
    case 'verified':
      return `${paint(terminal, 'green', '✓ verified')}: whole, in order, unchanged, and vouched for from outside.`;
    case 'self-asserted': {
      const text =
        'whole and in order, but only its own key vouches for it. Give --seen <checkpoint kept elsewhere> or --witness <key>.';
      return fold(`${paint(terminal, 'yellow', '… self-asserted')}: ${text}`, terminal.columns);
    }
    case 'failed': {
      const range =
        first_bad_before === null || first_bad === null || first_bad_before - first_bad === 1
          ? ''
          : `, somewhere before entry ${first_bad_before}`;
      return `${paint(terminal, 'red', '✗ failed')}: ${first_bad === null ? 'it cannot be checked' : `the first bad entry is ${first_bad}${range}`}.`;
    }
  }
}

function vouchedText({ vouched, seen, witnesses }: VerifyReport): string {
  if (vouched === 0) return 'nobody but the log itself';
  const by = [...seen.map(({ size }) => `a checkpoint of ${size}`), ...witnesses.map((name) => `the witness ${name}`)];
  return `the first ${vouched} entries, by ${by.join(', ')}`;
}
