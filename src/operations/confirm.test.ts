/** What a person was shown and agreed to is what a delete, or a restore, removes; what changed since is a conflict. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { libraryRepo, NEVER, newModel, putAll } from '../../integration/support/library-repo.js';
import type { Repo } from '../repo.js';
import { backupCreate } from './backup-create.js';
import { backupRestore } from './backup-restore.js';
import { type DeleteManyResult, dataDelete } from './data-delete.js';
import { dataVersions } from './data-versions.js';
import { datastoreCheck } from './datastore-check.js';
import { modelCreate } from './model-create.js';
import { modelDelete } from './model-delete.js';

async function versionsOf(repo: Repo, name: string): Promise<number[]> {
  return (await dataVersions(repo, { model: 'm', name })).versions.map(({ version }) => version).sort((a, b) => a - b);
}

/** Agrees, after `meanwhile` has happened; how often it was asked. */
function agreeAfter(meanwhile: () => Promise<unknown>) {
  const asked = { times: 0 };
  const confirm = async (): Promise<boolean> => {
    asked.times++;
    await meanwhile();
    return true;
  };
  return { asked, options: { ...NEVER, confirm } };
}

for (const way of [{ all: true }, { prefix: 'a' }] as const) {
  test(`a batch (${Object.keys(way)}) that was agreed to deletes what was shown; an artifact that got a version since is a conflict of its own`, async (t) => {
    const repo = await libraryRepo(t);
    await newModel(repo, 'm');
    for (const name of ['a1', 'a2', 'a3']) await putAll(repo, 'm', name, 'shown');
    const { options } = agreeAfter(async () => {
      await putAll(repo, 'm', 'a2', 'not shown');
      await putAll(repo, 'm', 'a4', 'not shown');
    });
    const { totalDeleted, totalVersionsDeleted, failed } = (await dataDelete(repo, { model: 'm', ...way }, options)) as DeleteManyResult;
    assert.deepEqual([totalDeleted, totalVersionsDeleted], [2, 2]);
    assert.deepEqual(
      failed.map(({ dataName, code }) => [dataName, code]),
      [['a2', 'conflict']],
    );
    assert.deepEqual([await versionsOf(repo, 'a2'), await versionsOf(repo, 'a4')], [[1, 2], [1]]);
  });
}

test('a batch that nobody was asked about takes what stands there', async (t) => {
  const repo = await libraryRepo(t);
  await newModel(repo, 'm');
  await putAll(repo, 'm', 'a', '1', '2');
  const { totalVersionsDeleted, failed } = (await dataDelete(repo, { model: 'm', all: true }, NEVER)) as DeleteManyResult;
  assert.deepEqual([totalVersionsDeleted, failed], [2, []]);
});

const CHANGES: Readonly<Record<string, (repo: Repo) => Promise<unknown>>> = {
  'another version of an artifact': (repo) => putAll(repo, 'm', 'a', '3'),
  'another artifact': (repo) => putAll(repo, 'm', 'b', '1'),
  'as many versions as before, but other ones': async (repo) => {
    await dataDelete(repo, { model: 'm', name: 'a', version: 1 }, NEVER);
    await putAll(repo, 'm', 'a', '3');
  },
};

for (const [what, change] of Object.entries(CHANGES)) {
  test(`a model that got ${what} since it was shown is not deleted, and nobody is asked again`, async (t) => {
    const repo = await libraryRepo(t);
    const id = await newModel(repo, 'm');
    await putAll(repo, 'm', 'a', '1', '2');
    const { asked, options } = agreeAfter(() => change(repo));
    await assert.rejects(modelDelete(repo, { model: 'm', withData: true }, options), { code: 'conflict', message: /new versions.*nothing was removed/ });
    assert.equal(asked.times, 1);
    assert.equal(existsSync(repo.layout.deletedModel(id)), false);
    assert.ok((await versionsOf(repo, 'a')).length >= 2);
  });
}

test('a model that lost a version since it was shown is deleted: no more goes than was shown', async (t) => {
  const repo = await libraryRepo(t);
  await newModel(repo, 'm');
  await putAll(repo, 'm', 'a', '1', '2');
  const { options } = agreeAfter(() => dataDelete(repo, { model: 'm', name: 'a', version: 1 }, NEVER));
  assert.equal((await modelDelete(repo, { model: 'm', withData: true }, options)).versionsDeleted, 1);
});

/** `m`, with a definition that was edited since the backup and the artifacts `a` and `b`. */
async function backedUp(repo: Repo): Promise<{ readonly dir: string; readonly definition: string }> {
  await newModel(repo, 'm');
  for (const name of ['a', 'b']) await putAll(repo, 'm', name, '1');
  const { backupDir: dir } = await backupCreate(repo, { dir: join(repo.root, '..', `${basename(repo.root)}-backup`) }, NEVER);
  const definition = join(repo.root, 'models/store/m.yaml');
  appendFileSync(definition, '# an edit\n');
  return { dir, definition };
}

const SINCE: Readonly<Record<string, (repo: Repo, definition: string) => Promise<unknown>>> = {
  'another version': (repo) => putAll(repo, 'm', 'a', 'not shown'),
  'another artifact in the place of one': async (repo) => {
    await dataDelete(repo, { model: 'm', name: 'b' }, NEVER);
    await putAll(repo, 'm', 'c', 'not shown');
  },
  'a definition that was edited again': async (_, definition) => appendFileSync(definition, '# not shown\n'),
  'another model in the place of one': async (repo) => {
    await modelDelete(repo, { model: 'm', withData: true }, NEVER);
    await modelCreate(repo, { type: 'store', name: 'n' }, NEVER);
  },
};

for (const [what, change] of Object.entries(SINCE)) {
  test(`a repository that got ${what} since it was shown is not replaced`, async (t) => {
    const repo = await libraryRepo(t);
    const { dir, definition } = await backedUp(repo);
    t.after(() => rmSync(dir, { recursive: true }));
    const { asked, options } = agreeAfter(() => change(repo, definition));
    await assert.rejects(backupRestore(repo, { dir, mode: 'replace' }, options), { code: 'conflict', message: /nothing was restored/ });
    assert.equal(asked.times, 1);
    assert.deepEqual((await datastoreCheck(repo, {}, NEVER)).findings, []);
    // Unasked it goes, whatever it is.
    await backupRestore(repo, { dir, mode: 'replace' }, NEVER);
  });
}

test('a repository that lost something since it was shown is replaced: no more goes than was shown', async (t) => {
  const repo = await libraryRepo(t);
  const { dir, definition } = await backedUp(repo);
  t.after(() => rmSync(dir, { recursive: true }));
  await putAll(repo, 'm', 'c', '1', '2');
  const { options } = agreeAfter(() => dataDelete(repo, { model: 'm', name: 'c', version: 1 }, NEVER));
  assert.deepEqual((await backupRestore(repo, { dir, mode: 'replace' }, options)).removed, { models: 1, artifacts: 3, versions: 3 });
  assert.doesNotMatch(readFileSync(definition, 'utf8'), /an edit/);
});
