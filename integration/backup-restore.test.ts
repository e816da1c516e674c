/** `backup restore`: what comes back, what stays, what is refused; all or nothing (B12, B15 to B17). */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type ErrorCode, openRepo } from '../src/index.js';
import type { BackupRestoreResult } from '../src/operations/backup-restore.js';
import { backupOf, treeOf } from './support/backup-of.js';
import { idOf, type Tree, writeTree } from './support/backup-tree.js';
import { Pauses } from './support/failpoints.js';
import { seedOfThisRun } from './support/random.js';
import { refused } from './support/refused.js';
import { contentOf, createModel, entryOf, put, type TestRepo, tempRepo } from './support/repo.js';
import { killRestore } from './support/restore-crash.js';
import { roundTrips } from './support/round-trip.js';
import { snapshot } from './support/snapshot.js';
import { finished, run, runJson, start } from './support/swamp.js';
import { runUnprivileged, startUnprivileged, unprivileged } from './support/unprivileged.js';

/** Models with all that can be in one: hostile names, versions, tombstones, forwards, artifacts that were created again, uploads, orphans. */
async function stock(repo: TestRepo): Promise<void> {
  const { model, data, upload } = openRepo(repo.dir);
  await model.create({ type: 'store', name: 'web', tags: { env: 'prod' }, description: 'of the web' });
  await model.create({ type: 'command/shell', name: 'sh', run: 'echo out', deleteRun: 'true' });
  for (const name of [
    'a',
    'a',
    'a/b',
    'a/b/c',
    'A',
    'x/../y',
    '.',
    'gr\u00f6\u00dfe',
    'MANIFEST.json',
    'x.swamp-v3',
    'new\nline',
    'n'.repeat(600),
    'gone',
    'gone',
    'old',
    'again',
    'again',
  ])
    await data.put({ model: 'web', name, source: [`content of ${name}`], tags: { kind: 'test' } });
  await data.put({ model: 'web', name: 'empty', source: [''] });
  await data.put({ model: 'web', name: 'large', source: ['x'.repeat(700_000)] });
  await data.delete({ model: 'web', name: 'gone' });
  await data.delete({ model: 'web', name: 'again' });
  await data.put({ model: 'web', name: 'again', source: ['again'] });
  await data.put({ model: 'web', name: 'last', source: ['1'] });
  await data.put({ model: 'web', name: 'last', source: ['2'] });
  await data.delete({ model: 'web', name: 'last', version: 2 });
  await data.rename({ model: 'web', oldName: 'old', newName: 'new' });
  await model.run({ model: 'sh' });
  await model.rename({ model: 'sh', newName: 'shell' });
  const { uploadId } = await upload.begin({ model: 'web', name: 'parts' });
  await upload.part({ upload: uploadId, partNumber: 1, source: ['one'] });
  await upload.part({ upload: uploadId, partNumber: 2, source: ['two'] });
  const done = await upload.begin({ model: 'web', name: 'assembled' });
  await upload.part({ upload: done.uploadId, partNumber: 1, source: ['half'] });
  await upload.part({ upload: done.uploadId, partNumber: 2, source: ['whole'] });
  await upload.complete({ upload: done.uploadId });
  await upload.begin({ model: 'web', name: 'nothing yet' });
  await model.create({ type: 'store', name: 'lost' });
  await data.put({ model: 'lost', name: 'found/x', source: ['kept'] });
  rmSync(join(repo.dir, 'models/store/lost.yaml'));
}

/** A repository that was stocked, and its backup. */
async function stocked(t: TestContext): Promise<{ readonly repo: TestRepo; readonly backup: string }> {
  const repo = await tempRepo(t, { pending: 'allowed' });
  await stock(repo);
  return { repo, backup: await backupOf(repo.dir, join(repo.base, 'backup')) };
}

function restore(repo: TestRepo, backup: string, ...args: readonly string[]): Promise<BackupRestoreResult> {
  return runJson<BackupRestoreResult>(repo, ['backup', 'restore', backup, ...args]);
}

