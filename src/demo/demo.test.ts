import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leftMs } from './demo.js';

test('what is left is the rest of the time, or what the deletes still take, whichever is less', () => {
  for (const [won, elapsedMs, left] of [
    [0, 1_000, 59_000],
    [10, 1_000, 24_000],
    [10, 10_000, 50_000],
    [250, 30_000, 0],
    [10, 61_000, 0],
  ] as const)
    assert.equal(leftMs({ deletes: 250, seconds: 60, won, elapsedMs }), left, `${won} deletes after ${elapsedMs} ms`);
});
