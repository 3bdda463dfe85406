import {
  createRootRoute,
  createRoute,
  createRouter,
  Link,
  lazyRouteComponent,
  parseSearchWith,
  redirect,
  stringifySearchWith,
} from '@tanstack/react-router';
import { keepValid } from './live/filter-words.ts';
import { LivePage } from './live/live-page.tsx';
import { Empty, Failed } from './parts/states.tsx';
import { Shell } from './shell/shell.tsx';

const RECEIPT = /^rcp_[0-9a-v]{26}$/;

const root = createRootRoute({ notFoundComponent: NotFound, errorComponent: ({ error }) => <Failed error={error} /> });

/** Before the door. */
const setup = createRoute({
  getParentRoute: () => root,
  path: '/setup',
  component: lazyRouteComponent(() => import('./pages/set-up.tsx'), 'SetUp'),
});
const authenticator = createRoute({
  getParentRoute: () => root,
  path: '/authenticator',
  component: lazyRouteComponent(() => import('./pages/authenticator.tsx'), 'Authenticator'),
});

/** Behind it. */
const shell = createRoute({ getParentRoute: () => root, id: 'shell', component: Shell });

const index = createRoute({
  getParentRoute: () => shell,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/live' });
  },
});
const live = createRoute({
  getParentRoute: () => shell,
  path: '/live',
  validateSearch: (search: Record<string, unknown>) => {
    const { receipt } = search;
    const open = typeof receipt === 'string' && RECEIPT.test(receipt) ? { receipt } : {};
    return { ...keepValid(search), ...open } as ReturnType<typeof keepValid> & { receipt?: string };
  },
  component: LivePage,
});
const exchange = createRoute({
  getParentRoute: () => shell,
  path: '/exchanges/$receipt',
  component: lazyRouteComponent(() => import('./pages/exchange.tsx'), 'ExchangePage'),
});
const agents = createRoute({
  getParentRoute: () => shell,
  path: '/agents',
  validateSearch: ({ agent }: Record<string, unknown>) =>
    (typeof agent === 'string' ? { agent } : {}) as { agent?: string },
  component: lazyRouteComponent(() => import('./pages/agents.tsx'), 'AgentsPage'),
});
const status = createRoute({
  getParentRoute: () => shell,
  path: '/status',
  component: lazyRouteComponent(() => import('./pages/status.tsx'), 'StatusPage'),
});
const people = createRoute({
  getParentRoute: () => shell,
  path: '/people',
  component: lazyRouteComponent(() => import('./pages/people.tsx'), 'PeoplePage'),
});
const parts = createRoute({
  getParentRoute: () => root,
  path: '/parts',
  component: import.meta.env.DEV ? lazyRouteComponent(() => import('./pages/parts.tsx'), 'PartsPage') : NotFound,
});

/** Plain query strings, `agent=triage`: they are typed by people, sent in chats and given to the command line. */
export const router = createRouter({
  routeTree: root.addChildren([
    setup,
    authenticator,
    parts,
    shell.addChildren([index, live, exchange, agents, people, status]),
  ]),
  parseSearch: parseSearchWith((value) => value),
  stringifySearch: stringifySearchWith(String),
  defaultPreload: 'intent',
  scrollRestoration: false,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

function NotFound() {
  return (
    <Empty title="There is no such page">
      <Link to="/live" className="text-accent hover:underline">
        Go to Live
      </Link>
    </Empty>
  );
}
