/** Eight processes that put, swap, read, list, delete and run methods at random, are stopped, woken and killed; and whether all they were told fits together. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { brokenHistory, cleanHistory } from './support/history.js';
import { FOUND_SOON } from './support/history-mutants.js';

test('a random history of eight processes, some stopped and some killed, is linearizable and loses nothing (P1, P3, P4, P9)', async (t) => {
  await cleanHistory(t, { seconds: 12 });
});

describe('a history is found wanting when', () => {
  for (const { title, edits, aim } of FOUND_SOON) {
    test(title, async (t) => {
      const kinds = await brokenHistory(t, edits, { seconds: 5, ...(aim === undefined ? {} : { aim }) });
      assert.notEqual(kinds.size, 0, 'nothing was found');
    });
  }
});
