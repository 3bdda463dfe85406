import { X } from 'lucide-react';
import { type FormEvent, type ReactNode, useEffect, useId, useRef } from 'react';
import { Button } from './button.tsx';

type Props = { title: string; onClose: () => void; children: ReactNode; onSubmit?: () => void; wide?: boolean };

/** The browser's own dialog: it keeps the focus, closes on Escape, and the page behind it rests. */
export function Dialog({ title, onClose, children, onSubmit, wide = false }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (dialog !== null && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit?.();
  };
  return (
    <dialog
      ref={ref}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => event.target === ref.current && onClose()}
      className={`m-auto w-[calc(100%-32px)] rounded-large border border-line bg-raised text-ink shadow-raised ${wide ? 'max-w-2xl' : 'max-w-md'}`}
    >
      <form onSubmit={submit} className="flex max-h-[calc(100dvh-64px)] flex-col">
        <header className="flex items-center justify-between gap-4 py-3 pr-2 pl-4">
          <h2 id={heading} className="font-semibold text-large">
            {title}
          </h2>
          <Button kind="quiet" icon aria-label="Close" onClick={onClose}>
            <X className="size-4" />
          </Button>
        </header>
        <div className="scrolls flex flex-col gap-4 px-4 pb-4">{children}</div>
      </form>
    </dialog>
  );
}

export function Actions({ children }: { children: ReactNode }) {
  return <div className="flex flex-wrap justify-end gap-2 pt-1">{children}</div>;
}
