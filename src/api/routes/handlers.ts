import type { Handlers, StreamHandlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';
import { openApiDocument } from '../server/openapi.ts';
import { agentHandlers } from './agents.ts';
import { exchangeHandlers, liveHandlers } from './exchanges.ts';
import { logHandlers } from './log.ts';
import { peopleHandlers } from './people.ts';
import { policyHandlers } from './policy.ts';
import { statusHandlers } from './status.ts';

/** A line of the contract without a handler does not compile. */
export function allHandlers(ports: ApiPorts): { handlers: Handlers; streams: StreamHandlers } {
  const document = openApiDocument(ports.gateway.state().build);
  return {
    handlers: {
      ...peopleHandlers(ports),
      ...statusHandlers(ports),
      ...exchangeHandlers(ports),
      ...agentHandlers(ports),
      ...policyHandlers(ports),
      ...logHandlers(ports),
      openapi: () => document,
    },
    streams: liveHandlers(ports),
  };
}
