import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { ServerCatalog } from '../../core/manifest.ts';
import { registerCatalogs } from './catalog.ts';
import { tooComplex } from './cedar/complexity.ts';
import { splitPolicies } from './cedar/lexer.ts';
import { compilePolicy } from './cedar/policy.ts';
import { lineStarts, placeIn, unitsOf } from './places.ts';
import { readPolicies, tooComplexProblem } from './source.ts';
import type { PolicyFile, PolicyProblem } from './types.ts';
import { validatePolicies } from './validate.ts';
import { FULFILLABLE } from './vocabulary.ts';

export type PolicyCheck = {
  policies: number;
  /** How many of them closures run; cedar-wasm runs the others, slower. */
  compiled: number;
  problems: readonly PolicyProblem[];
};

export type CheckOptions = {
  /** What is registered; without it argument types cannot be checked, and warnings say so. */
  catalogs?: readonly ServerCatalog[];
  fulfillable?: Readonly<Record<string, readonly string[]>>;
};

/** All that a load would complain of. Needs no gateway. */
export function checkPolicies(files: readonly PolicyFile[], options: CheckOptions = {}): PolicyCheck {
  const text = readPolicies(files, options.fulfillable ?? FULFILLABLE);
  const problems = [...text.problems, ...validatePolicies(text, registerCatalogs(options.catalogs ?? []))];
  const compiled = text.policies.filter((policy, at) => compilePolicy(policy, at).conjuncts !== undefined);
  return { policies: text.policies.length, compiled: compiled.length, problems: inOrder(problems) };
}

function inOrder(problems: readonly PolicyProblem[]): PolicyProblem[] {
  const byFile = (a: PolicyProblem, b: PolicyProblem): number => (a.file === b.file ? 0 : a.file < b.file ? -1 : 1);
  return [...problems].sort((a, b) => byFile(a, b) || a.line - b.line || a.column - b.column);
}

export type FormattedFile = { name: string; text: string; changed: boolean };
export type Formatting = { files: readonly FormattedFile[]; problems: readonly PolicyProblem[] };

/** Cedar's own formatter. A file that does not parse is left as it is, with its problem. */
export function formatPolicies(files: readonly PolicyFile[]): Formatting {
  const problems: PolicyProblem[] = [];
  const formatted = files.map((file): FormattedFile => {
    const { name, text } = file;
    for (const { start, end } of splitPolicies(text)) {
      const complaint = tooComplex(text.slice(start, end));
      if (complaint === undefined) continue;
      problems.push(tooComplexProblem(file, start, complaint));
      return { name, text, changed: false };
    }
    const answer = cedar.formatPolicies({ policyText: text, lineWidth: 100, indentWidth: 2 });
    if (answer.type === 'success') {
      return { name, text: answer.formatted_policy, changed: answer.formatted_policy !== text };
    }
    problems.push(...answer.errors.map((error) => formatProblem(name, text, error)));
    return { name, text, changed: false };
  });
  return { files: formatted, problems };
}

function formatProblem(file: string, text: string, error: cedar.DetailedError): PolicyProblem {
  const place = placeIn(lineStarts(text), unitsOf(text, error.sourceLocations?.[0]?.start ?? 0));
  return {
    severity: 'error',
    file,
    ...place,
    policy: undefined,
    message: error.message,
    help: error.help ?? undefined,
  };
}