describe('into an empty repository', () => {
  test('everything comes back: backup, restore, backup gives an identical tree; each fence is at least where it was (B12, B17)', async (t) => {
    const { repo: from, backup } = await stocked(t);
    const repo = await tempRepo(t, { pending: 'allowed' });
    const result = await restore(repo, backup);
    const counts = JSON.parse(readFileSync(join(backup, 'MANIFEST.json'), 'utf8')).counts;
    const { models, artifacts, versions, bytes, uploads, orphans } = result;
    assert.deepEqual({ models, artifacts, versions, bytes, uploads, orphans, tombstones: counts.tombstones }, counts);
    assert.deepEqual([result.mode, result.skipped, result.newIds, result.dryRun], [null, [], [], false]);
    assert.deepEqual(treeOf(await backupOf(repo.dir, join(repo.base, 'again'))), treeOf(backup));
    for (const modelId of readdirSync(from.layout.fences)) {
      for (const lock of modelId === 'global'
        ? ([{ kind: 'global' }] as const)
        : ([
            { kind: 'data', modelId },
            { kind: 'run', modelId },
          ] as const)) {
        const before = entryOf(from, lock)?.epoch ?? 0;
        assert.ok((entryOf(repo, lock)?.epoch ?? 0) >= before, `${modelId} ${lock.kind}`);
      }
    }
    // The numbers go on: nothing is given out twice.
    assert.equal((await put(repo, 'web', 'a', 'next')).version, 3);
    assert.equal((await put(repo, 'web', 'gone', 'next')).version, 3);
    assert.equal((await put(repo, 'web', 'last', 'next')).version, 3);
    assert.equal((await run(repo, ['data', 'get', 'web', 'old'])).stdout, 'content of old', 'the forward');
    const [open] = (await openRepo(repo.dir).upload.list()).uploads.filter(({ name }) => name === 'parts');
    await openRepo(repo.dir).upload.complete({ upload: open?.uploadId ?? '' });
    assert.equal((await run(repo, ['data', 'get', 'web', 'parts'])).stdout, 'onetwo');
  });

  test('a hundred artifacts of chance are what they were: backup, verify, restore, backup, diff (B2, B17)', async (t) => {
    const seed = seedOfThisRun();
    t.diagnostic(`SWAMP_SEED=${seed}`);
    t.diagnostic(JSON.stringify(await roundTrips({ seed, artifacts: 100, actions: 40 })));
  });

  test('an empty backup restores nothing, and a dry run changes nothing', async (t) => {
    const repo = await tempRepo(t);
    const { dir } = writeTree(join(repo.base, 'backup'), []);
    assert.equal((await restore(repo, dir)).models, 0);
    const other = writeTree(join(repo.base, 'other'), [{ name: 'm', artifacts: { a: ['one'] } }]).dir;
    const before = snapshot(repo.dir);
    const dry = await restore(repo, other, '--dry-run', '--read-only');
    assert.deepEqual([dry.models, dry.artifacts, dry.versions, dry.bytes, dry.dryRun], [1, 1, 1, 3, true]);
    assert.deepEqual(snapshot(repo.dir), before);
  });
});

/** Copies of a tree are cheap; each has one thing wrong. */
const INJURIES: Readonly<Record<string, { readonly code: ErrorCode; readonly hurt: (tree: Tree) => void }>> = {
  'a tampered byte': { code: 'checksum_mismatch', hurt: ({ dir }) => writeFileSync(join(dir, 'models/m/data/a'), 'onE') },
  'a missing file': { code: 'backup_invalid', hurt: ({ dir }) => rmSync(join(dir, 'models/m/data/a')) },
  'an unlisted file': { code: 'backup_invalid', hurt: ({ dir }) => writeFileSync(join(dir, 'models/m/data/b'), '') },
  'a newer format': { code: 'backup_invalid', hurt: ({ dir }) => writeFileSync(join(dir, 'MANIFEST.json'), '{"formatVersion":3}') },
};

describe('a backup that is not whole', () => {
  for (const [what, { code, hurt }] of Object.entries(INJURIES)) {
    test(`is refused before anything is touched: ${what} (B15)`, async (t) => {
      const repo = await tempRepo(t);
      await createModel(repo, 'm');
      await put(repo, 'm', 'a', 'mine');
      const tree = writeTree(join(repo.base, 'backup'), [{ name: 'm', artifacts: { a: ['one'] } }]);
      hurt(tree);
      const before = snapshot(repo.dir);
      const error = await refused(repo, ['backup', 'restore', tree.dir, '--mode', 'replace', '--force'], code);
      assert.notDeepEqual(error.data['findings'] ?? [], []);
      assert.deepEqual(snapshot(repo.dir), before);
    });
  }

  test('a content that changes after it was verified ends the restore, and leaves nothing (B16)', async (t) => {
    const repo = await tempRepo(t);
    const { dir } = writeTree(join(repo.base, 'backup'), [{ name: 'm', artifacts: { a: ['one'], b: ['two'] } }]);
    const pauses = new Pauses(repo, ['fs.mkdir']);
    const restoring = start(repo, ['backup', 'restore', dir, '--json'], { env: pauses.env });
    await pauses.at('fs.mkdir', restoring);
    writeFileSync(join(dir, 'models/m/data/b'), 'TWO');
    pauses.go('fs.mkdir');
    assert.match((await finished(restoring, 65)).stderr, /"checksum_mismatch"/);
    assert.deepEqual((await openRepo(repo.dir).model.list()).models, []);
  });
});

