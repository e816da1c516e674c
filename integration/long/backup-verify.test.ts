/** `backup verify` over ten thousand trees of chance, each damaged once; SWAMP_SEED makes a run again (B1, B7 to B11, B15). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyCases } from '../support/backup-property.js';
import { DAMAGES } from '../support/backup-tree.js';
import { seedOfThisRun } from '../support/random.js';

const CASES = 10_000;

test(`${CASES} trees are whole until they are damaged, and then told so`, async (t) => {
  const seed = seedOfThisRun();
  t.diagnostic(`SWAMP_SEED=${seed}`);
  const { files, damages } = await verifyCases(seed, CASES);
  t.diagnostic(`${files} files; ${JSON.stringify(damages)}`);
  for (const damage of Object.keys(DAMAGES)) assert.ok((damages[damage] ?? 0) > 50, damage);
});
