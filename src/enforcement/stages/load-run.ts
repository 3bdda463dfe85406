import { andThen } from '../../core/and-then.ts';
import type { Caller, Run } from '../../core/principal.ts';
import { isRefusal, type Refusal } from '../../core/refusal.ts';
import type { Pass } from '../pass.ts';
import type { StageRun, Verdict } from '../pipeline.ts';

type LoadRun = (caller: Caller) => Run | Refusal | Promise<Run | Refusal>;

/** The run that the credential names, as it stands now. A child's is its parent's: it can have no wider one. */
export function loadRun(load: LoadRun): StageRun {
  return (pass) => andThen(pass.parent ? pass.parent.run : load(pass.caller), (run) => keep(pass, run));
}

function keep(pass: Pass, run: Run | Refusal): Verdict {
  if (isRefusal(run)) return run;
  pass.run = run;
  return undefined;
}
