import type { Caller, Run } from '../../core/principal.ts';
import { isRefusal, type Refusal } from '../../core/refusal.ts';
import type { StageRun } from '../pipeline.ts';

type LoadRun = (caller: Caller) => Run | Refusal | Promise<Run | Refusal>;

/** The run that the credential names, as it stands now. A child's is its parent's: it can have no wider one. */
export function loadRun(load: LoadRun): StageRun {
  return async (pass) => {
    const run = pass.parent ? pass.parent.run : await load(pass.caller);
    if (isRefusal(run)) return run;
    pass.run = run;
    return undefined;
  };
}
