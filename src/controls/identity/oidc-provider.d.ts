/** The part of oidc-provider 9 that the authorization server uses; the package ships no types of its own. */
declare module 'oidc-provider' {
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

  type OidcError = new (description?: string, detail?: string) => Error;
  export const errors: {
    AccessDenied: OidcError;
    InvalidClientAuth: new (detail: string) => Error;
    InvalidRequest: OidcError;
    InvalidScope: new (description: string, scope: string) => Error;
    InvalidTarget: OidcError;
    TemporarilyUnavailable: OidcError;
    OIDCProviderError: abstract new () => Error;
  };
}
