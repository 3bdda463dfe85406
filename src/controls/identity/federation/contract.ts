/** Another issuer whose word on workloads counts, as the operator's file has it. */
export type TrustedIssuer = {
  issuer: string;
  /** `aud` of assertions; the gateway's own issuer without it. */
  audience?: string | undefined;
  /** Without it the issuer's discovery document is asked. */
  jwks_uri?: string | undefined;
  /** PEM certificates to trust for it in the place of the system's. */
  ca?: string | undefined;
  /** Whether an assertion counts once. */
  once: boolean;
  rules: readonly WorkloadRule[];
};

export type ClaimValue = string | number | boolean;

/** Which workload is which agent: every claim must be there with this value, or with one of these. */
export type WorkloadRule = {
  claims: Readonly<Record<string, ClaimValue | readonly ClaimValue[]>>;
  agent: string;
  job: string;
};

/** Who another issuer's token says is asking, by our rules. */
export type Workload = {
  issuer: string;
  subject: string;
  agent: string;
  job: string;
  expires_at: number;
};
