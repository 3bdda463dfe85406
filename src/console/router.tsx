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
import { keepToolSearch } from './data/tools.ts';
import { keepValid } from './live/filter-words.ts';
import { LivePage } from './live/live-page.tsx';
import { Empty, Failed } from './parts/states.tsx';
import { Policies } from './policies/section.tsx';
import { Identities } from './shell/identities.tsx';
import { Shell } from './shell/shell.tsx';

const RECEIPT = /^rcp_[0-9a-v]{26}$/;
const SIMULATION = /^sim_[0-9a-v]{26}$/;
const SET = /^[0-9a-f]{8,64}$/;
const RUN = /^run_[0-9a-v]{26}$/;

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

const passkeys = createRoute({
  getParentRoute: () => root,
  path: '/passkeys',
  component: lazyRouteComponent(() => import('./pages/passkeys.tsx'), 'Passkeys'),
});
const signedIn = createRoute({
  getParentRoute: () => root,
  path: '/signed-in',
  component: lazyRouteComponent(() => import('./pages/signed-in.tsx'), 'SignedIn'),
});

const connected = createRoute({
  getParentRoute: () => root,
  path: '/connected',
  component: lazyRouteComponent(() => import('./pages/connections.tsx'), 'Connected'),
});
const consent = createRoute({
  getParentRoute: () => root,
  path: '/consent/$request',
  component: lazyRouteComponent(() => import('./pages/consent.tsx'), 'Consent'),
});
const device = createRoute({
  getParentRoute: () => root,
  path: '/device',
  component: lazyRouteComponent(() => import('./pages/consent.tsx'), 'Device'),
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
/** A frame around its tabs; their addresses are their own. */
const identities = createRoute({ getParentRoute: () => shell, id: 'identity', component: Identities });
const identitiesIndex = createRoute({
  getParentRoute: () => shell,
  path: '/identities',
  beforeLoad: () => {
    throw redirect({ to: '/agents' });
  },
});
const agents = createRoute({
  getParentRoute: () => identities,
  path: '/agents',
  validateSearch: ({ agent }: Record<string, unknown>) =>
    (typeof agent === 'string' ? { agent } : {}) as { agent?: string },
  component: lazyRouteComponent(() => import('./pages/agents.tsx'), 'AgentsPage'),
});
const runs = createRoute({
  getParentRoute: () => identities,
  path: '/runs',
  validateSearch: ({ q, open, run }: Record<string, unknown>) =>
    ({
      ...(typeof q === 'string' && q !== '' ? { q } : {}),
      ...(open === 'no' ? { open } : {}),
      ...(typeof run === 'string' && RUN.test(run) ? { run } : {}),
    }) as { q?: string; open?: 'no'; run?: string },
  component: lazyRouteComponent(() => import('./pages/runs.tsx'), 'RunsPage'),
});
const policies = createRoute({ getParentRoute: () => shell, path: '/policies', component: Policies });
const policiesInForce = createRoute({
  getParentRoute: () => policies,
  path: '/',
  validateSearch: ({ policy, q }: Record<string, unknown>) =>
    ({
      ...(typeof q === 'string' && q !== '' ? { q } : {}),
      ...(typeof policy === 'string' ? { policy } : {}),
    }) as { q?: string; policy?: string },
  component: lazyRouteComponent(() => import('./policies/overview.tsx'), 'PoliciesPage'),
});
const policyEditor = createRoute({
  getParentRoute: () => policies,
  path: '/editor',
  validateSearch: ({ set, file }: Record<string, unknown>) =>
    ({
      ...(typeof set === 'string' && SET.test(set) ? { set } : {}),
      ...(typeof file === 'string' ? { file } : {}),
    }) as { set?: string; file?: string },
  component: lazyRouteComponent(() => import('./policies/editor-page.tsx'), 'EditorPage'),
});
const policySuggestions = createRoute({
  getParentRoute: () => policies,
  path: '/suggestions',
  validateSearch: ({ agent, job, days }: Record<string, unknown>) =>
    ({
      ...(typeof agent === 'string' && typeof job === 'string' ? { agent, job } : {}),
      ...(days === '1' || days === '7' || days === 1 || days === 7 ? { days: Number(days) } : {}),
    }) as { agent?: string; job?: string; days?: number },
  component: lazyRouteComponent(() => import('./policies/suggestions.tsx'), 'SuggestionsPage'),
});
const policySimulate = createRoute({
  getParentRoute: () => policies,
  path: '/simulate',
  validateSearch: ({ id, of }: Record<string, unknown>) =>
    ({
      ...(typeof id === 'string' && SIMULATION.test(id) ? { id } : {}),
      ...(typeof of === 'string' && (of === 'draft' || SET.test(of)) ? { of } : {}),
    }) as { id?: string; of?: string },
  component: lazyRouteComponent(() => import('./policies/simulate.tsx'), 'SimulatePage'),
});
const policyVersions = createRoute({
  getParentRoute: () => policies,
  path: '/versions',
  validateSearch: ({ set }: Record<string, unknown>) =>
    (typeof set === 'string' && SET.test(set) ? { set } : {}) as { set?: string },
  component: lazyRouteComponent(() => import('./policies/versions.tsx'), 'VersionsPage'),
});
const policyGrants = createRoute({
  getParentRoute: () => policies,
  path: '/grants',
  validateSearch: ({ ended }: Record<string, unknown>) => (ended === 'yes' ? { ended } : {}) as { ended?: 'yes' },
  component: lazyRouteComponent(() => import('./policies/grants.tsx'), 'GrantsPage'),
});
const status = createRoute({
  getParentRoute: () => shell,
  path: '/status',
  component: lazyRouteComponent(() => import('./pages/status.tsx'), 'StatusPage'),
});
const vault = createRoute({
  getParentRoute: () => identities,
  path: '/vault',
  component: lazyRouteComponent(() => import('./pages/vault.tsx'), 'VaultPage'),
});
const connections = createRoute({
  getParentRoute: () => identities,
  path: '/connections',
  component: lazyRouteComponent(() => import('./pages/connections.tsx'), 'ConnectionsPage'),
});
const tools = createRoute({
  getParentRoute: () => identities,
  path: '/tools',
  validateSearch: keepToolSearch,
  component: lazyRouteComponent(() => import('./pages/tools.tsx'), 'ToolsPage'),
});
const people = createRoute({
  getParentRoute: () => identities,
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
    connected,
    consent,
    device,
    passkeys,
    signedIn,
    parts,
    shell.addChildren([
      index,
      live,
      exchange,
      status,
      policies.addChildren([
        policiesInForce,
        policyEditor,
        policySuggestions,
        policySimulate,
        policyVersions,
        policyGrants,
      ]),
      identitiesIndex,
      identities.addChildren([agents, runs, tools, people, vault, connections]),
    ]),
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
