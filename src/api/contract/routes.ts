import { z } from 'zod';
import { agentRoutes } from './agents.ts';
import { clientGrantRoutes } from './client-grants.ts';
import { connectionRoutes } from './connections.ts';
import { consentRoutes } from './consents.ts';
import { exchangeRoutes } from './exchanges.ts';
import { canRoutes } from './explanation.ts';
import { grantRoutes } from './grants.ts';
import { keyRoutes } from './keys.ts';
import { logRoutes } from './log.ts';
import { modeRoutes } from './mode.ts';
import { oneAgentRoutes } from './one-agent.ts';
import { peopleRoutes } from './people.ts';
import { policyRoutes } from './policy.ts';
import { policyAnalysisRoutes } from './policy-analysis.ts';
import { policyLifeRoutes } from './policy-life.ts';
import { EVERYONE, get, type Route } from './route.ts';
import { json } from './scalars.ts';
import { shadowRoutes } from './shadow.ts';
import { simulationRoutes } from './simulations.ts';
import { spiffeRoutes } from './spiffe.ts';
import { statusRoutes } from './status.ts';
import { suggestionRoutes } from './suggestions.ts';
import { toolRoutes } from './tools.ts';
import { vaultRoutes } from './vault.ts';

/** Every route of the control plane. What is not in this table does not answer. */
export const ROUTES = {
  ...peopleRoutes,
  ...statusRoutes,
  ...exchangeRoutes,
  ...canRoutes,
  ...modeRoutes,
  ...agentRoutes,
  ...clientGrantRoutes,
  ...oneAgentRoutes,
  ...consentRoutes,
  ...connectionRoutes,
  ...vaultRoutes,
  ...policyRoutes,
  ...policyAnalysisRoutes,
  ...policyLifeRoutes,
  ...grantRoutes,
  ...suggestionRoutes,
  ...simulationRoutes,
  ...shadowRoutes,
  ...toolRoutes,
  ...logRoutes,
  ...spiffeRoutes,
  ...keyRoutes,
  openapi: get({
    path: '/api/openapi.json',
    summary: 'This table as an OpenAPI 3.1 document.',
    roles: EVERYONE,
    response: z.record(z.string(), json),
  }),
} as const satisfies Record<string, Route>;

export type Operation = keyof typeof ROUTES;

/** What a caller gives, as it is before parsing; parts that take nothing may be left out. */
export type Input<O extends Operation> = Part<'params', z.input<(typeof ROUTES)[O]['params']>> &
  Part<'query', z.input<(typeof ROUTES)[O]['query']>> &
  Part<'body', z.input<(typeof ROUTES)[O]['body']>>;

type Part<Name extends string, Value> =
  Record<never, never> extends Value ? { [K in Name]?: Value } : { [K in Name]: Value };

export type Output<O extends Operation> = z.output<(typeof ROUTES)[O]['response']>;

/** What a handler gets, parsed. */
export type Parsed<O extends Operation> = {
  params: z.output<(typeof ROUTES)[O]['params']>;
  query: z.output<(typeof ROUTES)[O]['query']>;
  body: z.output<(typeof ROUTES)[O]['body']>;
};
