import type { UpstreamSettings, UpstreamStatus } from '../upstream.ts';

/** Whether an agent could reach the server without us, as far as can be told from here. */
export function exposureOf({ transport }: UpstreamSettings): Pick<UpstreamStatus, 'exposure' | 'exposure_note'> {
  if (transport.kind === 'stdio') {
    return {
      exposure: 'enclosed',
      exposure_note:
        'A child process of the gateway, reached through it alone. Run agents as another user, so that they cannot start the same program themselves.',
    };
  }
  if (transport.gateway_only) {
    return { exposure: 'enclosed', exposure_note: 'The configuration states that agents cannot reach this address.' };
  }
  return {
    exposure: 'bypassable',
    exposure_note:
      'Agents may reach this address themselves. Let it accept only the gateway (a network rule, or a credential that only the gateway has) and set `enclosed: true`.',
  };
}
