/** Names in a backup: every offender at once, the same on every system, whatever the order (B7 to B10). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SwampError } from '../errors.js';
import { fold, type NameOptions, type Offender, placeNames, planNames } from './names.js';
import { backupPlaceOf, isContained } from './paths.js';

const NONE: NameOptions = { encodeNames: false, renameCollisions: false };
const BOTH: NameOptions = { encodeNames: true, renameCollisions: true };

function plan(names: readonly string[], options: NameOptions = NONE): Record<string, string> {
  const places = planNames([{ directory: 'models/m', names }], options).places.get('models/m') ?? new Map();
  return Object.fromEntries([...places].map(([name, { path }]) => [name, path.replace('models/m/data/', '')]));
}

function offenders(names: readonly string[], options: NameOptions = NONE): { code: string; hostile: string[]; collisions: string[] } {
  try {
    planNames([{ directory: 'models/m', names }], options);
  } catch (error) {
    assert.ok(error instanceof SwampError);
    const { hostileNames, collisions } = error.data as { hostileNames: Offender[]; collisions: Offender[] };
    return { code: error.code, hostile: hostileNames.map(({ name }) => name), collisions: collisions.map(({ name }) => name) };
  }
  return { code: 'none', hostile: [], collisions: [] };
}

describe('a name', () => {
  test('that is plain stands at its own path (B1)', () => {
    assert.deepEqual(plan(['a', 'reports/2026/q3.txt', 'ä b', 'x\ny\r', '-', '...', '.env', '~']), {
      a: 'a',
      'reports/2026/q3.txt': 'reports/2026/q3.txt',
      'ä b': 'ä b',
      'x\ny\r': 'x\ny\r',
      '-': '-',
      '...': '...',
      '.env': '.env',
      '~': '~',
    });
  });

  test('that is hostile is refused, all of them in one run, or encoded (B7)', () => {
    const hostile = [
      '',
      '.',
      '..',
      '/',
      '/a',
      'a/',
      'a//b',
      'a/../b',
      'a/./b',
      'a\\b',
      '\0',
      'x'.repeat(221),
      `a/${'ä'.repeat(111)}`,
      `${'abc/'.repeat(180)}a`,
    ];
    const { code, hostile: told } = offenders(['fine', ...hostile]);
    assert.equal(code, 'hostile_names');
    assert.deepEqual(told.toSorted(), hostile.toSorted());
    // No artifact can have these two, and nothing encodes them.
    assert.deepEqual(offenders(hostile, BOTH).hostile, ['', '\0']);
    const storable = hostile.filter((name) => name !== '' && name !== '\0');
    for (const path of Object.values(plan(storable, BOTH))) assert.match(path, /^[^/\\]{1,211}\.swamp-name$/);
    assert.deepEqual(plan(['a', 'a/..'], BOTH), { a: 'a', 'a/..': 'a%2f...swamp-name' });
  });

  test('that is a directory of another one gets the suffix of a leaf, at every level (B9)', () => {
    const { keymap } = planNames([{ directory: 'models/m', names: ['a/b/c', 'a', 'a/b'] }], NONE);
    assert.deepEqual(
      keymap.map(({ path, name, reason }) => [path, name, reason]),
      [
        ['models/m/data/a.swamp-leaf', 'a', 'leaf'],
        ['models/m/data/a/b.swamp-leaf', 'a/b', 'leaf'],
      ],
    );
    assert.deepEqual(plan(['a', 'a/..'], BOTH)['a'], 'a', 'what is encoded needs no directory');
    assert.deepEqual(plan(['a', 'ab', 'a-b']), { a: 'a', ab: 'ab', 'a-b': 'a-b' });
  });

  test('that the format takes for itself is a collision (B10)', () => {
    const taken = ['MANIFEST.json', 'manifest.JSON', '_model.yaml', 'KEYMAP.jsonl'];
    const suffixes = ['a.swamp-leaf', 'a.SWAMP-meta.json', 'x.swamp-v3/b', 'a.swamp-name', 'a.\u017fwamp-leaf', 'a\uff0eswamp-leaf', '.swamp-v0'];
    const { code, collisions } = offenders([
      'a',
      'a/b',
      'b/MANIFEST.json',
      'a.swamp-v',
      'swamp-leaf',
      'CHECKSUMS',
      'record.json',
      '_tombstones.jsonl',
      ...taken,
      ...suffixes,
    ]);
    assert.equal(code, 'collision');
    assert.deepEqual(collisions.toSorted(), [...taken, ...suffixes].toSorted());
    for (const path of Object.values(plan([...taken, ...suffixes], BOTH))) assert.match(path, /\.swamp-name$/);
  });

  test('that differs by case or Unicode form only is a collision, its whole group is (B10)', () => {
    assert.deepEqual(offenders(['a', 'A', 'b']).collisions, ['A', 'a']);
    assert.deepEqual(offenders(['\u00e4', 'a\u0308', '\u00c4']).collisions.length, 3);
    assert.deepEqual(offenders(['a/x', 'A/y', 'b']).collisions, ['A/y', 'a/x'], 'two directories');
    assert.deepEqual(offenders(['a', 'A/y', 'b']).collisions, ['A/y', 'a'], 'a name and a directory');
    assert.deepEqual(offenders(['stra\u00dfe', 'STRASSE']).collisions.length, 2);
    assert.deepEqual(offenders(['a/x', 'a/y', 'a']).collisions, []);
    const { code, hostile, collisions } = offenders(['a', 'A', '..']);
    assert.deepEqual({ code, hostile, collisions }, { code: 'hostile_names', hostile: ['..'], collisions: ['A', 'a'] });
    assert.deepEqual(offenders(['a', 'A', '..'], { encodeNames: true, renameCollisions: false }), { code: 'collision', hostile: [], collisions: ['A', 'a'] });
  });

  test('of a model that differs by case only is a collision that no option covers (B8, B10)', () => {
    const models = [
      { directory: 'models/Web', names: [] },
      { directory: 'models/web', names: [] },
    ];
    assert.throws(() => planNames(models, BOTH), { code: 'collision' });
  });
});

describe('any set of names', () => {
  const segment = fc.string({
    unit: fc.constantFrom('a', 'A', 'b', '.', '\\', '\n', '\u00e4', 'a\u0308', '.swamp-leaf', '.swamp-v1', '.swamp-name', '\u2100'),
    maxLength: 4,
  });
  const name = fc
    .array(segment, { minLength: 1, maxLength: 4 })
    .map((segments) => segments.join('/'))
    .filter((text) => text !== '');
  const names = fc.array(name, { maxLength: 12 });

  test('gets paths that are contained, differ also case and form aside, and lie in no other one (B7 to B10)', () => {
    fc.assert(
      fc.property(names, (list) => {
        const placed = [...placeNames({ directory: 'models/m', names: list })];
        assert.equal(placed.length, new Set(list).size);
        const all = placed.flatMap(([, { path }]) => [path, `${path}.swamp-meta.json`, `${path}.swamp-v7`]);
        const folded = new Set(all.map(fold));
        assert.equal(folded.size, all.length, 'two paths are one');
        for (const path of all) {
          assert.ok(isContained(path));
          const above = path.split('/').map((_, i, segments) => segments.slice(0, i).join('/'));
          for (const directory of above) assert.ok(!folded.has(fold(directory)), `${path} lies in the file ${directory}`);
        }
        for (const [, { path }] of placed) assert.deepEqual(backupPlaceOf(path), { kind: 'content', directory: 'models/m', content: path });
      }),
      { numRuns: 2_000 },
    );
  });

  test('gets the same places and the same offenders in any order', () => {
    fc.assert(
      fc.property(names, fc.infiniteStream(fc.nat()), (list, chance) => {
        const shuffled = list
          .map((one) => [chance.next().value, one] as const)
          .sort(([a], [b]) => a - b)
          .map(([, one]) => one);
        const sorted = (of: readonly string[]): unknown => [...placeNames({ directory: 'models/m', names: of })].sort(([a], [b]) => (a < b ? -1 : 1));
        assert.deepEqual(sorted(shuffled), sorted(list));
        assert.deepEqual(offenders(shuffled), offenders(list));
      }),
      { numRuns: 1_000 },
    );
  });
});
