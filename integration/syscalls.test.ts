/** A sample of integration/long/syscalls.test.ts: two commands, broken at every seventh system call by which they change something. */
import { describe, test } from 'node:test';
import { campaign } from './support/campaign.js';
import { VERBS } from './support/campaign-verbs.js';
import { cannotTrace } from './support/strace.js';

const SAMPLE = ['data put: next version', 'data delete: an artifact'];

describe('broken at a system call, a command leaves a whole store', { concurrency: 2, skip: cannotTrace() ?? false }, () => {
  for (const verb of VERBS.filter(({ title }) => SAMPLE.includes(title))) test(verb.title, (t) => campaign(t, verb, { every: 7 }));
});
