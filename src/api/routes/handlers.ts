import type { Handlers, StreamHandlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';
import { openApiDocument } from '../server/openapi.ts';
import { agentHandlers } from './agents.ts';
import { canHandlers } from './can.ts';
import { clientGrantHandlers } from './client-grants.ts';
import { connectionHandlers } from './connections.ts';
import { consentHandlers } from './consents.ts';
import { exchangeHandlers, liveHandlers } from './exchanges.ts';
import { grantHandlers } from './grants.ts';
import { keyHandlers } from './keys.ts';
import { logHandlers } from './log.ts';
import { modeHandlers } from './mode.ts';
import { oneAgentHandlers } from './one-agent.ts';
import { peopleHandlers } from './people.ts';
import { policyHandlers } from './policy.ts';
import { policyAnalysisHandlers } from './policy-analysis.ts';
import { policyLifeHandlers } from './policy-life.ts';
import { shadowHandlers } from './shadow.ts';
import { simulationHandlers } from './simulations.ts';
import { spiffeHandlers } from './spiffe.ts';
import { statusHandlers } from './status.ts';
import { suggestionHandlers } from './suggestions.ts';
import { toolHandlers } from './tools.ts';
import { vaultHandlers } from './vault.ts';

/** A line of the contract without a handler does not compile. */
export function allHandlers(ports: ApiPorts): { handlers: Handlers; streams: StreamHandlers } {
  const document = openApiDocument(ports.gateway.state().build);
  return {
    handlers: {
      ...peopleHandlers(ports),
      ...statusHandlers(ports),
      ...exchangeHandlers(ports),
      ...canHandlers(ports),
      ...modeHandlers(ports),
      ...agentHandlers(ports),
      ...clientGrantHandlers(ports),
      ...oneAgentHandlers(ports),
      ...consentHandlers(ports),
      ...connectionHandlers(ports),
      ...vaultHandlers(ports),
      ...policyHandlers(ports),
      ...policyAnalysisHandlers(ports),
      ...policyLifeHandlers(ports),
      ...grantHandlers(ports),
      ...suggestionHandlers(ports),
      ...simulationHandlers(ports),
      ...shadowHandlers(ports),
      ...toolHandlers(ports),
      ...logHandlers(ports),
      ...spiffeHandlers(ports),
      ...keyHandlers(ports),
      openapi: () => document,
    },
    streams: liveHandlers(ports),
  };
}
