/** Each command killed at every point that it passes, in the short form at every thirtieth (L12, P3, P4, P8, O4). */
import { describe, test } from 'node:test';
import { CASES, killEverywhere } from './support/crash.js';

describe('killed at a point that it passes, a command leaves a whole store', { concurrency: 2 }, () => {
  for (const item of CASES) test(item.title, (t) => killEverywhere(t, item, 30));
});
