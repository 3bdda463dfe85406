import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Input } from '../api/contract/index.ts';
import { findConfig, loadConfig } from '../config/index.ts';
import { loadPolicies } from '../controls/policy/index.ts';
import { visibleText } from '../core/visible-text.ts';
import { type Call, type ExitCode, FAILED, UsageError } from './command.ts';

export type PolicySubject = NonNullable<Input<'policy.simulate'>['body']['subject']>;

/** The folder that is named, or the one of sallyport.yaml. */
export function policyFolder({ args, options }: Pick<Call, 'args' | 'options'>): string {
  if (args[0] !== undefined) return resolve(args[0]);
  const { file, found } = findConfig(options.text('config'), process.cwd());
  const loaded = found ? loadConfig(file) : undefined;
  return loaded?.kind === 'loaded' ? loaded.config.policy.folder : resolve('policies');
}

/** A set by its digest, or the files of a folder; the exit code after saying what is wrong with it. @throws UsageError */
export async function policySubject(call: Call): Promise<PolicySubject | ExitCode> {
  const [named] = call.args;
  const folder = policyFolder(call);
  if (!isFolder(folder)) {
    if (named !== undefined && /^[0-9a-f]{8,64}$/.test(named)) return { of: 'set', set: named };
    throw new UsageError(`${named ?? folder} is neither a folder nor the digest of a set (8 characters or more)`);
  }
  const { files, problems } = await loadPolicies(folder);
  if (problems.length === 0) return { of: 'files', files: files.map(({ name, text }) => ({ name, text })) };
  for (const { file, message } of problems) {
    call.terminal.note(`${visibleText(join(folder, file))}: ${visibleText(message)}\n`);
  }
  return FAILED;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
