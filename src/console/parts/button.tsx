import type { ButtonHTMLAttributes } from 'react';
import { classes } from './classes.ts';

type Kind = 'plain' | 'primary' | 'quiet' | 'stop';

const KINDS: Record<Kind, string> = {
  plain: 'border border-line-strong bg-surface text-ink hover:bg-hover',
  primary: 'bg-accent-fill text-on-accent hover:brightness-110',
  quiet: 'text-soft hover:bg-hover hover:text-ink',
  stop: 'bg-stop text-on-stop hover:brightness-110',
};

/** For a link that stands among buttons. */
export const ButtonLook: string = classes('inline-flex h-8 items-center rounded-medium px-3 font-medium', KINDS.plain);

type Props = ButtonHTMLAttributes<HTMLButtonElement> & { kind?: Kind; icon?: boolean; busy?: boolean };

export function Button({ kind = 'plain', icon = false, busy = false, className, children, disabled, ...rest }: Props) {
  return (
    <button
      type="button"
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={classes(
        'inline-flex h-8 shrink-0 items-center justify-center gap-1.5 whitespace-nowrap rounded-medium font-medium transition-colors disabled:opacity-50',
        icon ? 'w-8' : 'px-3',
        KINDS[kind],
        className,
      )}
      {...rest}
    >
      {children}
    </button>
  );
}

/** A key as it stands on a keyboard. Hidden where there is none. */
export function Key({ children }: { children: string }) {
  return (
    <kbd className="hidden min-w-4.5 rounded-small border border-line-strong bg-sunken px-1 text-center font-sans text-micro text-soft sm:inline-block">
      {children}
    </kbd>
  );
}
