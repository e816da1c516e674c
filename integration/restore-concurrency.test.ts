/** A restore beside others: two at once, writers, deletes, a method that runs (P1, P2, P9, B16). */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext } from 'node:test';
import { openRepo } from '../src/index.js';
import { dataDelete } from '../src/operations/data-delete.js';
import { dataRename } from '../src/operations/data-rename.js';
import { modelDelete } from '../src/operations/model-delete.js';
import { modelRename } from '../src/operations/model-rename.js';
import { modelRun } from '../src/operations/model-run.js';
import { uploadBegin } from '../src/operations/upload-begin.js';
import { openRepoAt } from '../src/repo.js';
import { timingFrom } from '../src/timing.js';
import { backupOf } from './support/backup-of.js';
import { idOf, writeTree } from './support/backup-tree.js';
import { Pauses } from './support/failpoints.js';
import { told } from './support/program.js';
import { refused } from './support/refused.js';
import { contentOf, copyRepo, createModel, entryOf, heldLocks, put, type TestRepo, tempRepo, ticketsOf, versionsOf } from './support/repo.js';
import { LOOKS, stockForLook } from './support/restore-looks.js';
import { sampled, sampledTest } from './support/scale.js';
import { cannotTrace } from './support/strace.js';
import { finished, launch, run, runJson, start, startProgram } from './support/swamp.js';
import { until } from './support/until.js';

const test = sampledTest(2);

/** A repository with a model `m`, whose `a` is `mine`; backups in which it is `one` and `two`. */
async function stocked(t: TestContext): Promise<{ readonly repo: TestRepo; readonly one: string; readonly two: string }> {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'mine');
  const [one = '', two = ''] = ['one', 'two'].map((text) => writeTree(join(repo.base, text), [{ name: 'm', artifacts: { a: [text], [text]: [text] } }]).dir);
  return { repo, one, two };
}

/** A repository with a model `m`, whose definition is another one than in the backup of it. */
async function edited(t: TestContext): Promise<{ readonly repo: TestRepo; readonly definition: string; readonly backup: string }> {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'one');
  const backup = await backupOf(repo.dir, join(repo.base, 'backup'));
  const definition = join(repo.dir, 'models/store/m.yaml');
  appendFileSync(definition, '# an edit\n');
  return { repo, definition, backup };
}

function restoring(repo: TestRepo, dir: string, mode: string, env: Readonly<Record<string, string>> = {}) {
  return start(repo, ['backup', 'restore', dir, '--mode', mode, '--force', '--json'], { env });
}

/** Stops a restore while the definitions are gone and the new ones are not there yet; the function returned lets it go on to its end. */
async function withoutDefinitions(repo: TestRepo, definition: string, backup: string): Promise<() => Promise<unknown>> {
  const pauses = new Pauses(repo, ['restore.definitions-removed']);
  const restore = restoring(repo, backup, 'replace', pauses.env);
  await pauses.at('restore.definitions-removed', restore);
  assert.ok(!existsSync(definition));
  return () => {
    pauses.go('restore.definitions-removed');
    return finished(restore);
  };
}

