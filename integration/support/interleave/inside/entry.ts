/** The program as a simulated process runs it. */
import { ANCESTORS_VARIABLE, openRepoAt, type Repo, type Reporter } from '../../../../src/repo.js';
import type { Timing } from '../../../../src/timing.js';
import { ROOT } from '../host.js';
import { host } from './node.js';
import { perform } from './perform.js';

/** Deadlines and the ttl never pass; how long a wait takes is decided by the scheduler. */
const NEVER_MS = 1_000_000_000;
const TIMING: Timing = {
  ttlMs: NEVER_MS,
  heartbeatMs: NEVER_MS,
  pollMs: 250,
  graceMs: 200,
  noticeMs: NEVER_MS,
  lockTimeoutMs: NEVER_MS,
  now: () => host.now(),
};
const REPORTER: Reporter = { info: () => {}, debug: () => {}, warn: (message) => host.passed(`warning: ${message}`) };

export function openRepo(env: Readonly<Record<string, string | undefined>>): Repo {
  return openRepoAt(ROOT, { env: { ...env }, timing: TIMING, reporter: REPORTER });
}

let repo: Repo | undefined;

host.offer({
  open: () => {
    repo = openRepo({});
  },
  begin: (task, ended, ancestors) => {
    // Called from a function of this context: else the scheduler's own queue of promises would run it, later.
    const opened = ancestors === undefined ? repo : openRepo({ [ANCESTORS_VARIABLE]: ancestors });
    void perform(opened, task).then((result) => ended(result));
  },
});
