import { Link } from '@tanstack/react-router';
import type { SuggestedClause, SuggestedCondition, UnusedPrivilege } from '../../api/contract/index.ts';
import { plural } from '../data/format.ts';
import { leadingVerb } from '../data/verbs.ts';
import { CedarBlock } from '../parts/cedar.tsx';
import { classes } from '../parts/classes.ts';
import { Mark } from '../parts/marks.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';

const BOX = 'mt-0.5 size-4 shrink-0 accent-(--color-accent-fill)';

type ClauseProps = { clause: SuggestedClause; taken: boolean; onTake: (take: boolean) => void };

/** One permit to accept or leave: what it says, how it is known, and what it rests on. */
export function SuggestedClauseCard({ clause, taken, onTake }: ClauseProps) {
  const { conditions, text, active } = clause;
  return (
    <li
      className={classes(
        'rounded-large border bg-surface',
        taken || active ? 'border-line-strong' : 'border-line opacity-80',
      )}
    >
      {active ? (
        <div className="flex items-start gap-3 px-3 pt-3">
          <Mark tone="permit" word="" className="mx-0.5 mt-1.5" />
          <Says clause={clause} what="in force already" />
        </div>
      ) : (
        <label className="flex items-start gap-3 px-3 pt-3">
          <input type="checkbox" className={BOX} checked={taken} onChange={(event) => onTake(event.target.checked)} />
          <Says clause={clause} />
        </label>
      )}
      <div className="flex flex-col gap-2 px-3 pt-2 pb-3 pl-10">
        {conditions.length > 0 && (
          <ul className="flex flex-col gap-1.5">
            {conditions.map((condition) => (
              <Condition key={condition.text} condition={condition} />
            ))}
          </ul>
        )}
        <Evidence clause={clause} />
        <details>
          <summary className="text-faint text-small hover:underline">As it would be written</summary>
          <div className="mt-1.5">
            <CedarBlock value={text} />
          </div>
        </details>
      </div>
    </li>
  );
}

function Says({ clause: { says, action, resource, conditions }, what }: { clause: SuggestedClause; what?: string }) {
  return (
    <span className="min-w-0">
      <span className="font-medium">
        {leadingVerb(action)} <Text value={resource} className="font-mono text-small" />
      </span>
      {what !== undefined && <span className="ml-2 text-permit">{what}</span>}
      <span className="block text-soft">
        {conditions.length === 0 && (says === '' ? 'Whatever it says in the call.' : <Text value={says} />)}
      </span>
    </span>
  );
}

const RISKY = 0.05;

function Condition({ condition: { says, confidence } }: { condition: SuggestedCondition }) {
  return (
    <li className="flex flex-col">
      <Text value={says} />
      <span className="text-faint text-small">
        {confidence.risk >= RISKY && <Mark tone="hold" word="may be too narrow" className="mr-2" />}
        <Text value={confidence.says} />
      </span>
    </li>
  );
}

const RECEIPTS_SHOWN = 3;

function Evidence({ clause: { evidence } }: { clause: SuggestedClause }) {
  const { calls, runs, first_seen, last_seen, receipts } = evidence;
  return (
    <p className="text-small text-soft">
      {plural(calls, 'call')} in {plural(runs, 'run')}
      {first_seen !== null && last_seen !== null && (
        <>
          , first <Ago time={first_seen} />, last <Ago time={last_seen} />
        </>
      )}
      {receipts.slice(0, RECEIPTS_SHOWN).map((receipt, at) => (
        <Link
          key={receipt}
          to="/exchanges/$receipt"
          params={{ receipt }}
          className="ml-2 text-accent underline"
          aria-label={`Example ${at + 1}: ${receipt}`}
        >
          example {at + 1}
        </Link>
      ))}
    </p>
  );
}

type UnusedProps = { unused: UnusedPrivilege; gone: boolean; onGone: (gone: boolean) => void };

/** A permit that it could have used: to be taken away, or left. */
export function UnusedRow({ unused: { policy, file, line, last_used, age_days, own }, gone, onGone }: UnusedProps) {
  return (
    <li>
      <label className="flex items-start gap-3 px-3 py-2">
        <input type="checkbox" className={BOX} checked={gone} onChange={(event) => onGone(event.target.checked)} />
        <span className="min-w-0">
          Take away <Text value={policy} className="font-mono text-small" />
          <span className="block text-faint text-small">
            {last_used === null ? (
              `Nobody used it in ${plural(age_days, 'day')}`
            ) : (
              <>
                Others used it, last <Ago time={last_used} />
              </>
            )}
            {own ? ', and it names this agent alone' : ', and it is not this agent’s alone: others lose it too'} ·{' '}
            <Text value={`${file}:${line}`} />
          </span>
        </span>
      </label>
    </li>
  );
}