describe('beside a restore', { concurrency: 2 }, () => {
  test('another restore: one after the other, each whole', async (t) => {
    const { repo, one, two } = await stocked(t);
    const pauses = new Pauses(repo, ['restore.published']);
    const first = restoring(repo, one, 'replace', pauses.env);
    await pauses.at('restore.published', first);
    const second = restoring(repo, two, 'replace');
    await second.says(/Waiting for the global lock/);
    pauses.go('restore.published');
    await finished(first);
    await finished(second);
    assert.equal(await contentOf(repo, 'm', 'a'), 'two');
    assert.deepEqual(await versionsOf(repo, 'm', 'one'), []);
    assert.deepEqual(await versionsOf(repo, 'm', 'two'), [1]);
  });

  test('writers and readers wait while it is carried out, and then see what it brought', async (t) => {
    const { repo, one } = await stocked(t);
    const pauses = new Pauses(repo, ['restore.published']);
    const restore = restoring(repo, one, 'merge', pauses.env);
    await pauses.at('restore.published', restore);
    const writer = start(repo, ['data', 'put', 'm', 'a', '--json'], { stdin: 'later' });
    const reader = start(repo, ['data', 'get', 'm', 'one']);
    await writer.says(/Waiting for the global lock/);
    await reader.says(/Waiting for the global lock/);
    pauses.go('restore.published');
    await finished(restore);
    assert.equal((await finished(reader)).stdout, 'one');
    await finished(writer);
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1, 2]);
    assert.equal(await contentOf(repo, 'm', 'a', 1), 'mine');
    assert.equal(await contentOf(repo, 'm', 'a', 2), 'later');
  });

  test('a method that has just taken its lock, and is about to look, does not keep that lock below the epoch of the backup (B17)', async (t) => {
    const repo = await tempRepo(t);
    const lock = { kind: 'run', modelId: await createModel(repo, 'm', 'true') } as const;
    const origin = copyRepo(repo);
    for (let i = 0; i < 4; i++) await openRepo(origin.dir).model.run({ model: 'm', method: 'execute' });
    const backup = await backupOf(origin.dir, join(repo.base, 'backup'));
    const starting = new Pauses(repo, ['enter.before-fence', 'enter.before-second-look']);
    const method = start(repo, ['model', 'run', 'm'], { env: starting.env });
    await starting.at('enter.before-fence', method);
    const pauses = new Pauses(repo, ['restore.published']);
    const restore = restoring(repo, backup, 'replace', pauses.env);
    await pauses.at('restore.published', restore);
    starting.go('enter.before-fence');
    await starting.at('enter.before-second-look', method);
    pauses.go('restore.published');
    await until('the restore waits for the method', () => restore.hasExited() || ticketsOf(repo, lock, 'd').length > 0);
    starting.go('enter.before-second-look');
    await finished(restore);
    await finished(method);
    const epoch = entryOf(repo, lock)?.epoch ?? 0;
    assert.ok(epoch > 4, `the lock is at epoch ${epoch}`);
  });

  for (const [when, point] of [
    ['is being carried out', 'restore.definitions-removed'],
    ['was published and carried out', undefined],
  ] as const) {
    test(`a reader that had found the model before the restore ${when} finds what is there after it (B16)`, async (t) => {
      const { repo, one } = await stocked(t);
      const reading = new Pauses(repo, ['data-get.model-found']);
      const reader = start(repo, ['data', 'get', 'm', 'a'], { env: reading.env });
      await reading.at('data-get.model-found', reader);
      const pauses = new Pauses(repo, point === undefined ? [] : [point]);
      const restore = restoring(repo, one, 'replace', pauses.env);
      if (point === undefined) await finished(restore);
      else await pauses.at(point, restore);
      reading.go('data-get.model-found');
      if (point !== undefined) {
        await reader.says(/Waiting for the global lock/);
        pauses.go(point);
        await finished(restore);
      }
      assert.equal((await finished(reader)).stdout, 'one');
    });
  }

  test('a content is that which its name had before it, or has after it, where models exchange their names meanwhile (B16)', async (t) => {
    const repo = await tempRepo(t);
    const { model, data } = openRepo(repo.dir);
    for (const name of ['a', 'b']) {
      await createModel(repo, name);
      await put(repo, name, 'd', `backup of ${name}`);
    }
    const backup = await backupOf(repo.dir, join(repo.base, 'backup'));
    for (const [from, newName] of [
      ['a', 't'],
      ['b', 'a'],
      ['t', 'b'],
    ] as const)
      await model.rename({ model: from, newName });
    for (const name of ['a', 'b']) await put(repo, name, 'd', `new in ${name}`);
    const reading = new Pauses(repo, ['data-get.model-found']);
    const reader = start(repo, ['data', 'get', 'a', 'd'], { env: reading.env });
    await reading.at('data-get.model-found', reader);
    await finished(restoring(repo, backup, 'replace'));
    reading.go('data-get.model-found');
    assert.equal((await finished(reader)).stdout, 'backup of a');
    assert.equal((await data.get({ model: 'a', name: 'd' })).record.version, 1);
  });

  test('a writer that looks for its model while there are no definitions waits, and writes what it had been given (B16)', async (t) => {
    const { repo, definition, backup } = await edited(t);
    const fifo = join(repo.base, 'fifo');
    execFileSync('mkfifo', [fifo], { timeout: 10_000 });
    const opened = new Pauses(repo, ['put.pipe-open']);
    const writer = start(repo, ['data', 'put', 'm', 'y', fifo, '--json'], { env: opened.env });
    await writeFile(fifo, 'hello', { signal: AbortSignal.timeout(20_000) });
    await opened.at('put.pipe-open', writer);
    const restored = await withoutDefinitions(repo, definition, backup);
    opened.go('put.pipe-open');
    await writer.says(/Waiting for the global lock/);
    await restored();
    await finished(writer);
    assert.equal(await contentOf(repo, 'm', 'y'), 'hello');
  });

  test('every command that writes to a model waits while there are no definitions, and says of none that it does not exist (B16)', async (t) => {
    const { repo, definition, backup } = await edited(t);
    const restored = await withoutDefinitions(repo, definition, backup);
    const opened = openRepoAt(repo.dir);
    const impatient = openRepoAt(repo.dir, { timing: timingFrom({}, '0') });
    const never = { signal: new AbortController().signal };
    const works: readonly (() => Promise<unknown>)[] = [
      () => dataDelete(impatient, { model: 'm', name: 'a' }, never),
      () => dataRename(impatient, { model: 'm', oldName: 'a', newName: 'b' }, never),
      () => modelDelete(impatient, { model: 'm', withData: true }, never),
      () => modelRename(impatient, { model: 'm', newName: 'n' }, never),
      () => modelRun(impatient, { model: 'm' }, never),
    ];
    for (const work of works) await assert.rejects(work(), { code: 'lock_timeout' });
    const beginning = uploadBegin(opened, { model: 'm', name: 'b' }, never);
    await restored();
    const { uploadId } = await beginning;
    await openRepo(repo.dir).upload.abort({ upload: uploadId });
  });

  test('an upload that begins while there are no definitions begins anew (B16)', async (t) => {
    const { repo, definition, backup } = await edited(t);
    const late = new Pauses(repo, ['upload.before-begin']);
    const beginning = start(repo, ['data', 'upload', 'begin', 'm', 'b', '--json'], { env: late.env });
    await late.at('upload.before-begin', beginning);
    const restored = await withoutDefinitions(repo, definition, backup);
    late.go('upload.before-begin');
    await beginning.says(/Waiting for the global lock/);
    await restored();
    const { uploadId } = JSON.parse((await finished(beginning)).stdout) as { uploadId: string };
    const { upload } = openRepo(repo.dir);
    assert.deepEqual(
      (await upload.list()).uploads.map((one) => one.uploadId),
      [uploadId],
    );
    await upload.abort({ upload: uploadId });
  });

  test('a listing is of one side of it as a whole (B16)', async (t) => {
    const { repo, one } = await stocked(t);
    await createModel(repo, 'x');
    await put(repo, 'x', 'a', 'x');
    const pauses = new Pauses(repo, ['data-list.one-model']);
    const listing = start(repo, ['data', 'list', '--json'], { env: pauses.env });
    await pauses.at('data-list.one-model', listing);
    await finished(restoring(repo, one, 'replace'));
    pauses.go('data-list.one-model');
    const { groups } = JSON.parse((await finished(listing)).stdout) as { groups: { items: { name: string; modelId: string }[] }[] };
    assert.deepEqual(
      groups.flatMap(({ items }) => items.map(({ name, modelId }) => [modelId, name])),
      ['a', 'one'].map((name) => [idOf('m'), name]),
    );
  });

  test('a diff with a repository in which a restore was interrupted compares nothing', async (t) => {
    const { repo, one } = await stocked(t);
    await run(repo, ['backup', 'restore', one, '--mode', 'merge'], { env: { SWAMP_FAILPOINTS: 'restore.model-done=kill' }, expect: 'any' });
    await refused(repo, ['backup', 'diff', one, repo.dir], 'read_only');
    // Finishes it, and clears what the dead restorer left.
    await run(repo, ['datastore', 'sweep']);
  });

  test('a diff by the library begins anew by itself, and verifies the backup once', async (t) => {
    const { repo, backup } = await edited(t);
    const pauses = new Pauses(repo, ['backup-diff.one-model']);
    const diff = startProgram(repo, 'differ', [backup, repo.dir], { env: pauses.env });
    await pauses.at('backup-diff.one-model', diff);
    // The first upload makes a directory beside the one that a restore would be published in; from the outside it looks the same.
    const { uploadId } = await openRepo(repo.dir).upload.begin({ model: 'm', name: 'u' });
    // A verification would tell of it.
    writeFileSync(join(backup, 'stray'), '');
    pauses.go('backup-diff.one-model');
    const [{ differences } = { differences: [] }] = told<{ differences: { what: string; name: string | null }[] }>((await finished(diff)).stdout);
    assert.deepEqual(
      differences.map(({ what, name }) => [what, name]),
      [
        ['definition', null],
        ['upload', uploadId],
      ],
    );
  });

  test('what was written after it had been planned is counted: no number is given out twice (P4)', async (t) => {
    const { repo, backup } = await edited(t);
    const pauses = new Pauses(repo, ['restore.staged']);
    const restore = restoring(repo, backup, 'replace', pauses.env);
    await pauses.at('restore.staged', restore);
    for (let i = 0; i < 3; i++) await put(repo, 'm', 'a', `mine ${i}`);
    await put(repo, 'm', 'b', 'beside');
    pauses.go('restore.staged');
    await finished(restore);
    assert.equal(await contentOf(repo, 'm', 'a'), 'one');
    await refused(repo, ['data', 'get', 'm', 'b'], 'data_not_found');
    assert.equal((await put(repo, 'm', 'a', 'next')).version, 5);
  });

  test('what was written while it was planned is counted, too (P4)', async (t) => {
    const { repo, backup } = await edited(t);
    // The first plan is the one that a person would be shown.
    const pauses = new Pauses(repo, ['restore.planning#2']);
    const restore = restoring(repo, backup, 'replace', pauses.env);
    await pauses.at('restore.planning#2', restore);
    const acknowledged = await put(repo, 'm', 'a', 'mine');
    pauses.go('restore.planning#2');
    await finished(restore);
    assert.equal(await contentOf(repo, 'm', 'a'), 'one');
    const next = await put(repo, 'm', 'a', 'next');
    assert.ok(next.version > acknowledged.version, `${next.version} was given out before`);
  });

  test('an upload that begins while merge publishes, in a model that had no files, stays', async (t) => {
    const { repo } = await stocked(t);
    await createModel(repo, 'empty');
    const backup = await backupOf(repo.dir, join(repo.base, 'backup'));
    // It has looked for a restore, and takes no lock afterwards.
    const late = new Pauses(repo, ['upload.before-begin']);
    const beginning = start(repo, ['data', 'upload', 'begin', 'empty', 'b', '--json'], { env: late.env });
    await late.at('upload.before-begin', beginning);
    const pauses = new Pauses(repo, ['restore.published']);
    const restore = restoring(repo, backup, 'merge', pauses.env);
    await pauses.at('restore.published', restore);
    late.go('upload.before-begin');
    const { uploadId } = JSON.parse((await finished(beginning)).stdout) as { uploadId: string };
    pauses.go('restore.published');
    await finished(restore);
    await run(repo, ['data', 'upload', 'part', uploadId, '1'], { stdin: 'x' });
    await run(repo, ['data', 'upload', 'abort', uploadId]);
  });

  test('whoever goes on with replace, which had cleared the uploads, takes away none of those that stand there since (B16)', async (t) => {
    const repo = await tempRepo(t, { pending: 'allowed' });
    const { model, upload, backup, datastore } = openRepo(repo.dir);
    await model.create({ type: 'store', name: 'm' });
    await put(repo, 'm', 'a', 'one');
    const saved: string[] = [];
    for (const name of ['first', 'second']) {
      const { uploadId } = await upload.begin({ model: 'm', name });
      await upload.part({ upload: uploadId, partNumber: 1, source: [name] });
      saved.push(uploadId);
    }
    const { backupDir } = await backup.create({ dir: join(repo.base, 'backup'), includeIncompleteUploads: true });
    const late = new Pauses(repo, ['upload.before-begin']);
    const beginning = start(repo, ['data', 'upload', 'begin', 'm', 'fresh', '--json'], { env: late.env });
    await late.at('upload.before-begin', beginning);
    // The first family that is cleared is that of the data.
    const pauses = new Pauses(repo, ['restore.family-gone#2']);
    const env = { ...pauses.env, SWAMP_FAILPOINTS: `${pauses.env['SWAMP_FAILPOINTS']},restore.one-out#1=kill` };
    const restore = restoring(repo, backupDir, 'replace', env);
    await pauses.at('restore.family-gone#2', restore);
    late.go('upload.before-begin');
    const { uploadId: fresh } = JSON.parse((await finished(beginning)).stdout) as { uploadId: string };
    pauses.go('restore.family-gone#2');
    assert.equal((await restore.exited).signal, 'SIGKILL');
    const { uploads } = await upload.list();
    assert.deepEqual(uploads.map(({ uploadId, parts }) => [uploadId, parts]).sort(), [...saved.map((id) => [id, 1]), [fresh, 0]].sort());
    await datastore.sweep();
  });

  test('whoever goes on after it had published a definition warns of none that was changed', async (t) => {
    const { repo, definition, backup } = await edited(t);
    const { signal } = await restoring(repo, backup, 'replace', { SWAMP_FAILPOINTS: 'restore.definition-published=kill' }).exited;
    assert.equal(signal, 'SIGKILL');
    const text = readFileSync(definition, 'utf8');
    assert.doesNotMatch(text, /an edit/);
    assert.doesNotMatch((await run(repo, ['repo', 'info'])).stderr, /left as it is/);
    assert.equal(readFileSync(definition, 'utf8'), text);
    await openRepo(repo.dir).datastore.sweep();
  });

  test('what is not wanted any more is gone durably before it is published', { skip: cannotTrace() ?? false }, async (t) => {
    const { repo } = await stocked(t);
    const backup = await backupOf(repo.dir, join(repo.base, 'backup'));
    const file = join(repo.dir, 'models/store/m.yaml');
    const text = readFileSync(file, 'utf8');
    appendFileSync(file, '# an edit\n');
    const log = join(repo.base, 'calls');
    const pauses = new Pauses(repo, ['restore.staged']);
    const words = ['-f', '-qq', '-y', '-e', 'trace=fsync,unlink,rename', '-e', 'signal=none', '-o', log];
    const args = [process.execPath, repo.bin, 'backup', 'restore', backup, '--mode', 'replace', '--force'];
    const restore = launch(repo, 'strace', [...words, ...args], { env: pauses.env, timeoutMs: 60_000 });
    await pauses.at('restore.staged', restore);
    // As the backup has it: nothing of it is to be written or removed now.
    writeFileSync(file, text);
    pauses.go('restore.staged');
    await finished(restore);
    const calls = readFileSync(log, 'utf8').split('\n');
    const gone = calls.findLastIndex((call) => /unlink\(.*\/definitions\/[0-9]+\.json"/.test(call));
    const published = calls.findIndex((call) => /rename\(.*v3\/restoring"/.test(call));
    assert.ok(gone >= 0 && gone < published);
    assert.ok(calls.slice(gone, published).some((call) => /fsync\([0-9]+<.*\/restore\/definitions>/.test(call)));
  });

  test('skip-existing leaves what came after it had been planned, and brings what went', async (t) => {
    const { repo, one } = await stocked(t);
    const pauses = new Pauses(repo, ['restore.staged']);
    const restore = restoring(repo, one, 'skip-existing', pauses.env);
    await pauses.at('restore.staged', restore);
    await put(repo, 'm', 'one', 'mine');
    await run(repo, ['data', 'delete', 'm', 'a', '--force']);
    pauses.go('restore.staged');
    const { skipped } = JSON.parse((await finished(restore)).stdout) as { skipped: { name: string | null }[] };
    assert.deepEqual(
      skipped.map(({ name }) => name),
      [null, 'one'],
    );
    assert.equal(await contentOf(repo, 'm', 'one'), 'mine');
    assert.equal(await contentOf(repo, 'm', 'a'), 'one');
  });

  test('a model that is deleted after it had been planned comes back under a new id', async (t) => {
    const { repo, one } = await stocked(t);
    const pauses = new Pauses(repo, ['restore.staged']);
    const restore = restoring(repo, one, 'merge', pauses.env);
    await pauses.at('restore.staged', restore);
    const { id } = await runJson<{ id: string }>(repo, ['model', 'delete', 'm', '--with-data', '--force']);
    pauses.go('restore.staged');
    await finished(restore);
    assert.notEqual((await openRepo(repo.dir).model.get({ model: 'm' })).id, id);
    assert.equal(await contentOf(repo, 'm', 'a'), 'one');
  });

  test('a write to a model that was removed by it fails, and leaves nothing (D11)', async (t) => {
    const { repo, one } = await stocked(t);
    await createModel(repo, 'x');
    const pauses = new Pauses(repo, ['stage.complete']);
    const writer = start(repo, ['data', 'put', 'x', 'a', '--json'], { stdin: 'late', env: pauses.env });
    await pauses.at('stage.complete', writer);
    await finished(restoring(repo, one, 'replace'));
    pauses.go('stage.complete');
    assert.match((await finished(writer, 66)).stderr, /"model_not_found"/);
  });

  test('a write to a model whose name has gone to another one fails, and leaves nothing (D11)', async (t) => {
    const { repo, one } = await stocked(t);
    const pauses = new Pauses(repo, ['stage.complete']);
    const writer = start(repo, ['data', 'put', 'm', 'late', '--json'], { stdin: 'late', env: pauses.env });
    await pauses.at('stage.complete', writer);
    await finished(restoring(repo, one, 'replace'));
    pauses.go('stage.complete');
    assert.match((await finished(writer, 66)).stderr, /"model_not_found"/);
  });

  test('a method that runs is waited for, and its outputs are replaced with the rest (P9)', async (t) => {
    const { repo, one } = await stocked(t);
    await createModel(repo, 'sh', 'touch started; while [ ! -e go ]; do sleep 0.05; done; echo out');
    const method = start(repo, ['model', 'run', 'sh']);
    await until('the method runs', () => existsSync(join(repo.dir, 'started')), { watch: [repo.dir], detail: () => method.stderr() });
    const restore = restoring(repo, one, 'replace');
    await restore.says(/Waiting for running writers to finish/);
    assert.equal(await contentOf(repo, 'm', 'a'), 'mine');
    await run(repo, ['data', 'put', 'm', 'meanwhile'], { stdin: 'x' });
    await run(repo, ['data', 'put', 'go', 'x', '--create'], { stdin: 'x' });
    (await import('node:fs')).writeFileSync(join(repo.dir, 'go'), '');
    await finished(method);
    await finished(restore);
    assert.deepEqual(
      (await openRepo(repo.dir).model.list()).models.map(({ name }) => name),
      ['m'],
    );
    assert.deepEqual(heldLocks(repo), []);
  });

  test('a restorer that loses the global lock before it publishes has changed nothing, and does it again', async (t) => {
    const { repo, backup } = await edited(t);
    const pauses = new Pauses(repo, ['restore.before-publish']);
    const restore = restoring(repo, backup, 'replace', pauses.env);
    await pauses.at('restore.before-publish', restore);
    await run(repo, ['datastore', 'lock', 'release', '--force']);
    assert.ok(!existsSync(repo.layout.restoring));
    assert.equal((await put(repo, 'm', 'a', 'mine again')).version, 2);
    pauses.go('restore.before-publish');
    await finished(restore);
    assert.equal(await contentOf(repo, 'm', 'a'), 'one');
    assert.equal((await put(repo, 'm', 'a', 'next')).version, 3);
  });

  test('a restorer that loses the global lock after it has published is followed by whoever comes next, and succeeds', async (t) => {
    const { repo, one } = await stocked(t);
    const pauses = new Pauses(repo, ['restore.published']);
    const restore = restoring(repo, one, 'merge', pauses.env);
    await pauses.at('restore.published', restore);
    await run(repo, ['datastore', 'lock', 'release', '--force']);
    assert.equal(await contentOf(repo, 'm', 'one'), 'one');
    await put(repo, 'm', 'one', 'after');
    pauses.go('restore.published');
    await finished(restore);
    assert.equal(await contentOf(repo, 'm', 'one'), 'after');
  });

  test('a method of the repository may restore: its own run is no one to wait for (N2)', async (t) => {
    const { repo, one } = await stocked(t);
    await createModel(repo, 'sh', `swamp backup restore '${one}' --mode merge && swamp data get m one`);
    await run(repo, ['model', 'run', 'sh'], { env: { PATH: `${repo.path}:${process.env['PATH']}` } });
    assert.match(await contentOf(repo, 'sh', 'log'), /one/);
  });
});

describe('a restore whose restorer died after publishing it is carried out first by', { concurrency: 2 }, () => {
  for (const { title, meet } of sampled(LOOKS, 2)) {
    test(`${title} (B16)`, async (t) => {
      // The staging of the dead restorer, which is empty.
      const repo = await tempRepo(t, { pending: 'allowed' });
      await stockForLook(repo);
      await meet(repo);
    });
  }
});
