import type { JsonValue } from '../../../core/json.ts';

/** RFC 5424, least severe first. */
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

export function isLevel(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && LEVELS.includes(value);
}

/** Whether a line of `level` is at least as severe as what was asked for; without a wish, every known level is. */
export function isSevere(level: JsonValue | undefined, least: JsonValue | undefined): boolean {
  if (!isLevel(level)) return false;
  return !isLevel(least) || LEVELS.indexOf(level) >= LEVELS.indexOf(least);
}
