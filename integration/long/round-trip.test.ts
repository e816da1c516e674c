/** Ten thousand artifacts of chance go through a backup and come back as they were; SWAMP_SEED makes a run again (B2, B17). */
import { test } from 'node:test';
import { seedOfThisRun } from '../support/random.js';
import { roundTrips } from '../support/round-trip.js';

const ARTIFACTS = 10_000;

test(`${ARTIFACTS} artifacts are what they were: backup, restore, backup`, async (t) => {
  const seed = seedOfThisRun();
  t.diagnostic(`SWAMP_SEED=${seed}`);
  t.diagnostic(JSON.stringify(await roundTrips({ seed, artifacts: ARTIFACTS, actions: 300 })));
});
