/** Resolves with the first of them to be aborted. */
export function firstAborted(signals: readonly AbortSignal[]): Promise<void> {
  const first = AbortSignal.any([...signals]);
  return new Promise((resolve) => {
    if (first.aborted) resolve();
    else first.addEventListener('abort', () => resolve(), { once: true });
  });
}
