/** Files beside the tiles. */
export const CHECKPOINT = 'checkpoint';
/** The last checkpoint published, kept where the database is not: what a database must extend at start. */
export const HIGH_WATER = 'high-water';
/** The log's verifier key, for convenience: whoever gives it could give another. */
export const VERIFIER_KEY = 'verifier-key';
/** The newest checkpoint whose files are known to be on the disk and not only on their way to it. */
export const SETTLED = 'settled';
