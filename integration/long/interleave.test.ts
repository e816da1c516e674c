/**
 * The long form of the interleavings. SWAMP_LONG_SCHEDULES and SWAMP_SEED choose the random part; SWAMP_STEPS=1 tells the steps
 * that find each mutation; SWAMP_SCHEDULE, which a violation prints, makes its schedule again. SWAMP_LONG_COMMANDS=4 walks the
 * scenarios of four commands, too: a quarter of an hour of a processor each, or more.
 */
import { describe, test } from 'node:test';
import { explore } from '../support/interleave/exploration.js';
import { MUTATIONS } from '../support/interleave/mutations.js';
import { BROKEN_PAIRS, CROWDS, PAIRS, SCENARIOS } from '../support/interleave/scenarios.js';
import { seedOfThisRun } from '../support/random.js';

const AGAIN = process.env['SWAMP_SCHEDULE'] || undefined;
const SCHEDULES = Number(process.env['SWAMP_LONG_SCHEDULES'] || 200);
const COMMANDS = Number(process.env['SWAMP_LONG_COMMANDS'] || 3);

if (AGAIN !== undefined) {
  test('the schedule once more', async (t) => {
    await explore(t, { kind: 'again', text: AGAIN });
  });
} else {
  describe('every schedule with one intervention keeps P1 to P9', { concurrency: 2 }, () => {
    for (const scenario of [...PAIRS, ...BROKEN_PAIRS, ...CROWDS.filter(({ tasks }) => tasks.length <= COMMANDS)])
      test(scenario.title, (t) => explore(t, { kind: 'walk', scenarios: [scenario], interventions: 1 }));
  });

  describe('every schedule of two commands with two interventions keeps P1 to P9', { concurrency: 2 }, () => {
    for (const scenario of PAIRS) test(scenario.title, (t) => explore(t, { kind: 'walk', scenarios: [scenario], interventions: 2 }));
  });

  describe(`${SCHEDULES} random schedules keep P1 to P9`, { concurrency: 2 }, () => {
    const seed = seedOfThisRun();
    for (const scenario of SCENARIOS) test(scenario.title, (t) => explore(t, { kind: 'wander', seed, scenarios: [scenario], schedules: SCHEDULES }));
  });

  describe('a schedule is found when', () => {
    for (const mutation of MUTATIONS) {
      test(mutation.title, async (t) => {
        await explore(t, { kind: 'find', mutation });
      });
    }
  });
}
