import { getRouteApi, Link } from '@tanstack/react-router';
import { ArrowLeft } from 'lucide-react';
import { StoryView } from '../live/story-view.tsx';

const route = getRouteApi('/shell/exchanges/$receipt');

/** A story as a page of its own, to send to a colleague. */
export function ExchangePage() {
  const { receipt } = route.useParams();
  return (
    <div className="scrolls h-full">
      <div className="mx-auto max-w-3xl pt-2">
        <Link
          to="/live"
          search={{ receipt }}
          className="mx-3 inline-flex items-center gap-1.5 rounded-medium px-1 py-1 text-soft hover:text-ink"
        >
          <ArrowLeft className="size-4" /> Live
        </Link>
        <StoryView receipt={receipt} state={undefined} />
      </div>
    </div>
  );
}
