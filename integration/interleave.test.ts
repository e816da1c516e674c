/**
 * Interleavings of the real code (P1 to P10): half of the shortest pairs of commands in every schedule with one intervention, some of more at random, and
 * a sample of the mutations of the protocol that a short walk finds. The long form walks all, and further.
 */
import { describe, test } from 'node:test';
import { explore } from './support/interleave/exploration.js';
import { MUTATIONS } from './support/interleave/mutations.js';
import { BROKEN_PAIRS, CROWDS, PAIRS, QUICK_PAIRS } from './support/interleave/scenarios.js';
import { sampled } from './support/scale.js';

test('every schedule of two commands with one intervention keeps P1 to P10', { timeout: 240_000 }, async (t) => {
  const others = PAIRS.filter((pair) => !QUICK_PAIRS.includes(pair));
  await explore(t, { kind: 'walk', scenarios: [...sampled(QUICK_PAIRS, 2), ...sampled(others, others.length)], interventions: 1 });
});

test('random schedules of up to four commands, beside one who breaks live locks, keep P1 to P10', { timeout: 240_000 }, async (t) => {
  await explore(t, { kind: 'wander', seed: 'short', scenarios: [...BROKEN_PAIRS, ...CROWDS], schedules: 3 });
});

describe('a schedule is found when', () => {
  const early = MUTATIONS.filter(({ late }) => late !== true);
  for (const mutation of sampled(early, 6)) {
    test(mutation.title, { timeout: 240_000 }, async (t) => {
      await explore(t, { kind: 'find', mutation });
    });
  }
});
