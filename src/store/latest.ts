/**
 * The latest version of an artifact without a listing, at a cost that does not grow with its versions. It rests on one rule: *every
 * number above the floor, up to the latest, is there* (design/disk-layout.md, "The floor"). So a look at one number shows on which
 * side of the latest it is. Everything that takes a number away raises the floor first.
 */
import { join } from 'node:path';
import { exists } from '../fs/tree.js';

/** A delete of the newest versions leaves the latest at or a little under the floor; one that is further down is found by a listing. */
const UNDER = 8;
/** Looks beyond the end for versions behind a gap: up to 2^16 numbers further. */
const FAR = 2 ** 16;

/**
 * The latest version in `dir`, whose record says `floor`. `directories`: how many directories are in it, as its link count says; a wrong
 * or missing count costs looks or a listing, never the answer. Undefined: only a listing can answer. That includes the gap above the
 * floor that a person made by hand: the versions behind it must be neither hidden nor given out again.
 */
export function latestIn(dir: string, floor: number, directories: number): number | undefined {
  const has = (version: number): boolean => exists(join(dir, String(version)));
  const above = has(floor + 1);
  const latest = above ? latestAbove(has, floor + 1, directories) : latestUnder(has, floor);
  // More directories than numbers up to the latest: one of them is behind a gap.
  if (latest === undefined || directories > latest) return undefined;
  // As many directories as there are versions above the floor: none of them is behind a gap.
  return (above && directories === latest - floor) || isLast(has, above ? latest : floor) ? latest : undefined;
}

type Has = (version: number) => boolean;

/** `there` exists. The first guess is right when nothing was ever deleted. */
function latestAbove(has: Has, first: number, guess: number): number {
  let there = first;
  let gone = Number.POSITIVE_INFINITY;
  const look = (version: number): void => {
    if (has(version)) there = version;
    else gone = version;
  };
  if (guess > first) look(guess);
  for (let step = 1; there + step < gone; step *= 2) look(there + step);
  while (gone - there > 1) look(there + Math.floor((gone - there) / 2));
  return there;
}

/** Versions at or under the floor go at any time and none comes, so what is there when all above it are gone is the latest. */
function latestUnder(has: Has, floor: number): number | undefined {
  for (let version = floor; version > Math.max(0, floor - UNDER); version--) if (has(version)) return version;
  return undefined;
}

/** False when there is a version some way beyond `end`, which is there or the floor, and `end` + 1, which is not. */
function isLast(has: Has, end: number): boolean {
  for (let far = 1; far <= FAR; far *= 2) if (has(end + far + 1)) return false;
  return true;
}

/** The floor under which a set of versions, ascending, is described truly: `floor` itself, or the last number where one above it is missing. */
export function floorOf(floor: number, versions: readonly number[]): number {
  const latest = versions.at(-1) ?? 0;
  return versions.filter((version) => version > floor).length === Math.max(0, latest - floor) ? floor : latest;
}
