import type { Role } from '../../../core/person.ts';
import type { Secret } from '../../../core/secret.ts';

/** The company's OpenID provider, as the operator's file has it. */
export type OidcSettings = {
  /** What people call it. */
  name: string;
  issuer: string;
  client_id: string;
  client_secret?: Secret | undefined;
  ca?: string | undefined;
  scopes: readonly string[];
  name_claim: string;
  groups_claim: string;
  /** Roles that a group gives. */
  roles: Readonly<Record<string, readonly Role[]>>;
  session_minutes_max: number;
};

export type PeopleSettings = {
  /** Where people reach the console: the origin that a passkey is for and that the company's provider sends people back to. */
  console_url(): string;
  /** Sets of roles of which nobody may hold two. */
  separation: readonly (readonly Role[])[];
  oidc?: OidcSettings | undefined;
};

export type PasskeyEntry = {
  id: string;
  name: string;
  added_at: number;
  used_at: number | null;
  /** Whether it is kept by an account, such as of a phone, and not by one device alone. */
  synced: boolean;
};

/** What the browser is asked (`PublicKeyCredential.parse…OptionsFromJSON`), as JSON. */
export type PasskeyQuestion = Record<string, unknown>;
/** What it answered (`PublicKeyCredential.toJSON`), unread. */
export type PasskeyAnswer = Record<string, unknown>;

/** `flow` is kept in a cookie beside the session's, sealed: strangers fill no table. */
export type Begun<T> = { flow: Secret } & T;
