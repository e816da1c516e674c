/** Every command that changes something, broken at every system call by which it does: SIGKILL, ENOSPC, EIO (P1, P3, P4, P8, L12). */
import { describe, test } from 'node:test';
import { campaign } from '../support/campaign.js';
import { VERBS } from '../support/campaign-verbs.js';
import { cannotTrace } from '../support/strace.js';

describe('broken at every system call, a command leaves a whole store', { concurrency: 2, skip: cannotTrace() ?? false }, () => {
  for (const verb of VERBS) test(verb.title, (t) => campaign(t, verb));
});
