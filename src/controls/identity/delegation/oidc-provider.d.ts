/** What token exchange borrows of oidc-provider: the steps after the grant itself was understood. */
declare module 'oidc-provider/lib/actions/grants/client_credentials.js' {
  import type { GrantContext, Provider } from 'oidc-provider/lib/provider.js';
  export function handler(provider: Provider, helpers: object, context: GrantContext): Promise<void>;
}

declare module 'oidc-provider/lib/helpers/grants.js' {
  const helpers: Record<string, (...args: unknown[]) => unknown>;
  export = helpers;
}
