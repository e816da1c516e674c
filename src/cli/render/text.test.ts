/** Text for people: nothing in a name reaches the terminal as a command, and columns line up. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SwampError } from '../../errors.js';
import { errorLine, errorText } from './error.js';
import { fields, hasColour, printable, size, table } from './text.js';

describe('printable', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['plain/name-1.txt', 'plain/name-1.txt'],
    ['Grüße 🐊 日本', 'Grüße 🐊 日本'],
    ['a\nb\tc\r', 'a\\nb\\tc\\r'],
    ['\u001b[31mred', '\\u{1b}[31mred'],
    ['\u0000\u007f\u009b', '\\u{0}\\u{7f}\\u{9b}'],
    ['gpj.\u202eexe', 'gpj.\\u{202e}exe'],
    ['a\u200bb\ufeff', 'a\\u{200b}b\\u{feff}'],
    ['\ud800', '\\u{d800}'],
    ['a\u2028b', 'a\\u{2028}b'],
  ];
  for (const [text, expected] of cases) {
    it(JSON.stringify(text), () => assert.equal(printable(text), expected));
  }
});

describe('table and fields', () => {
  it('line up, numbers to the right, names escaped, no blanks at the end', () => {
    const text = table(
      ['NAME', 'N', 'WHAT'],
      [
        ['a', 1, 'x'],
        ['lon\nger', 100, ''],
      ],
    );
    assert.deepEqual(text.split('\n'), ['NAME        N  WHAT', 'a           1  x', 'lon\\nger  100', '']);
  });

  it('leave out what has no value', () => {
    assert.equal(
      fields([
        ['Name', 'a\u001bb'],
        ['Tags', undefined],
        ['Versions', 0],
      ]),
      'Name:     a\\u{1b}b\nVersions: 0\n',
    );
  });
});

describe('size', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [12_345, '12 kB'],
    [999_999, '1000 kB'],
    [1_000_000, '1.0 MB'],
    [2_500_000_000, '2.5 GB'],
  ];
  for (const [bytes, expected] of cases) {
    it(expected, () => assert.equal(size(bytes), expected));
  }
});

describe('colour', () => {
  it('is for terminals only, and for nobody who said no', () => {
    assert.equal(hasColour({ isTTY: true }, false, {}), true);
    assert.equal(hasColour({}, false, {}), false);
    assert.equal(hasColour({ isTTY: true }, true, {}), false);
    assert.equal(hasColour({ isTTY: true }, false, { NO_COLOR: '1' }), false);
    assert.equal(hasColour({ isTTY: true }, false, { NO_COLOR: '' }), true);
    assert.equal(hasColour({ isTTY: true }, false, { TERM: 'dumb' }), false);
  });
});

describe('errors', () => {
  const error = new SwampError('io', 'cannot read a\u001b[2Jb', { hint: 'Look\nat it.', data: { path: 'a\nb' } });

  it('are one line of JSON, whatever the names in them', () => {
    const line = errorLine(error);
    assert.equal(line.indexOf('\n'), line.length - 1);
    assert.deepEqual(JSON.parse(line), { error: { code: 'io', message: 'cannot read a\u001b[2Jb', hint: 'Look\nat it.', data: { path: 'a\nb' } } });
  });

  it('always have the same four fields', () => {
    assert.deepEqual(JSON.parse(errorLine(new SwampError('usage', 'no'))), { error: { code: 'usage', message: 'no', hint: null, data: {} } });
  });

  it('reach a terminal escaped', () => {
    assert.equal(errorText(error, false), 'swamp: cannot read a\\u{1b}[2Jb\nhint: Look\\nat it.\n');
  });
});
