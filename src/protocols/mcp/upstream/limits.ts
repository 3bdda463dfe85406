import type { UpstreamLimits } from '../upstream.ts';

export const DEFAULT_LIMITS: UpstreamLimits = {
  open_ms_max: 15_000,
  answer_ms_max: 60_000,
  answer_bytes_max: 16 * 1024 * 1024,
  frames_per_second_max: 500,
  frames_max: 100_000,
  waiting_bytes_max: 4 * 1024 * 1024,
  pages_max: 100,
  items_max: 10_000,
  catalog_bytes_max: 32 * 1024 * 1024,
  sessions_max: 32,
  session_idle_ms_max: 300_000,
  requests_max: 256,
};

/** Requests from upstream that one exchange may leave unanswered at one time. */
export const ASKED_MAX = 8;
/** How long a server of 2025 on stdio may stay silent when it is asked for what it does not know (2026-07-28, stdio). */
export const PROBE_MS_MAX = 3_000;
/** After its answer, how long a stream may stay open before it is cut. */
export const LINGER_MS_MAX = 250;
/** A notification that was sent is taken, or not, within this time. */
export const NOTIFY_MS_MAX = 10_000;
/** A stdio line over `answer_bytes_max` is read over, which costs time and no memory; beyond this the child is ended. */
export const OVERLONG_BYTES_MAX = 256 * 1024 * 1024;
/** Lines of one child that are read in a second; then it is left waiting for so long. */
export const LINES_PER_SECOND_MAX = 20_000;
export const SLOW_MS = 500;
/** Waiting before the next attempt after a failure: doubled each time, from the first to the last. */
export const BACKOFF_MS_MIN = 250;
export const BACKOFF_MS_MAX = 30_000;
/** A session that lasted this long was a good one: the next failure waits the least again. */
export const STEADY_MS = 30_000;
/** Between two readings of one catalog, however often the server says that it changed. */
export const CATALOG_MS_MIN = 1_000;
/** The same where it says so while calls wait for what is true now. */
export const CHANGED_MS_MIN = 250;
/** How old a catalog may be that a call relies on, where configuration says nothing. */
export const LIST_AGE_MS_MAX = 60_000;
/** What a server's `ttlMs` for its lists is held to. */
export const CATALOG_TTL_MS_MIN = 30_000;
export const CATALOG_TTL_MS_MAX = 3_600_000;
/** SSE `retry` of a server of 2025 is held to these, and a stream is taken up again at most so often without news. */
export const RETRY_MS_DEFAULT = 1_000;
export const RETRY_MS_MAX = 30_000;
export const RESUMES_MAX = 5;
