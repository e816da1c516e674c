/** Each step for nested commands taken out (N1 to N4): the order of events that it exists for must show it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { brokenRepo } from '../support/broken.js';
import { CASES } from '../support/drain-cases.js';

describe('an order of events fails when its step is taken out', { concurrency: 2 }, () => {
  for (const { without, scenario, edits, verdict } of CASES.filter(({ late }) => late === true)) {
    test(`${without}: ${verdict} (L10)`, async (t) => {
      assert.equal(await scenario(await brokenRepo(t, ...edits)), verdict);
    });
  }
});
