import type { Clock } from '../../core/clock.ts';
import type { Presented } from '../../core/exchange.ts';
import { refuse } from '../../core/refusal.ts';
import type { StageRun, Verdict } from '../pipeline.ts';
import { sourcePrefix } from '../source.ts';

export type AdmissionRules = {
  /** Lower case, with port where it is not the scheme's default; what `Host` may be (DNS rebinding). */
  hosts: ReadonlySet<string>;
  /** What `Origin` may be, where a browser sends one. */
  origins: ReadonlySet<string>;
  request_bytes_max: number;
  /** Failed attempts that one source may make at once, and how fast they are forgiven. */
  failures_burst: number;
  failures_per_second: number;
};

export type Admission = {
  stage: StageRun;
  /** Counts a refusal before identity against its source. */
  failed(address: string): void;
};

const SOURCES_MAX = 10_000;

/**
 * Cheap checks, before any signature or hash. A source that keeps failing is refused unseen, unless what it presents was
 * verified a moment ago: so anonymous noise from a shared address cannot shut out those who live there.
 */
export function admitConnection(from: {
  rules: () => AdmissionRules;
  clock: Clock;
  recognises(presented: Presented): boolean;
  stopping(): boolean;
}): Admission {
  const sources = new Map<string, { spent: number; at: number }>();

  function spent(source: string, rules: AdmissionRules): number {
    const known = sources.get(source);
    if (!known) return 0;
    const forgiven = ((from.clock.monotonic() - known.at) / 1000) * rules.failures_per_second;
    return Math.max(0, known.spent - forgiven);
  }

  function failed(address: string): void {
    const rules = from.rules();
    const source = sourcePrefix(address);
    const count = Math.min(spent(source, rules) + 1, rules.failures_burst * 2);
    sources.delete(source);
    if (sources.size >= SOURCES_MAX) sources.delete(sources.keys().next().value as string);
    sources.set(source, { spent: count, at: from.clock.monotonic() });
  }

  const stage: StageRun = (pass) => {
    if (pass.parent) return undefined;
    if (from.stopping()) return refuse('gateway_stopping', 'the gateway is stopping');
    const { presented } = pass.attempt;
    const rules = from.rules();
    const misdirected = checkNames(presented, rules);
    if (misdirected) return misdirected;
    if (presented.bytes_announced > rules.request_bytes_max) {
      const announced = `${presented.bytes_announced} bytes announced`;
      return refuse('request_too_large', `${announced}, ${rules.request_bytes_max} allowed`);
    }
    const source = sourcePrefix(presented.address);
    if (spent(source, rules) < rules.failures_burst || from.recognises(presented)) return undefined;
    const forgiven = `${rules.failures_per_second} are forgiven a second`;
    return refuse('rate_limited', `${source} failed ${rules.failures_burst} times; ${forgiven}`);
  };

  return { stage, failed };
}

function checkNames(presented: Presented, rules: AdmissionRules): Verdict {
  const host = presented.host?.toLowerCase();
  if (host === undefined || !rules.hosts.has(host)) {
    return refuse('host_not_allowed', `Host is ${JSON.stringify(presented.host ?? null)}`);
  }
  if (presented.origin !== undefined && !rules.origins.has(presented.origin.toLowerCase())) {
    return refuse('origin_not_allowed', `Origin is ${JSON.stringify(presented.origin)}`);
  }
  return undefined;
}
