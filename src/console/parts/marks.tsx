import type { Decision, State, ToolPart } from '../../api/contract/index.ts';
import { classes } from './classes.ts';

type Tone = 'permit' | 'hold' | 'deny' | 'alert' | 'calm';

const INK: Record<Tone, string> = {
  permit: 'text-permit',
  hold: 'text-hold',
  deny: 'text-deny',
  alert: 'text-alert',
  calm: 'text-faint',
};

/** State is a shape and a word; the colour only repeats them. */
function Shape({ tone }: { tone: Tone }) {
  const shape = {
    permit: <circle cx="5" cy="5" r="4" fill="currentColor" />,
    hold: <path d="M5 .8 9.5 9h-9z" fill="currentColor" />,
    deny: <rect x="1" y="1" width="8" height="8" rx="1" fill="currentColor" />,
    alert: <path d="M5 0 10 5 5 10 0 5z" fill="currentColor" />,
    calm: <circle cx="5" cy="5" r="3.5" fill="none" stroke="currentColor" strokeWidth="1.5" />,
  }[tone];
  return (
    <svg viewBox="0 0 10 10" className="size-2.5 shrink-0" aria-hidden="true">
      {shape}
    </svg>
  );
}

export function Mark({ tone, word, className }: { tone: Tone; word: string; className?: string }) {
  return (
    <span className={classes('inline-flex items-center gap-1.5 whitespace-nowrap font-medium', INK[tone], className)}>
      <Shape tone={tone} />
      {word}
    </span>
  );
}

const DECISION_TONE: Record<Decision, Tone> = { permit: 'permit', hold: 'hold', deny: 'deny' };

type Decided = { decision: Decision; mode?: 'enforcing' | 'observing' };

/** While the gateway observed nothing is green: policy said so, and did not stand in the way. */
export function DecisionMark({ decision, mode = 'enforcing' }: Decided) {
  if (mode === 'observing') return <Mark tone="hold" word={`would ${decision}`} />;
  return <Mark tone={DECISION_TONE[decision]} word={decision} />;
}

const STATE_TONE: Record<State, Tone> = {
  open: 'calm',
  completed: 'calm',
  failed: 'alert',
  withheld: 'alert',
  cut: 'alert',
  cancelled: 'calm',
  unknown: 'alert',
  refused: 'deny',
  held: 'hold',
};

/** What became of it. Only what is not as it should be has a colour. */
export function StateMark({ state }: { state: State }) {
  const tone = STATE_TONE[state];
  if (tone === 'calm')
    return <span className="whitespace-nowrap text-faint">{state === 'open' ? 'going on' : state}</span>;
  return <Mark tone={tone} word={state} />;
}

const PIN_TONE: Record<ToolPart['state'], Tone> = {
  pinned: 'calm',
  waiting: 'hold',
  changed: 'alert',
  rejected: 'deny',
  removed: 'calm',
};

/** How a part of a server stands. Only what a person looked at is green. */
export function PinMark({
  state,
  looked,
  className,
}: {
  state: ToolPart['state'];
  looked: boolean;
  className?: string;
}) {
  const tone = state === 'pinned' && looked ? 'permit' : PIN_TONE[state];
  return <Mark tone={tone} word={state} {...(className === undefined ? {} : { className })} />;
}

/** A quiet word in a frame: a mode, a role, a kind. */
export function Badge({ children, tone = 'calm' }: { children: string; tone?: Tone }) {
  const soft = {
    permit: 'bg-permit-soft',
    hold: 'bg-hold-soft',
    deny: 'bg-deny-soft',
    alert: 'bg-alert-soft',
    calm: 'bg-sunken',
  }[tone];
  const ink = tone === 'calm' ? 'text-soft' : INK[tone];
  return (
    <span
      className={classes(
        'inline-flex h-5 items-center whitespace-nowrap rounded-small px-1.5 font-medium text-small',
        soft,
        ink,
      )}
    >
      {children}
    </span>
  );
}
