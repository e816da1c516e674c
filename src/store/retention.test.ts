/** The policy against a small reference that looks at all versions, for any clocks, rules and defaults. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseGc, parseLifetime } from './lifetimes.js';
import { expiryOf, type Kept, type Retention, superseded } from './retention.js';

const NOW = Date.parse('2026-12-01T00:00:00Z');
const DAY = 86_400_000;

const lifetime = fc.constantFrom('infinite', 'ephemeral', '1h', '2d', '1mo');
const gc = fc.constantFrom('all', '1', '3', '1d', '2w');
/** Up to a year old, or in the future: clocks jump, and other machines have others. */
const createdAt = fc.integer({ min: -365 * 24, max: 30 * 24 }).map((hours) => new Date(NOW + (hours * DAY) / 24).toISOString());
const artifact = fc.array(fc.record({ number: fc.integer({ min: 1, max: 3 }), lifetime, garbageCollection: gc, createdAt }), { minLength: 1, maxLength: 12 });
const defaults: fc.Arbitrary<Retention> = fc.record({ lifetime, gc }, { requiredKeys: [] });

/** The same in one sentence each: a version is kept unless one rule is against it; what goes is the longest run of unkept ones from the lowest. */
function reference(versions: readonly Kept[], { lifetime: life = 'infinite', gc: rule = 'all' }: Retention): number | 'whole' {
  const lives = (one: Kept): boolean => {
    const own = one.lifetime === 'infinite' ? life : one.lifetime;
    return own !== 'ephemeral' && NOW - Date.parse(one.createdAt) < (parseLifetime(own) ?? Number.NaN);
  };
  const latest = versions.at(-1) as Kept;
  if (!lives(latest)) return 'whole';
  const keeps = parseGc(latest.garbageCollection === 'all' ? rule : latest.garbageCollection) as 'all' | { count?: number; ageMs?: number };
  const { count = Number.POSITIVE_INFINITY, ageMs = Number.POSITIVE_INFINITY } = keeps === 'all' ? {} : keeps;
  const isKept = versions.map((one, i) => i === versions.length - 1 || (i >= versions.length - count && NOW - Date.parse(one.createdAt) < ageMs && lives(one)));
  return isKept.indexOf(true);
}

test('what is collected is what a look at every version would say, and never the latest version alone', async () => {
  await fc.assert(
    fc.asyncProperty(artifact, defaults, async (kept, rules) => {
      let number = 0;
      const numbers = kept.map((one) => {
        number += one.number;
        return number;
      });
      const read = (version: number): Kept | undefined => kept[numbers.indexOf(version)];
      const expected = reference(kept, rules);
      const latest = kept.at(-1) as Kept;
      const expired = expiryOf(latest, rules, NOW);
      assert.equal(expired !== undefined, expected === 'whole');
      if (expected !== 'whole') assert.deepEqual(await superseded(numbers, latest, read, { defaults: rules, now: NOW }), numbers.slice(0, expected));
    }),
    { numRuns: 2_000 },
  );
});

test('no more records are read than one of a version that stays, however many there are', async () => {
  const versions = Array.from({ length: 100_000 }, (_, i) => i + 1);
  const one = (at: number, rule: string): Kept => ({ lifetime: 'infinite', garbageCollection: rule, createdAt: new Date(at).toISOString() });
  for (const [rule, taken, reads] of [
    ['all', 0, 1],
    ['10', 99_990, 1],
    ['1d', 5, 6],
  ] as const) {
    let looked = 0;
    const read = (version: number): Kept => {
      looked++;
      return one(version <= 5 ? NOW - 2 * DAY : NOW, rule);
    };
    assert.equal((await superseded(versions, one(NOW, rule), read, { defaults: {}, now: NOW })).length, taken);
    assert.equal(looked, reads, rule);
  }
});
