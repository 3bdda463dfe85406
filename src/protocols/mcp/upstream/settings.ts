import type { UpstreamConfig } from '../../../config/index.ts';
import type { UpstreamSettings } from '../upstream.ts';

/** One entry of the operator's file, as an upstream. */
export function upstreamSettings(server: string, config: UpstreamConfig): UpstreamSettings {
  const { transport } = config;
  return {
    server,
    transport:
      transport.kind === 'http'
        ? { kind: 'http', url: transport.url, headers: transport.headers, gateway_only: config.enclosed }
        : { kind: 'stdio', command: transport.command, env: transport.env, cwd: transport.cwd },
    shared: config.shared,
    limits: {
      open_ms_max: config.start_ms_max,
      answer_ms_max: config.call_ms_max,
      answer_bytes_max: config.answer_bytes_max,
      frames_per_second_max: config.notifications_per_second_max,
      pages_max: config.pages_max,
      sessions_max: config.instances_max,
      session_idle_ms_max: config.idle_seconds_max * 1_000,
    },
  };
}
