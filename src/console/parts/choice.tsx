import { type ReactNode, useId } from 'react';

type Option<V extends string> = { value: V | undefined; label: ReactNode };
type Props<V extends string> = {
  legend: string;
  options: readonly Option<V>[];
  value: V | undefined;
  onChoose: (value: V | undefined) => void;
};

/** One of a few, all of them in sight. */
export function Choice<V extends string>({ legend, options, value, onChoose }: Props<V>) {
  const name = useId();
  return (
    <fieldset className="scrolls relative flex min-w-0 max-w-full rounded-medium bg-sunken p-0.5">
      <legend className="sr-only">{legend}</legend>
      {options.map((option) => (
        <label
          key={option.value ?? ''}
          className="flex h-7 shrink-0 cursor-pointer items-center rounded-small px-2 text-soft has-checked:bg-raised has-checked:text-ink has-checked:shadow-sm has-focus-visible:outline-2 has-focus-visible:outline-accent"
        >
          <input
            type="radio"
            name={name}
            className="sr-only"
            checked={option.value === value}
            onChange={() => onChoose(option.value)}
          />
          {option.label}
        </label>
      ))}
    </fieldset>
  );
}
