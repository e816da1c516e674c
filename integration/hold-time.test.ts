/** Section 10: what a delete costs the others does not depend on what is deleted. */
import { test } from 'node:test';
import { expectIndependent } from './support/hold-time.js';

test('a delete holds the global lock as long for 20 files as for 20,000', async (t) => {
  await expectIndependent(t, { few: 10, many: 10_000 });
});
