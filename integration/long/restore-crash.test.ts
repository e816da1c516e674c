/** A restore that is killed at every point it passes (B16). */
import { describe, test } from 'node:test';
import { killRestore } from '../support/restore-crash.js';

describe('killed at every point, a restore has happened or not', { concurrency: 2 }, () => {
  for (const mode of ['replace', 'merge'] as const) test(`--mode ${mode}`, (t) => killRestore(t, mode, { every: 1 }));
});
