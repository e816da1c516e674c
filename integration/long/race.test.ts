/** The long form of the race: ten minutes of writers against deleters. */
import { test } from 'node:test';
import { hammer } from '../support/race.js';

test('ten minutes of puts and deletes lose and repeat nothing (L4, P1, P3, P4)', async (t) => {
  await hammer(t, { seconds: 600 });
});
