import { useEffect, useRef } from 'react';

type Keys = readonly (readonly [key: string, pressed: (event: KeyboardEvent) => void])[];

/** Keys of a page. They rest while someone types, or while a dialog is open. */
export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
      // Within a shadow tree, as the code editor's, the event's own target is only its host.
      if (isTyping(event.composedPath()[0]) && event.key !== 'Escape') return;
      if (document.querySelector('dialog[open]') !== null) return;
      latest.current.find(([key]) => key === event.key)?.[1](event);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
}

function isTyping(target: EventTarget | undefined): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
