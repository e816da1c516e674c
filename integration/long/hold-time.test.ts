/** Section 10, with as many files as it names. */
import { test } from 'node:test';
import { expectIndependent } from '../support/hold-time.js';

test('a delete holds the global lock as long for 20 files as for 100,000', async (t) => {
  await expectIndependent(t, { few: 10, many: 50_000 });
});
