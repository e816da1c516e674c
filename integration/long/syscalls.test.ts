/** Every command that changes something, broken at every system call by which it does: SIGKILL, ENOSPC, EIO (P1, P3, P4, P8, L12). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { COMMANDS } from '../../src/cli/table.js';
import { campaign } from '../support/campaign.js';
import { VERBS } from '../support/campaign-verbs.js';
import { cannotTrace } from '../support/strace.js';

/** Commands that change nothing, and the demo and a session, which are made of the others. */
const OTHERS = [
  ...['repo info', 'model list', 'model search', 'model get', 'model validate', 'data list', 'data search', 'data query', 'data versions', 'data upload list'],
  ...['datastore status', 'datastore check', 'datastore lock status', 'demo', 'session', 'completion'],
  // Nothing in a repository.
  ...['backup verify', 'backup diff', 'backup pack', 'backup unpack', 'backup prune'],
];

describe('broken at every system call, a command leaves a whole store', { concurrency: 2, skip: cannotTrace() ?? false }, () => {
  for (const verb of VERBS) test(verb.title, (t) => campaign(t, verb));
});

test('every command that changes something is broken', () => {
  const broken = new Set([...VERBS.map(({ verb }) => verb), ...OTHERS]);
  assert.deepEqual(
    COMMANDS.map(({ verb }) => verb).filter((verb) => !broken.has(verb)),
    [],
  );
});
