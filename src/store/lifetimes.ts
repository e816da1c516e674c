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

/** Milliseconds until a version expires; Infinity for `infinite`, 0 for `ephemeral`; undefined for any other text. */
export function parseLifetime(text: string): number | undefined {
  if (text === 'infinite') return Number.POSITIVE_INFINITY;
  return text === 'ephemeral' ? 0 : parseAge(text);
}

/** What gc keeps: all versions, the newest `count`, or those younger than `ageMs`; undefined for any other text. */
export function parseGc(text: string): 'all' | { readonly count: number } | { readonly ageMs: number } | undefined {
  if (text === 'all') return 'all';
  if (COUNT.test(text)) return { count: Number(text) };
  const ageMs = parseAge(text);
  return ageMs === undefined ? undefined : { ageMs };
}

export const LIFETIME_EXAMPLES = 'Examples: 5m 1h 10d 2w 1mo 10y infinite ephemeral';
export const GC_EXAMPLES = 'Examples: all, 10 (versions), 30d (age)';

/** Throws `usage`. */
export function requireLifetimes(lifetime: string, gc: string): void {
  if (parseLifetime(lifetime) === undefined) throw new SwampError('usage', `"${lifetime}" is not a lifetime.`, { hint: LIFETIME_EXAMPLES });
  if (parseGc(gc) === undefined) throw new SwampError('usage', `"${gc}" is not a garbage-collection rule.`, { hint: GC_EXAMPLES });
}

/** Milliseconds of an age; undefined for any other text. */
export function parseAge(text: string): number | undefined {
  const match = AGE.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}
