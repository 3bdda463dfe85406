import type { Person } from '../../../core/person.ts';
import type { Refusal } from '../../../core/refusal.ts';
import type { IdentityParts } from '../contract.ts';
import type { WorkloadTokens } from '../federation/issue.ts';
import type { RunKeeper } from '../runs.ts';
import type { Standing } from '../standing.ts';
import type { Time } from '../time.ts';
import type { CertificateReader } from './certificates.ts';
import type { CustomGrant } from './grants.ts';

export type AuthorizationServerParts = Pick<
  IdentityParts,
  | 'db'
  | 'clock'
  | 'random'
  | 'issuer'
  | 'keys'
  | 'refused'
  | 'report'
  | 'state'
  | 'record'
  | 'documents'
  | 'authorization'
  | 'console_url'
  | 'origins'
> & {
  standing: Standing;
  time: Time;
  runs: RunKeeper;
  /** Grants beyond those that oidc-provider knows; identity.ts lists them. */
  grants: readonly CustomGrant[];
  /** Tokens for workloads that other issuers vouch for. */
  workloads: WorkloadTokens;
  /** Reads certificates of connections, where there is a trust domain. */
  svids: CertificateReader | undefined;
};

/** What a client wants of a person, as it is put to them. */
export type ConsentQuestion = {
  flow: 'browser' | 'device';
  client: {
    id: string;
    /** Its own word. */
    name: string;
    /** Whose address its metadata was read from; null for a client that registered itself and could be anybody. */
    host: string | null;
    /** Where the answer goes: a host, or `this computer`; null where the client waits elsewhere (a device). */
    returns_to: string | null;
  };
  /** Jobs that this person may give it; empty where none, and then nothing can be allowed. */
  jobs: readonly string[];
  /** The one that it asked for. */
  asked_job: string | null;
  /** The address that its tokens are for. */
  resource: string;
  /** The agent that it becomes. */
  agent: string;
  expires_at: number;
};

export type Verdict = { allow: true; job: string } | { allow: false };

/** What a person let a client do. */
export type GrantEntry = {
  id: string;
  client: string;
  agent: string;
  job: string;
  person: string;
  granted_at: number;
  expires_at: number;
};

/** Where people answer what clients ask: on the console, with their session. */
export interface Consents {
  ask(interaction: string, person: Person): Promise<ConsentQuestion | Refusal>;
  /** The address that the person's browser goes to next. It works once, for a minute. */
  answer(interaction: string, verdict: Verdict, person: Person): Promise<{ next: string } | Refusal>;
  askDevice(user_code: string, person: Person): Promise<ConsentQuestion | Refusal>;
  answerDevice(user_code: string, verdict: Verdict, person: Person): Promise<Refusal | undefined>;
  /** Everybody's, or one person's; the newest first. */
  list(person: string | undefined): Promise<readonly GrantEntry[]>;
  /** Ends it, with its run and every token. A person may end their own. */
  end(id: string, by: string, person: string | undefined): Promise<Refusal | undefined>;
}
