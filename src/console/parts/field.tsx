import {
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from 'react';

const BOX =
  'h-9 w-full rounded-medium border border-line-strong bg-surface px-2.5 text-ink placeholder:text-faint focus:border-accent disabled:opacity-60';

type Common = { label: string; hint?: ReactNode };

/** A label, its control, and what to know about it. */
export function Field({ label, hint, className, ...rest }: Common & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <input
        id={id}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        className={`${BOX} ${className ?? ''}`}
        {...rest}
      />
      <Hint id={id}>{hint}</Hint>
    </div>
  );
}

/** Several lines of code or of keys. */
export function Area({ label, hint, ...rest }: Common & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <textarea
        id={id}
        rows={3}
        spellCheck={false}
        autoComplete="off"
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        className="w-full rounded-medium border border-line-strong bg-surface px-2.5 py-1.5 font-mono text-ink text-small placeholder:text-faint focus:border-accent"
        {...rest}
      />
      <Hint id={id}>{hint}</Hint>
    </div>
  );
}

export function Select({ label, hint, children, ...rest }: Common & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <select id={id} aria-describedby={hint === undefined ? undefined : `${id}-hint`} className={BOX} {...rest}>
        {children}
      </select>
      <Hint id={id}>{hint}</Hint>
    </div>
  );
}

function Hint({ id, children }: { id: string; children: ReactNode }) {
  if (children === undefined) return null;
  return (
    <p id={`${id}-hint`} className="text-faint text-small">
      {children}
    </p>
  );
}

/** Six digits, as an authenticator shows them. */
export function CodeField({ value, onChange }: { value: string; onChange: (code: string) => void }) {
  return (
    <Field
      label="Code"
      hint="Six digits from your authenticator."
      inputMode="numeric"
      autoComplete="one-time-code"
      pattern="\d{6}"
      maxLength={6}
      required
      autoFocus
      value={value}
      onChange={(event) => onChange(event.target.value.replaceAll(/\D/g, ''))}
      className="font-mono text-large tracking-[0.4em]"
    />
  );
}