/** What keeps a definition from being written. */
const OBSTACLES: Readonly<Record<string, { readonly code: ErrorCode; readonly put: (models: string, base: string) => void }>> = {
  'the directory of its type is a link': {
    code: 'config_invalid',
    put: (models, base) => {
      mkdirSync(join(base, 'elsewhere'));
      symlinkSync(join(base, 'elsewhere'), join(models, 'store'));
    },
  },
  'the directory of its type is a file': { code: 'config_invalid', put: (models) => writeFileSync(join(models, 'store'), '') },
  'a directory stands in its place': { code: 'conflict', put: (models) => mkdirSync(join(models, 'store/m.yaml'), { recursive: true }) },
  'a link stands in its place': {
    code: 'conflict',
    put: (models) => {
      mkdirSync(join(models, 'store'));
      symlinkSync('/nonexistent', join(models, 'store/m.yaml'));
    },
  },
};

describe('a definition that cannot be written ends a restore before anything is published, and keeps nobody out (B16):', { concurrency: 2 }, () => {
  for (const [what, { code, put: obstruct }] of Object.entries(OBSTACLES)) {
    test(what, async (t) => {
      const repo = await tempRepo(t, { check: false });
      const { dir } = writeTree(join(repo.base, 'backup'), [{ name: 'm', artifacts: { a: ['one'] } }]);
      mkdirSync(join(repo.dir, 'models'), { recursive: true });
      obstruct(join(repo.dir, 'models'), repo.base);
      const before = snapshot(join(repo.dir, 'models'));
      await refused(repo, ['backup', 'restore', dir, '--mode', 'merge'], code);
      assert.ok(!existsSync(repo.layout.restoring));
      assert.deepEqual(snapshot(join(repo.dir, 'models')), before);
      if (existsSync(join(repo.base, 'elsewhere'))) assert.deepEqual(readdirSync(join(repo.base, 'elsewhere')), []);
      await run(repo, ['model', 'list']);
    });
  }

  test('a directory that cannot be written', unprivileged, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'x');
    const { dir } = writeTree(join(repo.base, 'backup'), [{ name: 'm', artifacts: { a: ['one'] } }]);
    chmodSync(join(repo.dir, 'models/store'), 0o555);
    await runUnprivileged(repo, ['backup', 'restore', dir, '--mode', 'merge'], 74);
    await runUnprivileged(repo, ['model', 'list'], 0);
    chmodSync(join(repo.dir, 'models/store'), 0o755);
    assert.deepEqual(readdirSync(join(repo.dir, 'models/store')), ['x.yaml']);
  });
});

describe('merge puts an artifact where', { concurrency: 2 }, () => {
  for (const [what, obstruct] of [
    ['a file stands', (path: string) => writeFileSync(path, '')],
    ['a link stands', (path: string, base: string) => symlinkSync(base, path)],
  ] as const) {
    test(what, async (t) => {
      const repo = await tempRepo(t);
      const { dir } = writeTree(join(repo.base, 'backup'), [{ name: 'm', artifacts: { a: ['one'] } }]);
      await run(repo, ['backup', 'restore', dir]);
      rmSync(repo.layout.artifact(idOf('m'), 'a'), { recursive: true });
      obstruct(repo.layout.artifact(idOf('m'), 'a'), repo.base);
      await run(repo, ['backup', 'restore', dir, '--mode', 'merge']);
      assert.equal(await contentOf(repo, 'm', 'a'), 'one');
    });
  }
});

test('a restore that ends before it is published leaves nothing beside the definitions', async (t) => {
  const repo = await tempRepo(t);
  const { dir } = writeTree(join(repo.base, 'backup'), [{ name: 'm', artifacts: { a: ['one'] } }]);
  const pauses = new Pauses(repo, ['restore.staged']);
  const restoring = start(repo, ['backup', 'restore', dir], { env: pauses.env });
  await pauses.at('restore.staged', restoring);
  assert.match(readdirSync(join(repo.dir, 'models/store')).join(), /^\.m\.[0-9a-f]{12}\.tmp$/);
  restoring.kill('SIGTERM');
  pauses.go('restore.staged');
  await finished(restoring, 143);
  assert.deepEqual(readdirSync(join(repo.dir, 'models/store')), []);
});

test('an error right after the rename that publishes a restore says that it is published (P8)', unprivileged, async (t) => {
  const repo = await tempRepo(t);
  const { dir } = writeTree(join(repo.base, 'backup'), [{ name: 'm', artifacts: { a: ['one'] } }]);
  const pauses = new Pauses(repo, ['restore.published']);
  const restoring = startUnprivileged(repo, ['backup', 'restore', dir], { env: pauses.env });
  await pauses.at('restore.published', restoring);
  // The sync opens it.
  chmodSync(repo.layout.root, 0o300);
  pauses.go('restore.published');
  assert.match((await finished(restoring, 74)).stderr, /The restore is published/);
  chmodSync(repo.layout.root, 0o755);
  assert.equal(await contentOf(repo, 'm', 'a'), 'one');
});

describe('killed at any point, a restore has happened or not (B16)', { concurrency: 2 }, () => {
  for (const mode of ['replace', 'merge'] as const) test(`--mode ${mode}, at every 70th point`, (t) => killRestore(t, mode, { every: 70 }));
});
