/**
 * The part of oidc-provider 9 that the authorization server uses; the package ships no types of its own. Its two modules
 * are imported by name, since its index writes a warning about every Node that is not a long-term release, at each start.
 */
declare module 'oidc-provider/lib/provider.js' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export type OidcClient = {
    readonly clientId: string;
    readonly clientName?: string;
    readonly clientAuthMethod: string;
    readonly redirectUris: readonly string[];
    readonly grantTypes: readonly string[];
    grantTypeAllowed(type: string): boolean;
  };

  export type GrantContext = {
    readonly ip: string;
    readonly path: string;
    readonly method: string;
    readonly req: IncomingMessage;
    readonly res: ServerResponse;
    readonly oidc: {
      readonly issuer: string;
      readonly route: string;
      readonly client: OidcClient | undefined;
      /** The form as it was parsed: a parameter given twice is an array. */
      readonly body: Record<string, string | string[] | undefined> | undefined;
      readonly params: Record<string, string | undefined> | undefined;
    };
    status: number;
    type: string;
    /** The answer. */
    body: unknown;
    set(name: string, value: string): void;
    accepts(...types: string[]): string | false;
  };

  /** A token as it is about to be signed. */
  export type UnsignedToken = { readonly kind: string; readonly grantId?: string; readonly accountId?: string };

  export class Grant {
    constructor(grant: { accountId: string; clientId: string });
    readonly jti: string;
    addOIDCScope(scope: string): void;
    addOIDCClaims(claims: readonly string[]): void;
    addResourceScope(resource: string, scope: string): void;
    rejectResourceScope(resource: string, scope: string): void;
    save(): Promise<string>;
  }

  export class Interaction {
    static find(uid: string): Promise<Interaction | undefined>;
    readonly uid: string;
    readonly exp: number;
    readonly params: Record<string, unknown>;
    result: Record<string, unknown> | undefined;
    save(seconds: number): Promise<string>;
  }

  export class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>);
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
    registerGrantType(
      name: string,
      handler: (context: GrantContext) => Promise<void>,
      parameters: readonly string[],
      repeatable: readonly string[],
    ): void;
    use(middleware: (context: GrantContext, next: () => Promise<void>) => Promise<void>): this;
    on(
      event:
        | 'grant.error'
        | 'authorization.error'
        | 'pushed_authorization_request.error'
        | 'device_authorization.error'
        | 'introspection.error'
        | 'revocation.error'
        | 'registration_create.error'
        | 'server_error',
      heard: (context: GrantContext, error: Error) => void,
    ): this;
    on(event: 'registration_create.success', heard: (context: GrantContext, client: OidcClient) => void): this;
    readonly Client: { find(id: string): Promise<OidcClient | undefined> };
    readonly Grant: typeof Grant;
    readonly Interaction: typeof Interaction;
    /** The request that is being answered, wherever that is asked. */
    static readonly ctx: GrantContext | undefined;
    proxy: boolean;
    silent: boolean;
  }
}

declare module 'oidc-provider/lib/helpers/errors.js' {
  type OidcError = new (description?: string, detail?: string) => Error;
  export const AccessDenied: OidcError;
  export const CustomOIDCProviderError: new (error: string, description: string) => Error;
  export const InvalidClient: OidcError;
  export const InvalidClientAuth: new (detail: string) => Error;
  export const InvalidClientMetadata: OidcError;
  export const InvalidGrant: OidcError;
  export const InvalidRequest: OidcError;
  export const InvalidScope: new (description: string, scope: string) => Error;
  export const InvalidTarget: OidcError;
  export const TemporarilyUnavailable: OidcError;
}
