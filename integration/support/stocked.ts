/** A repository with something for every verb to work on, and copies of it that are checked when their test ends. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { openRepo } from '../../src/index.js';
import { copyRepo, type RepoOptions, type TestRepo, tempRepo } from './repo.js';

/**
 * A store `m` with two versions of `a`, one of `b/c`, and `gone`, which was deleted; a command/shell `sh` that prints `out`
 * and, to stderr, `err`, and whose delete method prints `torn down`.
 */
export async function stockedRepo(t: TestContext, options: RepoOptions = {}): Promise<TestRepo> {
  const repo = await tempRepo(t, options);
  const { model, data } = openRepo(repo.dir);
  await model.create({ type: 'store', name: 'm', tags: { env: 'prod' } });
  await model.create({ type: 'command/shell', name: 'sh', run: 'echo out; echo err >&2', deleteRun: 'echo torn down' });
  for (const [name, text] of [
    ['a', 'one'],
    ['a', 'two'],
    ['b/c', 'nested'],
    ['gone', 'x'],
  ] as const)
    await data.put({ model: 'm', name, source: [text], tags: { kind: 'test' } });
  await data.delete({ model: 'm', name: 'gone' });
  return repo;
}

/** A copy of its own for one test. When that ends, `datastore check` of the library must find nothing, and nothing may be pending. */
export function checkedCopy(t: TestContext, origin: TestRepo): TestRepo {
  const repo = copyRepo(origin);
  t.after(() => checkInProcess(repo));
  return repo;
}

/** As `check`, in the test's own process. */
export async function checkInProcess(repo: Pick<TestRepo, 'dir'>): Promise<void> {
  const { findings, pending } = await openRepo(repo.dir).datastore.check();
  assert.deepEqual(findings, [], 'datastore check has findings');
  assert.deepEqual(pending, [], 'something is left pending');
}
