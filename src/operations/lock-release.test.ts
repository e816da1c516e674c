import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { hold, libraryRepo, NEVER, newModel } from '../../integration/support/library-repo.js';
import type { LockName } from '../layout/layout.js';
import { readFence } from '../locks/fence.js';
import { newSession } from '../locks/session.js';
import { withSession } from '../protocol/session.js';
import { write } from '../protocol/write.js';
import type { Repo, RepoOptions } from '../repo.js';
import { stageVersion } from '../store/stage.js';
import { commitVersion } from '../store/write.js';
import { dataVersions } from './data-versions.js';
import { datastoreCheck } from './datastore-check.js';
import { lockRelease } from './lock-release.js';

async function repoWithModel(t: TestContext, options: RepoOptions = {}): Promise<{ repo: Repo; id: string }> {
  const repo = await libraryRepo(t, options);
  return { repo, id: await newModel(repo, 'm') };
}

test('release without force is refused with the flag as hint, and changes nothing', async (t) => {
  const { repo, id } = await repoWithModel(t);
  const held = hold(repo, { kind: 'data', modelId: id }, newSession(repo).holder);
  await assert.rejects(lockRelease(repo, {}, NEVER), { code: 'usage', hint: /--force/ });
  assert.equal(join(held, '..', readFence(join(held, '..'))?.name ?? ''), held);
});

test('release is refused in a repository that is opened read-only, before anything else', async (t) => {
  const { repo } = await repoWithModel(t);
  await assert.rejects(lockRelease({ ...repo, readOnly: true }, { model: 'none' }, NEVER), { code: 'read_only' });
});

test('release with nothing held releases nothing', async (t) => {
  const { repo } = await repoWithModel(t);
  assert.deepEqual(await lockRelease(repo, { force: true }, NEVER), { released: [] });
  assert.deepEqual(await lockRelease(repo, { force: true, model: 'm' }, NEVER), { released: [] });
});

test('release without a model frees every held lock, and no epoch goes back', async (t) => {
  const { repo, id } = await repoWithModel(t);
  const locks: LockName[] = [{ kind: 'global' }, { kind: 'data', modelId: id }, { kind: 'run', modelId: id }];
  for (const lock of locks) hold(repo, lock, newSession(repo).holder);
  const before = locks.map((lock) => readFence(repo.layout.fence(lock))?.epoch);
  const { released } = await lockRelease(repo, { force: true }, NEVER);
  assert.deepEqual(
    released.map(({ lock }) => lock),
    ['global', 'data', 'run'],
  );
  const after = locks.map((lock) => readFence(repo.layout.fence(lock)));
  assert.deepEqual(
    after.map((entry) => [entry?.state, entry?.epoch]),
    before.map((epoch) => ['free', epoch]),
  );
});

test('release with a model, by name or by id, frees its two locks and no other', async (t) => {
  const { repo, id } = await repoWithModel(t);
  const other = await newModel(repo, 'other');
  for (const model of ['m', id]) {
    const mine: LockName[] = [
      { kind: 'data', modelId: id },
      { kind: 'run', modelId: id },
    ];
    for (const lock of mine) hold(repo, lock, newSession(repo).holder);
    if (model === 'm') hold(repo, { kind: 'data', modelId: other }, newSession(repo).holder);
    assert.equal((await lockRelease(repo, { force: true, model }, NEVER)).released.length, 2);
  }
  assert.equal(readFence(repo.layout.fence({ kind: 'data', modelId: other }))?.state, 'held');
});

test('release frees the locks of a model whose definition is gone, by its id', async (t) => {
  const { repo, id } = await repoWithModel(t);
  hold(repo, { kind: 'data', modelId: id }, 'somebody');
  rmSync(join(repo.root, 'models'), { recursive: true });
  assert.equal((await lockRelease(repo, { force: true, model: id }, NEVER)).released.length, 1);
  await assert.rejects(lockRelease(repo, { force: true, model: 'm' }, NEVER), { code: 'model_not_found' });
});

test('release warns of a damaged lock and frees the others', async (t) => {
  const warnings: string[] = [];
  const { repo, id } = await repoWithModel(t, { reporter: { info: () => {}, debug: () => {}, warn: (message) => void warnings.push(message) } });
  mkdirSync(repo.layout.fence({ kind: 'data', modelId: id }), { recursive: true });
  hold(repo, { kind: 'run', modelId: id }, newSession(repo).holder);
  assert.equal((await lockRelease(repo, { force: true }, NEVER)).released.length, 1);
  assert.match(warnings.join('\n'), /is damaged/);
});

test('a writer whose lock is released by force under its hands commits under the next one, once', async (t) => {
  const { repo, id } = await repoWithModel(t);
  const epochs: number[] = [];
  await withSession(repo, async (session) => {
    const fields = {
      contentType: 'text/plain',
      lifetime: 'infinite',
      garbageCollection: 'all',
      tags: {},
      ownerDefinition: { ownerType: 'manual', ownerRef: 'test' },
    };
    const staged = await stageVersion(session, 'v', ['one'], fields, NEVER);
    await write(
      repo,
      id,
      async (writer) => {
        epochs.push(writer.epoch);
        if (!writer.retaken) assert.equal((await lockRelease(repo, { force: true }, NEVER)).released.length, 1);
        return commitVersion(writer, 'a', staged);
      },
      { ...NEVER, session },
    );
  });
  assert.equal(epochs.length, 2);
  assert.deepEqual(
    (await dataVersions(repo, { model: 'm', name: 'a' })).versions.map(({ version }) => version),
    [1],
  );
  const { findings, pending } = await datastoreCheck(repo, {}, NEVER);
  assert.deepEqual({ findings, pending }, { findings: [], pending: [] });
});
