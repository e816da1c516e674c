/** The long form of the race: writers against deleters for SWAMP_LONG_MINUTES, ten unless told. */
import { test } from 'node:test';
import { hammer } from '../support/race.js';

const MINUTES = Number(process.env['SWAMP_LONG_MINUTES'] || 10);

test(`puts and deletes lose and repeat nothing in ${MINUTES} minutes (L4, P1, P3, P4)`, async (t) => {
  await hammer(t, { seconds: MINUTES * 60 });
});
