/** A sample of integration/long/crash.test.ts: each command killed at every fifteenth point it passes (L12, P3, P4, P8, O4). */
import { describe, test } from 'node:test';
import { CASES, killEverywhere } from './support/crash.js';

describe('killed at a point it passes, a command leaves a whole store', { concurrency: 2 }, () => {
  for (const item of CASES) test(item.title, (t) => killEverywhere(t, item, { every: 15 }));
});
