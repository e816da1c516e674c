/** Each look for an interrupted restore is needed: a program without it loses what it acknowledged, and its test tells (B16). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildMutant } from '../support/mutant.js';
import { tempRepo } from '../support/repo.js';
import { LOOKS, stockForLook } from '../support/restore-looks.js';

describe('a program without the look of', { concurrency: 2 }, () => {
  for (const { title, without, meet } of LOOKS) {
    test(title, async (t) => {
      const repo = await tempRepo(t, { check: false });
      await stockForLook(repo);
      const bin = await buildMutant(repo.base, [without]);
      await assert.rejects(meet({ ...repo, bin }), { name: 'AssertionError' });
    });
  }
});
