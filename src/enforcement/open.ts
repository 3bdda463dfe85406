import { hash } from 'node:crypto';
import type { Ledger } from '../controls/audit/index.ts';
import type { Identity, Manifests } from '../controls/identity/index.ts';
import type { PolicyEngine } from '../controls/policy/index.ts';
import type { Clock } from '../core/clock.ts';
import type { Offered } from '../core/manifest.ts';
import { isRefusal } from '../core/refusal.ts';
import { scopeCovers } from '../core/scope.ts';
import type { StateWatch } from '../storage/index.ts';
import type { Gateway } from './attempt.ts';
import { openFamiliar } from './familiar.ts';
import { Live } from './live.ts';
import { pipeline, type Table } from './pipeline.ts';
import { openRecorder } from './recorder.ts';
import { Runner } from './runner.ts';
import { type AdmissionRules, admitConnection } from './stages/admit-connection.ts';
import { checkIdentity } from './stages/check-identity.ts';
import { checkToolManifest } from './stages/check-tool-manifest.ts';
import { type Decider, decide, type ObservingNow, type Rules } from './stages/decide.ts';
import { forward } from './stages/forward.ts';
import { hold } from './stages/hold.ts';
import { loadRun } from './stages/load-run.ts';
import { parseIntent } from './stages/parse-intent.ts';
import { recordIntent } from './stages/record-intent.ts';
import { recordOutcome } from './stages/record-outcome.ts';

/** Bounds that a reload of the configuration may change; read at each use. */
export type Bounds = AdmissionRules & {
  agent_exchanges_max: number;
  exchange_ms_max: number;
  stage_ms_max: number;
};

export type EnforcementParts = {
  clock: Clock;
  identity: Pick<Identity, 'authenticate' | 'loadRun' | 'now' | 'stops'> & {
    manifests: Pick<Manifests, 'check' | 'onChange'>;
  };
  policy: Pick<PolicyEngine, 'decide' | 'visible' | 'pinned' | 'isOpen' | 'onChange'>;
  ledger: Pick<Ledger, 'intent' | 'outcome' | 'refusal' | 'flood'>;
  state: Pick<StateWatch, 'version' | 'lease' | 'leased' | 'poll'>;
  /** Whether policy's refusals are recorded and not enforced; never where nothing is said. */
  observing?: ObservingNow;
  bounds(): Bounds;
  /** The table as it is run. For the test that takes cells away, one at a time. */
  table?: ((table: Table) => Table) | undefined;
};

export type Enforcement = {
  gateway: Gateway;
  live: Live;
  table: Table;
};

/** Joins controls and table. Whatever changes the stop list cuts what is in flight, before anything is awaited. */
export function openEnforcement(parts: EnforcementParts): Enforcement {
  const { clock, identity, ledger, state, bounds, observing = () => false } = parts;
  const policy = observed(parts.policy, observing);
  const live = new Live(clock);
  const stopped = (who: Parameters<typeof identity.stops.find>[0]) => identity.stops.find(who);
  const familiar = openFamiliar(clock);
  const admission = admitConnection({ rules: bounds, clock, recognises: familiar.has, stopping: () => live.closed });
  const pinned = (offered: Offered) => !isRefusal(identity.manifests.check(offered));
  const built = pipeline({
    admitConnection: admission.stage,
    checkIdentity: checkIdentity(
      { authenticate: (presented) => identity.authenticate(presented), stopped, proved: familiar.add },
      live,
      () => bounds().agent_exchanges_max,
    ),
    loadRun: loadRun((caller) => identity.loadRun(caller)),
    parseIntent: parseIntent(stopped),
    checkToolManifest: checkToolManifest(identity.manifests, policy),
    decide: decide(policy, observing),
    hold: hold(),
    recordIntent: recordIntent({ lease: () => state.lease(), intent: (draft) => ledger.intent(draft) }),
    forward: forward({
      clock,
      now: () => identity.now(),
      exchangeMsMax: () => bounds().exchange_ms_max,
      leased: () => state.leased(),
      news: () => state.poll(),
      pinned,
      child: (pass, request) => runner.child(pass, request),
      digest: (names) => hash('sha256', names.join('\n')),
    }),
    recordOutcome: recordOutcome({ clock, outcome: (draft, options) => ledger.outcome(draft, options) }),
  });
  const table = parts.table ? parts.table(built) : built;
  const runner = new Runner({
    table,
    live,
    clock,
    recorder: openRecorder({ clock, ledger, strangerRefused: admission.failed }),
    stateVersion: () => state.version(),
    news: () => state.poll(),
    stageMsMax: () => bounds().stage_ms_max,
  });
  identity.stops.onChange(() => live.review(stopped));
  identity.manifests.onChange(() => live.reviewPins(pinned));
  parts.policy.onChange(() => live.reviewGrants((grant) => parts.policy.isOpen(grant)));
  return { gateway: runner, live, table };
}

/**
 * While it observes, lists show whatever an agent could use if policy permitted it: who does not see a tool does not call
 * it, and nothing would be learnt. What was not lent stays hidden.
 */
function observed(rules: Rules, observing: ObservingNow): Rules {
  const seen = (policy: Decider, isObserving: ObservingNow): Decider => ({
    decide: (request) => policy.decide(request),
    visible: (facts, candidates) =>
      isObserving() && facts.principal.type === 'Agent' && facts.protocol !== 'authzen'
        ? candidates.map((candidate) => facts.run.scopes.every((scope) => scopeCovers(scope, candidate)))
        : policy.visible(facts, candidates),
  });
  return {
    ...seen(rules, observing),
    pinned: () => {
      const then = observing();
      return seen(rules.pinned(), () => then);
    },
  };
}
