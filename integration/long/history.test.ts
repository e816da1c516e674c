/** The long form of the history: SWAMP_LONG_MINUTES, ten unless told; and what only longer histories find. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { brokenHistory, cleanHistory } from '../support/history.js';
import { FOUND_LATER, FOUND_SOON } from '../support/history-mutants.js';

const MINUTES = Number(process.env['SWAMP_LONG_MINUTES'] || 10);

test(`a random history of ${MINUTES} minutes is linearizable and loses nothing (P1, P3, P4, P9)`, async (t) => {
  await cleanHistory(t, { seconds: MINUTES * 60, operations: MINUTES * 10_000 });
});

describe('a longer history is found wanting when', () => {
  for (const { title, edits, aim } of [...FOUND_SOON, ...FOUND_LATER]) {
    test(title, async (t) => {
      const kinds = await brokenHistory(t, edits, { seconds: 30, ...(aim === undefined ? {} : { aim }) });
      assert.notEqual(kinds.size, 0, 'nothing was found');
    });
  }
});
