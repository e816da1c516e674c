/** A sample of integration/long/power-cut.test.ts: every eighth command. */
import { describe, test } from 'node:test';
import { VERBS } from './support/campaign-verbs.js';
import { answered, expectSurvives } from './support/power-cut.js';
import { sampled } from './support/scale.js';
import { cannotTrace } from './support/strace.js';

describe('what a command acknowledged survives a power cut', { concurrency: 2, skip: cannotTrace() ?? false }, () => {
  for (const verb of sampled(VERBS, 8)) test(verb.title, async (t) => expectSurvives(await answered(t, verb)));
});
