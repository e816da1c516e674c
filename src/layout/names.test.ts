import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SwampError } from '../errors.js';
import { checkArtifactName, isHashedSegment, nameOf, segmentFor } from './names.js';

/** Names from the nasty alphabet, short and long, plain and not. */
const nasty = fc
  .array(
    fc.constantFrom(
      'a',
      'A',
      '.',
      '..',
      '/',
      '\\',
      '%',
      '^',
      '~',
      '-',
      '_',
      ' ',
      '\n',
      '\u00e9',
      'e\u0301',
      '\u{1F600}',
      '%41',
      '^a',
      '0',
      '%~',
      '\u0001',
      '\x7f',
    ),
    { minLength: 1, maxLength: 90 },
  )
  .map((parts) => parts.join(''));
/** Names whose segments end just below or just above the length where hashing begins: of one unit repeated, with an end of another. */
const long = fc
  .tuple(fc.constantFrom('a', 'A', '/', '\u00e9', 'Ab/'), fc.integer({ min: -8, max: 8 }), fc.constantFrom('', 'x', 'X', '\u00e9', '%~', '.'))
  .map(([unit, off, end]) => unit.repeat(Math.ceil((200 + off - segmentFor(`a${end}`).length) / (segmentFor(`a${unit}`).length - 1))) + end);
const anyName = fc.oneof(nasty, long, fc.string({ unit: 'binary', minLength: 1, maxLength: 400 })).filter(isName);

function isName(text: string): boolean {
  try {
    checkArtifactName(text);
    return true;
  } catch (error) {
    if (error instanceof SwampError) return false;
    throw error;
  }
}

/** What a file system makes of two names that it holds for one: case folded, Unicode forms unified. */
const folded = (segment: string): string => segment.normalize('NFD').toLowerCase().toUpperCase();

test('a segment that is not hashed decodes to the very name, on both sides of the length where hashing begins', () => {
  let [hashed, close] = [0, 0];
  fc.assert(
    fc.property(anyName, (name) => {
      const segment = segmentFor(name);
      if (isHashedSegment(segment)) hashed++;
      else if (segment.length > 190) close++;
      assert.equal(isHashedSegment(segment) ? name : nameOf(segment), name);
    }),
    { numRuns: 3000 },
  );
  assert.ok(hashed > 200 && close > 200, `${hashed} hashed, ${close} nearly`);
});

test('different names have different segments, also where case and Unicode forms are ignored', () => {
  const variant = (name: string): fc.Arbitrary<string> =>
    fc.constantFrom(name.toUpperCase(), name.toLowerCase(), name.normalize('NFC'), name.normalize('NFD'), `${name}.`, name.slice(0, -1) || 'x');
  fc.assert(
    fc.property(
      anyName.chain((name) => fc.tuple(fc.constant(name), fc.oneof(anyName, variant(name)))),
      ([a, b]) => {
        fc.pre(a !== b && isName(b));
        assert.notEqual(folded(segmentFor(a)), folded(segmentFor(b)));
      },
    ),
    { numRuns: 5000 },
  );
});

test('a segment is one directory name of at most 200 plain bytes and never . or ..', () => {
  fc.assert(
    fc.property(anyName, (name) => {
      const segment = segmentFor(name);
      assert.match(segment, /^[a-z0-9_^%-][a-z0-9._^%~-]*$/);
      assert.ok(segment.length <= 200, segment);
    }),
    { numRuns: 3000 },
  );
});

test('ordinary names stay readable', () => {
  for (const name of ['result', 'log', 'build-1.2_x.tar.gz', '2026-11-20']) assert.equal(segmentFor(name), name);
  assert.equal(segmentFor('a/b'), 'a%2fb');
  assert.equal(segmentFor('Makefile'), '^makefile');
  assert.equal(segmentFor('..'), '%2e.');
});

test('no encoding produces the mark of a hashed segment', () => {
  assert.ok(!isHashedSegment(segmentFor('%~')));
  assert.ok(isHashedSegment(segmentFor('%~'.repeat(60))));
  assert.ok(isHashedSegment(segmentFor('x'.repeat(201))));
  assert.ok(!isHashedSegment(segmentFor('x'.repeat(200))));
});

test('segments that no name has decode to nothing', () => {
  for (const segment of ['', 'A', '%zz', '%4', '^', '^1', '.hidden', '%61', 'a/b', '%ff', '\u00e9', '%2E']) assert.equal(nameOf(segment), undefined, segment);
});

for (const [what, name] of [
  ['the empty name', ''],
  ['a name of 1,025 bytes', 'x'.repeat(1025)],
  ['1,025 bytes in fewer characters', `${'\u00e9'.repeat(512)}x`],
  ['a NUL', 'a\0b'],
  ['a lone surrogate', 'a\ud800'],
  ['what is left of invalid UTF-8', 'a\ufffd'],
] as const) {
  test(`${what} is refused as name_invalid`, () => {
    assert.throws(
      () => segmentFor(name),
      (error) => error instanceof SwampError && error.code === 'name_invalid' && error.hint !== undefined,
    );
  });
}
