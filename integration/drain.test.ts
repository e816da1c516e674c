/**
 * L2, L3, L6, N1 to N4: why there are two drains, a second look, a closed state and a last look. Each order of events is made by
 * stopping processes, never by waiting; and the suite proves that each test can fail, by asking it of a program that lacks the step.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { brokenRepo } from './support/broken.js';
import { CASES } from './support/drain-cases.js';
import { tempRepo } from './support/repo.js';

describe('the order of events', { concurrency: 2 }, () => {
  for (const { title, scenario } of CASES) {
    test(title, async (t) => {
      assert.equal(await scenario(await tempRepo(t)), 'holds');
    });
  }
});

describe('each of these tests fails when its step is taken out (most of those for nested commands in the long form)', { concurrency: 2 }, () => {
  for (const { without, scenario, edits, verdict } of CASES.filter(({ late }) => late !== true)) {
    test(`${without}: ${verdict} (L3)`, async (t) => {
      assert.equal(await scenario(await brokenRepo(t, ...edits)), verdict);
    });
  }
});
