import type { UpstreamSettings, UpstreamStatus } from '../upstream.ts';

/** Whether an agent could reach the server without us, as far as can be told from here. */
export function exposureOf({ transport }: UpstreamSettings): Pick<UpstreamStatus, 'exposure' | 'exposure_note'> {
  if (transport.gateway_only === true) {
    return { exposure: 'enclosed', exposure_note: 'The configuration states that agents reach it through here alone.' };
  }
  // The operator and the agent may be one user of the machine: what we can start, it can start too.
  if (transport.kind === 'stdio') {
    return {
      exposure: 'bypassable',
      exposure_note:
        'Agents that run as the gateway’s user can start the same program themselves. Run them as another user, who cannot read what it needs, and set `enclosed: true`.',
    };
  }
  return {
    exposure: 'bypassable',
    exposure_note:
      'Agents may reach this address themselves. Let it accept only the gateway (a network rule, or a credential that only the gateway has) and set `enclosed: true`.',
  };
}
