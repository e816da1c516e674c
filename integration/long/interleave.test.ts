/**
 * The long form of the interleavings. SWAMP_LONG_SCHEDULES and SWAMP_SEED choose the random part; SWAMP_STEPS=1 tells the steps
 * that find each mutation; SWAMP_SCHEDULE, which a violation prints, makes its schedule again.
 */
import { describe, test } from 'node:test';
import { explore } from '../support/interleave/exploration.js';
import { MUTATIONS } from '../support/interleave/mutations.js';
import { BROKEN_PAIRS, CROWDS, PAIRS, SCENARIOS } from '../support/interleave/scenarios.js';
import { seedOfThisRun } from '../support/random.js';

const AGAIN = process.env['SWAMP_SCHEDULE'] || undefined;
const SCHEDULES = Number(process.env['SWAMP_LONG_SCHEDULES'] || 3_000);

if (AGAIN !== undefined) {
  test('the schedule once more', async (t) => {
    await explore(t, { kind: 'again', text: AGAIN });
  });
} else {
  test('every schedule with one intervention keeps P1 to P9', async (t) => {
    await explore(t, { kind: 'walk', scenarios: [...PAIRS, ...BROKEN_PAIRS, ...CROWDS], interventions: 1 });
  });

  test('every schedule of two commands with two interventions keeps P1 to P9', async (t) => {
    await explore(t, { kind: 'walk', scenarios: PAIRS, interventions: 2 });
  });

  test(`${SCHEDULES} random schedules of each scenario keep P1 to P9`, async (t) => {
    await explore(t, { kind: 'wander', seed: seedOfThisRun(), scenarios: SCENARIOS, schedules: SCHEDULES });
  });

  describe('a schedule is found when', () => {
    for (const mutation of MUTATIONS) {
      test(mutation.title, async (t) => {
        await explore(t, { kind: 'find', mutation });
      });
    }
  });
}
