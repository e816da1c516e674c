/** The long form of the race: writers against deleters for SWAMP_LONG_MINUTES, ten unless told; and each put a process, too. */
import { test } from 'node:test';
import { deletesAgainst, hammer, writingCommands } from '../support/race.js';

const MINUTES = Number(process.env['SWAMP_LONG_MINUTES'] || 10);

test(`puts and deletes lose and repeat nothing in ${MINUTES} minutes (L4, P1, P3, P4)`, async (t) => {
  await hammer(t, { seconds: MINUTES * 60 });
});

test('of 250 deletes in a tight loop against 4 writers, each command a process, none fails (L4)', async (t) => {
  await deletesAgainst(t, 250, writingCommands);
});
