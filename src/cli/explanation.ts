import type { ExplainedPolicy, Explanation, Remedy } from '../api/contract/index.ts';
import { visibleLines, visibleText } from '../core/visible-text.ts';
import { fold, paint } from './paint.ts';
import type { Terminal } from './terminal.ts';

/** Which policies determined it, in their source, with the clause and what it saw; then what would have permitted it. */
export function explanationText(explanation: Explanation, terminal: Terminal): string {
  const { accesses, set, active, missing } = explanation;
  const parts = accesses.map((access, at) => {
    const several = accesses.length > 1;
    const head = several ? `${paint(terminal, 'bold', `access ${at + 1}`)} ${access.effect}\n` : '';
    const determining = access.policies.filter((policy) => policy.determining);
    const beside = access.policies.length - determining.length;
    const rest = beside === 0 ? '' : paint(terminal, 'dim', `and ${beside} more in scope that did not decide it\n`);
    return head + determining.map((policy) => policyText(policy, terminal)).join('') + rest;
  });
  const facts = [
    `labels: ${explanation.labels.before}${explanation.labels.after === null ? '' : `, then ${explanation.labels.after}`}`,
    explanation.budgets,
    set === null
      ? 'policy was not asked'
      : `policy set ${set.slice(0, 12)}${active ? '' : ', which is not in force any more'}`,
    ...explanation.obligations.map(
      ({ name, value, policy, did }) => `@${name}("${visibleText(value)}") of ${policy}: ${did}`,
    ),
    ...missing.map(visibleText),
  ];
  return [
    ...parts,
    remedyText(explanation.remedy, terminal),
    ...facts.map((fact) => `${fold(fact, terminal.columns)}\n`),
  ]
    .filter((part) => part !== '')
    .join('');
}

const OUTCOME: Record<ExplainedPolicy['outcome'], string> = {
  satisfied: 'was satisfied',
  unsatisfied: 'was not satisfied',
  error: 'could not be evaluated',
  unmatched: 'names something else',
};

function policyText(policy: ExplainedPolicy, terminal: Terminal): string {
  const { id, effect, file, line, outcome, clause, error, text } = policy;
  const head = `${effect} ${visibleText(id)} (${visibleText(file)}:${line}) ${OUTCOME[outcome]}`;
  const lines = [paint(terminal, 'bold', head)];
  if (error !== null) lines.push(`  error: ${visibleText(error)}`);
  if (clause !== null) {
    lines.push(`  clause: ${visibleLines(clause.text).replaceAll('\n', '\n          ')}`);
    for (const { path, value } of clause.values) lines.push(`  ${visibleText(path)} was ${visibleText(value)}`);
  }
  lines.push(paint(terminal, 'dim', visibleLines(text).replace(/^/gm, '  │ ')));
  return `${lines.join('\n')}\n`;
}

function remedyText(remedy: Remedy, terminal: Terminal): string {
  switch (remedy.kind) {
    case 'none':
      return '';
    case 'elsewhere': {
      const command = remedy.command === null ? '' : `  ${visibleText(remedy.command)}\n`;
      return `${paint(terminal, 'bold', 'What would help')}\n${fold(remedy.sentence, terminal.columns)}\n${command}`;
    }
    case 'policy':
      return [
        `${paint(terminal, 'bold', 'The smallest change')}\n${fold(visibleText(remedy.sentence), terminal.columns)}\n`,
        `${visibleLines(remedy.text).trimEnd().replace(/^/gm, '  ')}\n`,
        ...remedy.beware.map(
          (problem) =>
            `${fold(`Correct this first, or the file is not taken over: ${visibleText(problem)}`, terminal.columns)}\n`,
        ),
        `${fold(remedy.limits, terminal.columns)}\n`,
      ].join('');
  }
}
