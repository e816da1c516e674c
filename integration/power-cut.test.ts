/** The power goes right after a command has answered: everything that it acknowledged is there, and nothing is damaged (P4, P6). */
import { describe, test } from 'node:test';
import { VERBS } from './support/campaign-verbs.js';
import { answered, expectSurvives } from './support/power-cut.js';
import { cannotTrace } from './support/strace.js';

describe('what a command acknowledged survives a power cut', { concurrency: 2, skip: cannotTrace() ?? false }, () => {
  for (const verb of VERBS) test(verb.title, async (t) => expectSurvives(await answered(t, verb)));
});
