/** The latest version without a listing: right for every shape of an artifact's directory, and no more looks for many versions than for few. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { floorOf, latestIn } from './latest.js';

/** A directory with these versions. */
function directoryOf(t: TestContext, versions: readonly number[]): string {
  const dir = mkdtempSync(join(tmpdir(), 'latest-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const version of versions) mkdirSync(join(dir, String(version)));
  return dir;
}

const range = (from: number, to: number): number[] => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);

test('whatever was deleted, and whatever the file system counts, the answer is the latest version or "list it" (P10)', (t) => {
  const shapes = fc.record({
    floor: fc.integer({ min: 0, max: 12 }),
    above: fc.integer({ min: 0, max: 40 }),
    kept: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
    directories: fc.integer({ min: -1, max: 60 }),
  });
  const check = fc.property(shapes, ({ floor, above, kept, directories }) => {
    const versions = [...range(1, floor).filter((version) => kept[version - 1]), ...range(floor + 1, floor + above)];
    const dir = directoryOf(t, versions);
    for (const count of [versions.length, -1, directories]) {
      const latest = latestIn(dir, floor, count);
      if (count > versions.length) assert.ok([undefined, versions.at(-1)].includes(latest));
      else if (above > 0 || versions.some((version) => version > floor - 8)) assert.equal(latest, versions.at(-1));
      else assert.equal(latest, undefined);
    }
  });
  fc.assert(check, { numRuns: 100 });
});

test('a version that is missing above the floor, by hand, hides none behind it: the directory is listed (P10)', (t) => {
  for (const length of [1, 2, 3, 7, 40]) {
    const dir = directoryOf(t, [...range(1, 5), ...range(6 + length, 99)]);
    for (const directories of [-1, 99 - length]) assert.ok([undefined, 99].includes(latestIn(dir, 0, directories)), `${length} missing, count ${directories}`);
  }
});

test('a file system that counts shows a single version behind a gap of any length (P10)', (t) => {
  for (const floor of [0, 3]) {
    for (const last of [7, 11, 12, 30, 100, 70_000]) {
      const versions = [...range(1, 5), last];
      const latest = latestIn(directoryOf(t, versions), floor, versions.length);
      assert.ok([undefined, last].includes(latest), `floor ${floor}, versions ${versions.join(' ')}: ${latest}`);
    }
  }
});

test('a floor is true of versions without a gap, and is their last number otherwise', () => {
  assert.equal(floorOf(0, [1, 2, 3]), 0);
  assert.equal(floorOf(4, [2, 3]), 4);
  assert.equal(floorOf(2, [1, 3, 4]), 2);
  assert.equal(floorOf(0, [1, 3]), 3);
  assert.equal(floorOf(0, [7]), 7);
  assert.equal(floorOf(5, []), 5);
});
