import type { Clock, Random } from '../../../core/clock.ts';
import type { Documents } from '../../../core/document.ts';
import type { Refusal } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import type { ChangeParts } from '../change.ts';
import type { IdentityKeys } from '../identity-keys.ts';
import type { PeopleSettings } from './contract.ts';

export type PeopleParts = ChangeParts & {
  clock: Clock;
  random: Random;
  keys: IdentityKeys;
  issuer: string;
  documents: Documents;
  settings: PeopleSettings;
  id_tokens: KeepsIdTokens;
};

/** Where what the company says of people is kept, if anything needs it. */
export interface KeepsIdTokens {
  wanted(): boolean;
  keep(person: string, token: Secret): Promise<Refusal | undefined>;
}
