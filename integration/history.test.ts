/** Eight processes that put, swap, read, list, delete and run methods at random, are stopped, woken and killed; and whether all they were told fits together. */
import { test } from 'node:test';
import { cleanHistory } from './support/history.js';

test('a random history of eight processes, some stopped and some killed, is linearizable and loses nothing (P1, P3, P4, P9)', async (t) => {
  await cleanHistory(t, { seconds: 4 });
});
