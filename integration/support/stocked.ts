/** A repository with something for every verb to work on, and copies of it that are checked when their test ends. */
import type { TestContext } from 'node:test';
import { openRepo } from '../../src/index.js';
import { check, copyRepo, type RepoOptions, type TestRepo, tempRepo } from './repo.js';

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

/** A copy of its own for one test. When that ends, `datastore check` must find nothing, and nothing may be pending. */
export function checkedCopy(t: TestContext, origin: TestRepo): TestRepo {
  const repo = copyRepo(origin);
  t.after(() => check(repo));
  return repo;
}
