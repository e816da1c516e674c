/** The long form of the history: SWAMP_LONG_MINUTES, ten unless told. */
import { test } from 'node:test';
import { cleanHistory } from '../support/history.js';

const MINUTES = Number(process.env['SWAMP_LONG_MINUTES'] || 10);

test(`a random history of ${MINUTES} minutes is linearizable and loses nothing (P1-P4, P9)`, async (t) => {
  await cleanHistory(t, { seconds: MINUTES * 60, operations: MINUTES * 10_000 });
});
