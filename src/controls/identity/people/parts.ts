import type { Clock, Random } from '../../../core/clock.ts';
import type { Documents } from '../../../core/document.ts';
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
};
