import { Link } from '@tanstack/react-router';
import { Maximize2, X } from 'lucide-react';
import { useSettled } from '../data/use-settled.ts';
import { Button } from '../parts/button.tsx';
import { StoryView } from './story-view.tsx';

const SETTLE_MS = 120;

/** Beside the list; over it on a phone. Moving quickly past rows does not read them: each reading leaves a receipt. */
export function StoryPane({
  receipt,
  state,
  onClose,
}: {
  receipt: string;
  state: string | undefined;
  onClose: () => void;
}) {
  const settled = useSettled(receipt, SETTLE_MS);
  return (
    <aside
      aria-label="Why"
      className="scrolls flex w-full flex-col border-line bg-canvas max-lg:fixed max-lg:inset-0 max-lg:z-20 lg:w-[min(46%,44rem)] lg:shrink-0 lg:border-l"
    >
      <div className="sticky top-0 z-10 flex items-center justify-between gap-2 border-line border-b bg-canvas py-1.5 pr-2 pl-4">
        <span className="truncate font-mono text-faint text-small">{receipt}</span>
        <span className="flex">
          <Link
            to="/exchanges/$receipt"
            params={{ receipt }}
            aria-label="Open as a page"
            title="Open as a page"
            className="inline-flex size-8 items-center justify-center rounded-medium text-soft hover:bg-hover hover:text-ink"
          >
            <Maximize2 className="size-4" />
          </Link>
          <Button kind="quiet" icon aria-label="Close" title="Close (esc)" onClick={onClose}>
            <X className="size-4" />
          </Button>
        </span>
      </div>
      <StoryView receipt={settled} state={state} />
    </aside>
  );
}
