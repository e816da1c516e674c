/**
 * Interleavings of the real code (P1 to P10): every schedule of two commands with one intervention, some of more at random, and
 * every mutation of the protocol that a short walk finds. The long form goes further.
 */
import { describe, test } from 'node:test';
import { explore } from './support/interleave/exploration.js';
import { MUTATIONS } from './support/interleave/mutations.js';
import { BROKEN_PAIRS, CROWDS, PAIRS } from './support/interleave/scenarios.js';

test('every schedule of two commands with one intervention keeps P1 to P10', { timeout: 240_000 }, async (t) => {
  await explore(t, { kind: 'walk', scenarios: PAIRS, interventions: 1 });
});

test('random schedules of up to four commands, beside one who breaks live locks, keep P1 to P10', { timeout: 240_000 }, async (t) => {
  await explore(t, { kind: 'wander', seed: 'short', scenarios: [...BROKEN_PAIRS, ...CROWDS], schedules: 12 });
});

describe('a schedule is found when', () => {
  for (const mutation of MUTATIONS.filter(({ late }) => late !== true)) {
    test(mutation.title, { timeout: 240_000 }, async (t) => {
      await explore(t, { kind: 'find', mutation });
    });
  }
});
