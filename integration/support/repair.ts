/** `datastore check --repair` on an injured store, as a person runs it: planned, refused, done, and clean at a second look. */
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { traceOf } from './failpoints.js';
import { INJURIES, type Places, readableBytes, TOLD, written } from './injuries.js';
import { refused, toldError } from './refused.js';
import type { TestRepo } from './repo.js';
import { snapshot } from './snapshot.js';
import { killAll, run, SWAMP_BIN } from './swamp.js';

export interface Repaired {
  readonly findings: readonly { readonly path: string; readonly kind: string; readonly message: string; readonly hint: string }[];
  readonly pending: readonly { readonly path: string; readonly kind: string }[];
  readonly checked: Readonly<Record<string, number>>;
  readonly repaired: readonly { readonly path: string; readonly kind: string; readonly action: string; readonly to?: string }[];
  readonly dryRun?: boolean;
  readonly cancelled?: boolean;
}

export const REPAIR = ['datastore', 'check', '--repair'] as const;

/** The store that is injured, for the program. */
export async function injuredRepo(t: TestContext): Promise<{ readonly repo: TestRepo; readonly places: Places }> {
  const places = await written(t);
  const base = join(places.repo.root, '..');
  const path = join(base, 'path');
  mkdirSync(path);
  const repo: TestRepo = { dir: places.repo.root, base, path, bin: SWAMP_BIN, env: {}, layout: places.repo.layout, running: new Set() };
  t.after(() => killAll(repo));
  return { repo, places };
}

/** Runs it; findings that are left are exit 65, and the error tells the same. */
export async function repairJson(repo: TestRepo, args: readonly string[], expect: 0 | 65): Promise<Repaired> {
  const result = await run(repo, [...args, '--json'], { expect });
  const document = JSON.parse(result.stdout) as Repaired;
  assert.deepEqual(Object.keys(document).slice(0, 5), ['findings', 'pending', 'notes', 'checked', 'repaired']);
  if (expect === 65) assert.deepEqual(toldError(result, 'corrupt').data['findings'], document.findings);
  // That it waited, when it did, is told; and what is not known any more of a model whose record cannot be read.
  else assert.doesNotMatch(result.stderr, /warning: (?!Whether the delete method)|error/);
  return document;
}

/** Injuries that this program cannot be started on, or is not asked about. */
const OF_THE_MARKER: ReadonlySet<string> = new Set(['the marker of the repository is missing', 'the marker of the repository is that of another one']);

/** The titles of the table that `repairs` can drive. */
export const TITLES: readonly string[] = Object.keys(INJURIES).filter((title) => !OF_THE_MARKER.has(title));

/** Finds it, names it, says what it would do and changes nothing, does it without losing a byte, and finds nothing any more. */
export async function repairs(t: TestContext, title: string): Promise<void> {
  const { repo, places } = await injuredRepo(t);
  const expected = INJURIES[title]?.(places) ?? assert.fail(title);
  const [before, bytes] = [snapshot(repo.dir), readableBytes(repo.dir)];
  const found = await repairJson(repo, ['datastore', 'check'], 65);
  const named = (path: string): string => path.slice(repo.dir.length + 1);
  assert.deepEqual(found.findings.map(({ kind, path }) => `${path} ${kind}`).sort(), expected.map(([kind, path]) => `${named(path)} ${kind}`).sort());
  await refused(repo, REPAIR, 'usage');
  const planned = await repairJson(repo, [...REPAIR, '--dry-run', '--read-only'], 65);
  assert.deepEqual([planned.dryRun, planned.findings], [true, found.findings]);
  assert.deepEqual(snapshot(repo.dir), before, 'a dry run changed something');
  const isTold = TOLD.has(title);
  const done = await repairJson(repo, [...REPAIR, '--force'], isTold ? 65 : 0);
  // A ticket of nobody may be dropped by the repair's own wait for its lock, before it comes to it.
  assert.ok(title.startsWith('a ticket') || done.repaired.length > 0 !== isTold, 'nothing was repaired');
  for (const { to, action } of done.repaired) if (action === 'quarantined') assert.ok(lstatSync(join(repo.dir, to ?? '-'), { throwIfNoEntry: false }), to);
  const left = readableBytes(repo.dir);
  for (const [hash, path] of bytes) assert.ok(left.has(hash), `what could be read in ${path} cannot be read any more`);
  const again = await repairJson(repo, ['datastore', 'check'], isTold ? 65 : 0);
  assert.deepEqual({ ...again, repaired: [] }, { ...done, repaired: [] }, 'another check tells something else');
  assert.deepEqual(again.pending, []);
}

/** A repair that is killed at every `every`th of its points loses no byte, and the next one ends what it began. */
export async function survivesKills(t: TestContext, title: string, every: number): Promise<void> {
  const injured = async (): Promise<TestRepo> => {
    const { repo, places } = await injuredRepo(t);
    INJURIES[title]?.(places);
    return repo;
  };
  const points = (await traceOf(await injured(), [...REPAIR, '--force'])).length;
  assert.ok(points > 10, `${points} points`);
  let kills = 0;
  for (let n = 1; n <= points; n += every) {
    const repo = await injured();
    const bytes = readableBytes(repo.dir);
    const killed = await run(repo, [...REPAIR, '--force'], { env: { SWAMP_FAILPOINTS: `#${n}=kill` }, expect: 'any' });
    // How many points there are depends on what it has to wait for: where there are fewer it comes to its end.
    if (killed.signal === null) assert.equal(killed.code, 0, `point ${n}: ${killed.stderr}`);
    else kills++;
    await repairJson(repo, [...REPAIR, '-f'], 0);
    await run(repo, ['datastore', 'sweep']);
    const { pending } = await repairJson(repo, ['datastore', 'check'], 0);
    assert.deepEqual(pending, [], `point ${n}`);
    const left = readableBytes(repo.dir);
    for (const [hash, path] of bytes) assert.ok(left.has(hash), `killed at point ${n}: what could be read in ${path} cannot be read any more`);
  }
  assert.ok(kills > points / (2 * every), `only ${kills} kills at ${points} points`);
}
