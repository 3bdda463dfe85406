/** A witness (C2SP tlog-witness): cosigns a checkpoint if it extends the last one it saw, so that a fork needs its help. */
export type Witness = {
  /** Prefix of `/add-checkpoint`. */
  url: string;
  /** Its verifier key, `NAME+HASH+KEY`. */
  key: string;
};

/** POST of plain text, made by the egress module; bounded there in time and bytes. */
export type WitnessPost = (url: string, body: string) => Promise<{ status: number; type: string; body: string }>;
