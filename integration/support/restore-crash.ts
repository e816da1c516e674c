/** A restore that is killed at the points it passes: afterwards it has happened as a whole, or not at all (B16). */
import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openRepo } from '../../src/index.js';
import { backupOf, treeOf } from './backup-of.js';
import { traceOf } from './failpoints.js';
import { copyRepo, type TestRepo, tempRepo } from './repo.js';
import { start } from './swamp.js';

/** Two states that a restore leads between: `before`, with what the backup replaces, removes, adds to and leaves; and the backup of the other one. */
export async function twoStates(t: TestContext): Promise<{ readonly repo: TestRepo; readonly backup: string }> {
  const repo = await tempRepo(t, { pending: 'allowed' });
  const { model, data, upload } = openRepo(repo.dir);
  await model.create({ type: 'store', name: 'm' });
  await model.create({ type: 'store', name: 'swapped' });
  for (const name of ['a', 'a', 'b', 'gone']) await data.put({ model: 'm', name, source: [`old ${name}`] });
  await data.delete({ model: 'm', name: 'gone' });
  await upload.begin({ model: 'm', name: 'up' });
  const backup = await backupOf(repo.dir, join(repo.base, 'backup'));
  await data.put({ model: 'm', name: 'a', source: ['new a'] });
  await data.put({ model: 'm', name: 'c', source: ['new c'] });
  await data.delete({ model: 'm', name: 'a', version: 1 });
  await data.delete({ model: 'm', name: 'b' });
  await model.rename({ model: 'm', newName: 'n' });
  await model.rename({ model: 'swapped', newName: 'm' });
  await model.create({ type: 'store', name: 'later' });
  await data.put({ model: 'later', name: 'x', source: ['later'] });
  return { repo, backup };
}

/** Everything that can be read of a repository. */
export async function stateOf(repo: TestRepo, name: string): Promise<Record<string, string>> {
  const tree = treeOf(await backupOf(repo.dir, join(repo.base, name)));
  rmSync(join(repo.base, name), { recursive: true });
  return tree;
}

/** Generations and floors are those of the restore. */
export const withoutNumbers = (tree: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(tree).filter(([path]) => !/swamp-meta|_tombstones|CHECKSUMS/.test(path)));

/** `every`: only each so many-th point. */
export async function killRestore(t: TestContext, mode: 'replace' | 'merge', { every }: { readonly every: number }): Promise<void> {
  const { repo: origin, backup } = await twoStates(t);
  const args = ['backup', 'restore', backup, '--mode', mode, '--force'];
  const before = await stateOf(origin, 'state');
  const whole = copyRepo(origin);
  const points = await traceOf(whole, args);
  const after = withoutNumbers(await stateOf(whole, 'state'));
  t.diagnostic(`${points.length} points`);
  let unpublished = 0;
  let killed = 0;
  for (const [i, point] of points.entries()) {
    if (i % every !== 0) continue;
    const repo = copyRepo(origin);
    const where = `killed at point ${i + 1} (${point})`;
    const { code } = await start(repo, args, { env: { SWAMP_FAILPOINTS: `#${i + 1}=kill` } }).exited;
    if (code === 0) continue;
    killed++;
    // Any command that comes next finishes it before its own work; a reader that may not write is told.
    const pending = existsSync(repo.layout.restoring);
    if (pending) await assert.rejects(openRepo(repo.dir, { readOnly: true }).data.list(), { code: 'read_only' });
    await openRepo(repo.dir).data.list();
    assert.ok(!existsSync(repo.layout.restoring), where);
    const now = await stateOf(repo, `state-${i}`);
    if (JSON.stringify(now) === JSON.stringify(before)) {
      assert.ok(!pending, where);
      unpublished++;
    } else assert.deepEqual(withoutNumbers(now), after, where);
    const { datastore } = openRepo(repo.dir);
    assert.deepEqual((await datastore.check()).findings, [], where);
    await datastore.sweep();
    assert.deepEqual((await datastore.check()).pending, [], where);
    rmSync(join(repo.dir, '..'), { recursive: true });
  }
  // Up to the rename that publishes it nothing has happened; after it everything has.
  const published = Math.ceil((points.indexOf('restore.published') + 1) / every);
  assert.ok(killed > published && Math.abs(unpublished - published) <= 2, `${unpublished} of ${killed} were before the commit point, ${published} expected`);
}
