/** Lifetimes and what gc keeps, as texts that people write: parsed at the edge, pure. */
import { SwampError } from '../errors.js';

const UNITS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  mo: 30 * 86_400_000,
  y: 365 * 86_400_000,
};
const AGE = /^([1-9][0-9]{0,5})(m|h|d|w|mo|y)$/;
const COUNT = /^[1-9][0-9]{0,8}$/;

export const DEFAULT_LIFETIME = 'infinite';
export const DEFAULT_GC = 'all';

/** Milliseconds until a version expires; Infinity for `infinite`, 0 for `ephemeral`. Throws `usage`. */
export function parseLifetime(text: string): number {
  if (text === 'infinite') return Number.POSITIVE_INFINITY;
  if (text === 'ephemeral') return 0;
  const age = parseAge(text);
  if (age === undefined) throw new SwampError('usage', `"${text}" is no lifetime.`, { hint: 'Examples: 5m 1h 10d 2w 1mo 10y infinite ephemeral' });
  return age;
}

/** What gc keeps: all versions, the newest `count`, or those younger than `ageMs`. Throws `usage`. */
export function parseGc(text: string): 'all' | { readonly count: number } | { readonly ageMs: number } {
  if (text === 'all') return 'all';
  if (COUNT.test(text)) return { count: Number(text) };
  const ageMs = parseAge(text);
  if (ageMs === undefined) throw new SwampError('usage', `"${text}" is no garbage-collection rule.`, { hint: 'Examples: all, 10 (versions), 30d (age)' });
  return { ageMs };
}

function parseAge(text: string): number | undefined {
  const match = AGE.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}
