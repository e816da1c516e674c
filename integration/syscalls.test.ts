/** A sample of integration/long/syscalls.test.ts: two commands at every 24th system call by which they change something, a rename where two names meet. */
import { describe, test } from 'node:test';
import { campaign } from './support/campaign.js';
import { verbOf } from './support/campaign-verbs.js';
import { cannotTrace } from './support/strace.js';

describe('broken at a system call, a command leaves a whole store', { concurrency: 2, skip: cannotTrace() ?? false }, () => {
  for (const title of ['data put: next version', 'data delete: an artifact']) test(title, (t) => campaign(t, verbOf(title), { every: 24 }));
  const bothNames = 'model rename: where the definition gets its new name, and loses the old one';
  test(bothNames, (t) => campaign(t, verbOf('model rename'), { at: /^link|^rename.*renamed/ }));
});
