import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Acknowledged, type Deleted, unaccounted } from './account.js';

const put = (version: number, startedAt: number): Acknowledged => ({ version, generation: 1, startedAt, endedAt: startedAt + 1 });
const removed = (versions: number, endedAt: number): Deleted => ({ versions, startedAt: endedAt - 1, endedAt });

test('versions that are there or were deleted later are accounted for', () => {
  assert.deepEqual(unaccounted([put(1, 0), put(2, 10)], [removed(1, 5)], [2]), []);
});

test('a version that vanished without a delete is told', () => {
  assert.match(unaccounted([put(1, 0), put(2, 10)], [], [2]).join('\n'), /version 1 is gone/);
});

test('a delete that ended before the write began does not account for it', () => {
  assert.match(unaccounted([put(1, 10)], [removed(1, 5)], []).join('\n'), /no delete came after/);
});

test('a count that does not add up is told even when deletes cover every version', () => {
  assert.match(unaccounted([put(1, 0), put(2, 0)], [removed(1, 5)], []).join('\n'), /2 versions were acknowledged, but 1 were removed/);
});

test('a version number given out twice and one that nobody was told of are told', () => {
  const problems = unaccounted([put(1, 0), put(1, 0)], [], [1, 7]).join('\n');
  assert.match(problems, /acknowledged twice/);
  assert.match(problems, /version 7 is there, and no put was told so/);
});
