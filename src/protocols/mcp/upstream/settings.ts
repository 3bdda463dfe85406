import type { UpstreamConfig } from '../../../config/index.ts';
import type { UpstreamSettings } from '../upstream.ts';

/** One entry of the operator's file, as an upstream. */
export function upstreamSettings(server: string, config: UpstreamConfig): UpstreamSettings {
  const { transport, shared, era, limits } = config;
  return {
    server,
    transport:
      transport.kind === 'http'
        ? {
            kind: 'http',
            url: transport.url,
            headers: transport.headers,
            ca: transport.ca,
            gateway_only: config.enclosed,
          }
        : {
            kind: 'stdio',
            command: transport.command,
            env: transport.env,
            cwd: transport.cwd,
            gateway_only: config.enclosed,
          },
    shared,
    ...(era === undefined ? {} : { era }),
    limits,
  };
}
