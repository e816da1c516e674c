import assert from 'node:assert/strict';
import { test } from 'node:test';
import { excludes } from './exclude.js';

test('--exclude: MODEL leaves out all of a model, MODEL/NAME artifacts; * stops at a slash, ** does not, and nothing else is special', () => {
  for (const [pattern, leaves, keeps] of [
    ['m', ['m', 'm/a', 'm/a/b'], ['mm', 'n/m']],
    ['m*', ['m', 'm2/a'], ['n', 'n/m']],
    ['m/*', ['m/a'], ['m', 'm/a/b', 'n/a']],
    ['m/**', ['m/a', 'm/a/b', 'm/a\nb'], ['m', 'n/a']],
    ['*/a', ['m/a', 'n/a'], ['m', 'm/b/a']],
    ['m/a.b[1]?', ['m/a.b[1]?'], ['m/axb1', 'm/a.b[1]x']],
  ] as const) {
    const leavesOut = excludes([pattern]);
    const isLeft = (path: string): boolean => leavesOut(path.split('/', 1).join(), ...(path.includes('/') ? [path.slice(path.indexOf('/') + 1)] : []));
    assert.deepEqual([leaves.filter((path) => !isLeft(path)), keeps.filter(isLeft)], [[], []], pattern);
  }
});
