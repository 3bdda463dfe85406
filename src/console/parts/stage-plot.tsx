import type { Story } from '../../api/contract/index.ts';
import { duration } from '../data/format.ts';
import { classes } from './classes.ts';

type Stages = Story['stages'];

const INK: Record<Stages[number]['verdict'], string> = { pass: 'bg-line-strong', refuse: 'bg-deny', error: 'bg-alert' };
const WIDTH_PERCENT_MIN = 0.8;

/**
 * Where the time went: each stage in its place in the whole. Forwarding is the upstream's time and has another ink, since
 * it is not what the gateway added.
 */
export function StagePlot({ stages }: { stages: Stages }) {
  const whole = Math.max(
    1,
    stages.reduce((sum, { us }) => sum + us, 0),
  );
  const forward = stages.find(({ stage }) => stage === 'forward')?.us ?? 0;
  let from = 0;
  return (
    <figure>
      <ol className="flex flex-col">
        {stages.map(({ stage, verdict, us }) => {
          const left = (from / whole) * 100;
          from += us;
          return (
            <li key={stage} className="grid grid-cols-[minmax(7rem,9.5rem)_1fr_4.5rem] items-center gap-2 py-0.5">
              <span className={classes('truncate', verdict === 'pass' ? 'text-soft' : 'font-medium text-ink')}>
                {stage.replaceAll(/[_-]/g, ' ')}
              </span>
              <span className="relative h-3 rounded-small bg-sunken" aria-hidden="true">
                <span
                  className={classes(
                    'absolute inset-y-0 rounded-small',
                    stage === 'forward' ? 'bg-accent/60' : INK[verdict],
                  )}
                  style={{
                    left: `${Math.min(left, 100 - WIDTH_PERCENT_MIN)}%`,
                    width: `${Math.max((us / whole) * 100, WIDTH_PERCENT_MIN)}%`,
                  }}
                />
              </span>
              <span
                className={classes('text-right font-mono text-small', verdict === 'pass' ? 'text-faint' : 'text-deny')}
              >
                {verdict === 'pass' ? duration(us) : verdict === 'refuse' ? 'refused' : 'failed'}
              </span>
            </li>
          );
        })}
      </ol>
      <figcaption className="mt-2 text-faint text-small">
        {forward > 0
          ? `${duration(whole)} in all: ${duration(forward)} at the server behind the gateway, ${duration(whole - forward)} added.`
          : `${duration(whole)} in all. Nothing was forwarded.`}
      </figcaption>
    </figure>
  );
}
