import type { Role } from '../../../core/person.ts';
import { ALGORITHMS } from '../jwk.ts';

export const SIGNING_ALGORITHMS: readonly string[] = ALGORITHMS;
/** Clocks of clients may differ from ours by this much. */
export const CLOCK_SECONDS_TOLERANCE = 5;

/** Where the authorization server answers, beneath the issuer. */
export const PATHS = {
  authorization: '/oauth/authorize',
  token: '/oauth/token',
  jwks: '/oauth/jwks',
  pushed: '/oauth/par',
  device: '/oauth/device',
  introspection: '/oauth/introspect',
  revocation: '/oauth/revoke',
  registration: '/oauth/register',
} as const;

/** What a client asks for that lets the person choose the job. */
export const ANY_JOB_SCOPE = 'mcp';

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
/** What a person can let a client have. */
export const PERSONS_GRANTS: readonly string[] = ['authorization_code', 'refresh_token', DEVICE_GRANT];

/** How long what is under way may take. A refresh token is worth what is left of its grant. */
export const SECONDS_MAX = {
  code: 60,
  pushed: 60,
  interaction: 600,
  ticket: 60,
  device: 600,
  grant: 30 * 24 * 3_600,
  client: 90 * 24 * 3_600,
} as const;

/** Who may let which clients act for them, and in what jobs. */
export type SignInRule = {
  /** Addresses of client metadata, `https://host/*` for all of a host, `*` for every one, or `registered`. */
  clients: readonly string[];
  jobs: readonly string[];
  /** Names of accounts. */
  people: readonly string[];
  roles: readonly Role[];
};

export type AuthorizationSettings = {
  /** Nobody may, where there is no rule. */
  sign_in: readonly SignInRule[];
  /** RFC 7591. */
  registration: boolean;
  /** RFC 9449, sections 8 and 9. */
  dpop_nonces: 'off' | 'offered' | 'required';
};
