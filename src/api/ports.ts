import type { Ledger } from '../controls/audit/index.ts';
import type { ConnectSource, Identity, TokenSource } from '../controls/identity/index.ts';
import type {
  Explainer,
  Grants,
  ModeSwitch,
  PolicyAnalysis,
  PolicyEngine,
  PolicySets,
  RecordedDecisions,
  ShadowDifferences,
  Shadows,
  Simulations,
  Suggestions,
} from '../controls/policy/index.ts';
import type { Clock } from '../core/clock.ts';
import type { Refusal } from '../core/refusal.ts';
import type { AgentWorkload, Fault, Upstream } from './contract/index.ts';

/** What the gateway as a whole says of itself, beside what its parts say. */
export type GatewayState = {
  mode: 'enforcing' | 'observing';
  /** When observing ends by itself. */
  observing_until: number | null;
  build: string;
  started_at: number;
  replica: string;
  /** Whether this replica may forward now: it has heard of revocations less than a second ago. */
  leased: boolean;
  state_version: number;
  /** `sqlite` or `postgres`. */
  storage: string;
  /** Exchanges in flight on this replica. */
  in_flight: number;
  /** Where agents reach it. */
  agents_url: string;
  /** What only main knows to be wrong, such as a configuration file that could not be taken over. */
  faults: readonly Fault[];
};

export interface GatewayPort {
  state(): GatewayState;
  upstreams(): readonly UpstreamState[];
}

/** As the protocol has it; `undefined` is its way of saying `null`. */
export type UpstreamState = Omit<Upstream, 'eras' | 'last_error'> & {
  eras: readonly string[];
  last_error: string | undefined;
};

export type LedgerPort = Pick<
  Ledger,
  'story' | 'feed' | 'latest' | 'onGrowth' | 'checkpoint' | 'proof' | 'status' | 'control'
>;

/** All that routes need. */
export type ApiPorts = {
  clock: Clock;
  identity: Pick<
    Identity,
    | 'people'
    | 'consents'
    | 'agents'
    | 'tokens'
    | 'runs'
    | 'delegations'
    | 'upstreamTokens'
    | 'connections'
    | 'stops'
    | 'manifests'
    | 'vault'
    | 'signingKeys'
    | 'spiffe'
  >;
  /** Looks at policies without changing anything. */
  analysis: PolicyAnalysis;
  policy: Omit<PolicySets, 'reload' | 'close'>;
  grants: Pick<Grants, 'list' | 'give' | 'end' | 'seconds_max' | 'now'>;
  /** Enforcing or observing. */
  mode: ModeSwitch;
  /** What an agent would be shown, asked for it. */
  decisions: Pick<PolicyEngine, 'visible' | 'set' | 'setFor'>;
  /** What policy decided, read back from the log. */
  recorded: RecordedDecisions;
  /** The least policy that would have permitted what was done. */
  suggestions: Suggestions;
  /** Decisions told in full, under whatever set made them. */
  explainer: Explainer;
  /** Other sets, tried on what is recorded. */
  /** A set that is asked beside the one that decides. */
  shadows: Pick<Shadows, 'current' | 'set' | 'clear'>;
  shadowDifferences(by: string): Promise<ShadowDifferences | undefined | Refusal>;
  simulations: Pick<Simulations, 'start' | 'find' | 'list' | 'cancel'>;
  ledger: LedgerPort;
  gateway: GatewayPort;
  /** Where a server's tokens come from, where the gateway fetches them by itself. */
  tokenSource(upstream: string): TokenSource | undefined;
  /** What else than its key makes somebody this agent, by the rules of the configuration. */
  workloads(agent: string): readonly AgentWorkload[];
  /** Where people sign in for a server, where they do. */
  connectSource(upstream: string): ConnectSource | undefined;
  /** The servers at which they may. */
  connectable(): readonly string[];
  /** Asks a server what it offers, so that it says what it wants to be shown. */
  meet(upstream: string): Promise<void>;
  /** Where people reach the console; set-up links point there. */
  console_url(): string;
};
