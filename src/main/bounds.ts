import type { Config } from '../config/index.ts';
import type { Bounds } from '../enforcement/index.ts';

/** A burst of failures is forgiven if it is no longer than this. */
const BURST_SECONDS = 4;

/** What of the configuration bounds exchanges; a reload changes it for the next one. */
export function boundsOf(config: Config, agents_url: string): Bounds {
  const { limits, listen } = config;
  return {
    hosts: hostsOf(config, agents_url),
    origins: new Set([...listen.origins, new URL(agents_url).origin, new URL(listen.public_url).origin]),
    request_bytes_max: limits.body_bytes_max,
    failures_burst: limits.unauthenticated_per_second_max * BURST_SECONDS,
    failures_per_second: limits.unauthenticated_per_second_max,
    agent_exchanges_max: limits.agent_exchanges_max,
    exchange_ms_max: limits.exchange_ms_max,
    stage_ms_max: limits.stage_ms_max,
  };
}

/** The names that this gateway answers to: where it listens, what it is called, and what the operator added. */
export function hostsOf({ listen }: Config, agents_url: string): ReadonlySet<string> {
  const { host, port } = new URL(agents_url);
  const mtls = listen.agents_mtls;
  const names = [host, new URL(listen.public_url).host, ...listen.hosts];
  if (mtls !== undefined) {
    const hosts = [mtls.host, new URL(listen.public_url).hostname, 'localhost'];
    names.push(...hosts.map((name) => `${name}:${mtls.port}`));
  }
  if (/^(127\.0\.0\.1|\[::1\]|localhost)(:|$)/.test(host)) {
    names.push(...['127.0.0.1', 'localhost', '[::1]'].map((name) => (port === '' ? name : `${name}:${port}`)));
  }
  return new Set(names.map((name) => name.toLowerCase()));
}
