/**
 * What garbage collection takes of an artifact. The latest version gives the rule for all of it, and is never taken alone: an artifact
 * whose latest version has outlived its lifetime goes as a whole, for an older content must not come back as the latest. Of any other
 * artifact versions go from the lowest number upwards, up to the first one that stays: above the floor no number may be missing (P10).
 */
import { DEFAULT_GC, DEFAULT_LIFETIME, parseGc, parseLifetime } from './lifetimes.js';
import type { VersionMetadata } from './metadata.js';

/** What a definition says for data that was stored without a rule of its own (`infinite`, `all`). */
export interface Retention {
  readonly lifetime?: string;
  readonly gc?: string;
}

/** What of a version decides. */
export type Kept = Pick<VersionMetadata, 'lifetime' | 'garbageCollection' | 'createdAt'>;

/** The rule of an artifact, as its latest version and the definition of its model give it. */
export interface Rule {
  readonly lifetime: string;
  readonly gc: string;
}

export function ruleOf({ lifetime, garbageCollection: gc }: Kept, defaults: Retention): Rule {
  return {
    lifetime: lifetime === DEFAULT_LIFETIME ? (defaults.lifetime ?? lifetime) : lifetime,
    gc: gc === DEFAULT_GC ? (defaults.gc ?? gc) : gc,
  };
}

/** Why an artifact goes as a whole. */
export type Expiry = 'duration-expired' | 'ephemeral';

/** Undefined while the version lives. An `ephemeral` one is compared with no clock: the next collection takes it. */
export function expiryOf(version: Kept, defaults: Retention, now: number): Expiry | undefined {
  const { lifetime } = ruleOf(version, defaults);
  if (lifetime === 'ephemeral') return 'ephemeral';
  return isOlder(version, parseLifetime(lifetime) ?? Number.POSITIVE_INFINITY, now) ? 'duration-expired' : undefined;
}

/** A time in the future, which another clock wrote, is not old: the version stays until this clock has passed it by the age. */
function isOlder({ createdAt }: Kept, ageMs: number, now: number): boolean {
  return now - Date.parse(createdAt) >= ageMs;
}

export interface Deciding {
  readonly defaults: Retention;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Called for each version that is looked at. */
  readonly pass?: () => Promise<void> | undefined;
}

/**
 * Those of `versions`, which ascend, that the rule of the latest one does not keep, from the lowest upwards. `read`: what decides of
 * a version; undefined when it is gone by now. No more is read than one version that stays.
 */
export async function superseded(
  versions: readonly number[],
  latest: Kept,
  read: (version: number) => Kept | undefined,
  { defaults, now, pass }: Deciding,
): Promise<number[]> {
  const keeps = parseGc(ruleOf(latest, defaults).gc) ?? 'all';
  const beyond = typeof keeps === 'object' && 'count' in keeps ? versions.length - keeps.count : 0;
  const ageMs = typeof keeps === 'object' && 'ageMs' in keeps ? keeps.ageMs : Number.POSITIVE_INFINITY;
  const taken: number[] = [];
  for (const [i, version] of versions.slice(0, -1).entries()) {
    await pass?.();
    if (i >= beyond) {
      const one = read(version);
      if (one !== undefined && !isOlder(one, ageMs, now) && expiryOf(one, defaults, now) === undefined) break;
    }
    taken.push(version);
  }
  return taken;
}
