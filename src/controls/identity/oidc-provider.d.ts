/**
 * The part of oidc-provider 9 that the authorization server uses; the package ships no types of its own. Its two modules
 * are imported by name, since its index writes a warning about every Node that is not a long-term release, at each start.
 */
declare module 'oidc-provider/lib/provider.js' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export type GrantContext = {
    readonly ip: string;
    readonly req: IncomingMessage;
    readonly oidc: {
      readonly issuer: string;
      readonly client: { readonly clientId: string } | undefined;
      /** The form as it was parsed: a parameter given twice is an array. */
      readonly body: Record<string, string | string[] | undefined> | undefined;
      readonly params: Record<string, string | undefined> | undefined;
    };
  };

  export class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>);
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
    on(event: 'grant.error' | 'server_error', heard: (context: GrantContext, error: Error) => void): this;
    proxy: boolean;
    silent: boolean;
  }
}

declare module 'oidc-provider/lib/helpers/errors.js' {
  type OidcError = new (description?: string, detail?: string) => Error;
  export const AccessDenied: OidcError;
  export const InvalidClientAuth: new (detail: string) => Error;
  export const InvalidRequest: OidcError;
  export const InvalidScope: new (description: string, scope: string) => Error;
  export const InvalidTarget: OidcError;
  export const TemporarilyUnavailable: OidcError;
}
