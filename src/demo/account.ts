/** Decides whether every acknowledged version is accounted for: still there, or removed by a delete that came after it. */

/** A version whose put was acknowledged. Times are of one monotonic clock, in milliseconds. */
export interface Acknowledged {
  readonly version: number;
  readonly generation: number;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** A delete that was acknowledged, and how many versions it says it removed. */
export interface Deleted {
  readonly versions: number;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** One sentence for each thing that does not add up; `there` are the versions listed at the end. */
export function unaccounted(versions: readonly Acknowledged[], deletes: readonly Deleted[], there: readonly number[]): string[] {
  const problems: string[] = [];
  const left = new Set(there);
  const won = deletes.filter((item) => item.versions > 0);
  const pairs = new Set<string>();
  for (const { version, generation, startedAt } of versions) {
    const pair = `${generation}/${version}`;
    if (pairs.has(pair)) problems.push(`version ${version} of generation ${generation} was acknowledged twice`);
    pairs.add(pair);
    // A delete that had ended before the write began cannot have removed what it wrote.
    if (!left.has(version) && !won.some((item) => item.endedAt >= startedAt)) problems.push(`version ${version} is gone, and no delete came after it`);
  }
  const removed = won.reduce((sum, item) => sum + item.versions, 0);
  if (versions.length !== removed + left.size) {
    problems.push(`${versions.length} versions were acknowledged, but ${removed} were removed and ${left.size} are there`);
  }
  const numbers = new Set(versions.map((item) => item.version));
  for (const version of left) if (!numbers.has(version)) problems.push(`version ${version} is there, and no put was told so`);
  return problems;
}
