/** Values of flags: checked where they are read, refused with the flag's name. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SwampError } from '../errors.js';
import { argsOf, given, milliseconds, pairs, wholeNumber } from './args.js';

const usage = (error: unknown): boolean => error instanceof SwampError && error.code === 'usage';

describe('wholeNumber', () => {
  for (const [text, value] of [
    ['1', 1],
    ['42', 42],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ] as const) {
    it(`takes ${text}`, () => assert.equal(wholeNumber(argsOf(new Map([['version', text]])), 'version', 1), value));
  }
  for (const text of ['', '0', '-1', '+1', '01', '1.0', '1e3', '0x1', ' 1', '1\n', 'latest', '9007199254740993', '99999999999999999999']) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => wholeNumber(argsOf(new Map([['version', text]])), 'version', 1), usage));
  }
  it('takes 0 where 0 is the least', () => assert.equal(wholeNumber(argsOf(new Map([['n', '0']])), 'n', 0), 0));
  it('is undefined when the flag was not given', () => assert.equal(wholeNumber(argsOf(new Map()), 'version', 1), undefined));
});

describe('milliseconds', () => {
  for (const text of ['0', '', '-5', '1.5', '5s']) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => milliseconds(argsOf(new Map([['timeout', text]])), 'timeout'), usage));
  }
  it('takes 250', () => assert.equal(milliseconds(argsOf(new Map([['timeout', '250']])), 'timeout'), 250));
});

describe('pairs', () => {
  const read = (...texts: string[]): Record<string, string> | undefined => pairs(argsOf(new Map([['tag', texts]])), 'tag');

  it('splits at the first =, keeps the rest, the last of a key wins', () => {
    assert.deepEqual(read('a=1', 'b==2=', 'c=', 'a=3'), { a: '3', b: '=2=', c: '' });
  });
  it('never reaches a prototype', () => {
    const found = read('__proto__=x', 'constructor=y') ?? {};
    assert.deepEqual(Object.keys(found), ['__proto__', 'constructor']);
    assert.equal(Object.getPrototypeOf(found), Object.prototype);
  });
  for (const text of ['a', '=1', '']) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => read(text), usage));
  }
});

describe('given', () => {
  it('leaves out what is undefined, and only that', () => {
    assert.deepEqual(Object.keys(given({ a: undefined, b: null, c: false, d: 0, e: '' })), ['b', 'c', 'd', 'e']);
  });
});
