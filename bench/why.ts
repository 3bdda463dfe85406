import { whyTrial } from '../test/support/why-trial.ts';
import { atLeast, atMost, machine, type Report } from './support/report.ts';

export type Options = { quick: boolean; progress(text: string): void };

const REFUSALS = 500;

/** Refusals of every kind through the front door; then `why` on each, its change applied, and the request made again. */
export async function run({ quick, progress }: Options): Promise<Report> {
  const count = quick ? 60 : REFUSALS;
  const { failures, ...figures } = await whyTrial(count, { progress });
  for (const failure of failures.slice(0, 20)) progress(failure);
  const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
  return {
    name: 'why',
    machine: machine(),
    results: { refusals: figures },
    bars: [
      atLeast('refusals with their policy and clause, or stage and remedy', share(figures.named, figures.refusals), 1),
      atLeast('refusals by policy that the change permits', share(figures.permitted, figures.by_policy), 1),
      atMost('other calls that a change decides otherwise', figures.changed, 0),
    ],
  };
}
