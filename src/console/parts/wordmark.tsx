/** Two doors, one within the other: the inner one opens only when the outer one has shut. */
export function Wordmark({ word = true }: { word?: boolean }) {
  return (
    <span className="flex items-center gap-2 font-semibold text-large tracking-tight">
      <svg viewBox="0 0 24 24" className="size-6" aria-hidden="true">
        <rect width="24" height="24" rx="6" className="fill-ink" />
        <path
          d="M6 18V11a6 6 0 0 1 12 0v7"
          fill="none"
          strokeWidth="2"
          strokeLinecap="round"
          className="stroke-canvas"
        />
        <path d="M10 18v-6.5a2 2 0 0 1 4 0V18" fill="none" strokeWidth="2" strokeLinecap="round" stroke="#818cf8" />
      </svg>
      {word && 'Sallyport'}
    </span>
  );
}
