import { useEffect, useState } from 'react';

/** The value as soon as it has rested for a moment: what is typed is not asked about letter by letter. */
export function useSettled<T>(value: T, rest_ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), rest_ms);
    return () => clearTimeout(timer);
  }, [value, rest_ms]);
  return settled;
}
