/** `data gc` on a store: what goes, what stays although another command came meanwhile, and in which order. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { libraryRepo, NEVER, newModel, putAll } from '../../integration/support/library-repo.js';
import { newSession } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { closeContent } from '../store/content.js';
import { readArtifactRecord } from '../store/metadata.js';
import { pin, unpin } from '../store/pins.js';
import { dataDelete } from './data-delete.js';
import { type DataGcOptions, dataGc } from './data-gc.js';
import { dataGet } from './data-get.js';
import { dataPut } from './data-put.js';
import { dataRename } from './data-rename.js';
import { dataVersions } from './data-versions.js';
import { datastoreCheck } from './datastore-check.js';
import { modelGet } from './model-get.js';
import { uploadBegin } from './upload-begin.js';
import { uploadList } from './upload-list.js';
import { uploadPart } from './upload-part.js';

const DAY = 86_400_000;

/** Puts so many versions with these fields. */
async function putSome(repo: Repo, name: string, n: number, more: { readonly lifetime?: string; readonly gc?: string } = {}): Promise<void> {
  for (let i = 0; i < n; i++) await dataPut(repo, { model: 'm', name, source: [`${name} ${i}`], ...more }, NEVER);
}

/** As if it had been written so long ago; negative: by a clock that is ahead. */
function aged(repo: Repo, id: string, name: string, version: number, days: number): void {
  rewrite(join(repo.layout.version(id, name, version), 'metadata.json'), { createdAt: new Date(Date.now() - days * DAY).toISOString() });
}

function rewrite(path: string, fields: object): void {
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), ...fields }));
}

async function numbers(repo: Repo, name: string): Promise<number[]> {
  const { versions } = await dataVersions(repo, { model: 'm', name });
  return versions.map(({ version }) => version).reverse();
}

async function expectClean(repo: Repo): Promise<void> {
  const { findings, pending } = await datastoreCheck(repo, {}, NEVER);
  assert.deepEqual([findings, pending], [[], []]);
}

/** What gc did, in short. */
async function gc(repo: Repo, input: Parameters<typeof dataGc>[1] = {}, options: Partial<DataGcOptions> = {}) {
  const result = await dataGc(repo, input, { ...NEVER, ...options });
  const { dataEntriesExpired: expired, versionsDeleted: versions, uploadsAborted: uploads } = result;
  return { expired, versions, uploads, result };
}

describe('of the versions of an artifact', () => {
  test('the newest so many stay, the floor follows, and the numbers go on (P4, P10)', async (t) => {
    const repo = await libraryRepo(t);
    const id = await newModel(repo, 'm');
    await putSome(repo, 'a', 7, { gc: '3' });
    const plan = await gc(repo, { dryRun: true });
    assert.deepEqual(await numbers(repo, 'a'), [1, 2, 3, 4, 5, 6, 7]);
    const done = await gc(repo);
    assert.deepEqual({ ...done.result, dryRun: true }, plan.result);
    assert.deepEqual([done.versions, done.result.prunedEntries.map(({ keeps }) => keeps)], [4, ['3']]);
    assert.ok(done.result.bytesReclaimed > 4 * 300);
    assert.deepEqual(await numbers(repo, 'a'), [5, 6, 7]);
    assert.equal(readArtifactRecord(join(repo.layout.artifact(id, 'a'), 'artifact.json'))?.floor, 4);
    assert.deepEqual((await gc(repo)).versions, 0);
    await putSome(repo, 'a', 1);
    assert.deepEqual(await numbers(repo, 'a'), [5, 6, 7, 8]);
    await expectClean(repo);
  });

  test('those that are younger than an age stay; one in between that is older waits for those before it, one of the future stays', async (t) => {
    const repo = await libraryRepo(t);
    const id = await newModel(repo, 'm');
    for (const name of ['steady', 'jump', 'ahead']) await putSome(repo, name, 4, { gc: '7d' });
    for (const [name, days] of [
      ['steady', [30, 20, 1, 0]],
      ['jump', [30, 1, 20, 0]],
      ['ahead', [-400, 30, 30, 30]],
    ] as const)
      for (const [i, day] of days.entries()) aged(repo, id, name, i + 1, day);
    assert.equal((await gc(repo)).versions, 3);
    assert.deepEqual(await Promise.all(['steady', 'jump', 'ahead'].map((name) => numbers(repo, name))), [
      [3, 4],
      [2, 3, 4],
      [1, 2, 3, 4],
    ]);
    await expectClean(repo);
  });

  test('what was deleted in between is not missed', async (t) => {
    const repo = await libraryRepo(t);
    await newModel(repo, 'm');
    await putSome(repo, 'a', 6, { gc: '2' });
    await dataDelete(repo, { model: 'm', name: 'a', version: 3 }, NEVER);
    await putSome(repo, 'a', 2, { gc: '2' });
    assert.equal((await gc(repo)).versions, 5);
    assert.deepEqual(await numbers(repo, 'a'), [7, 8]);
    await expectClean(repo);
  });

  test('one that has outlived a lifetime of its own goes; the latest one takes all along', async (t) => {
    const repo = await libraryRepo(t);
    const id = await newModel(repo, 'm');
    await putSome(repo, 'old', 1, { lifetime: '1h' });
    await putSome(repo, 'old', 1);
    await putSome(repo, 'gone', 2);
    await putSome(repo, 'gone', 1, { lifetime: '2d' });
    await putSome(repo, 'short', 2, { lifetime: 'ephemeral' });
    await putSome(repo, 'young', 2, { lifetime: '2d' });
    aged(repo, id, 'old', 1, 1);
    aged(repo, id, 'gone', 3, 2);
    const { expired, versions, result } = await gc(repo, { model: 'm' });
    assert.deepEqual([expired, versions], [2, 6]);
    assert.deepEqual(
      result.expiredEntries.map(({ type, dataName, reason, versionCount }) => [type, dataName, reason, versionCount]),
      [
        ['store', 'gone', 'duration-expired', 3],
        ['store', 'short', 'ephemeral', 2],
      ],
    );
    assert.deepEqual([await numbers(repo, 'old'), await numbers(repo, 'young')], [[2], [1, 2]]);
    for (const name of ['gone', 'short']) await assert.rejects(numbers(repo, name), { code: 'data_not_found' });
    await putSome(repo, 'gone', 1);
    assert.deepEqual(await numbers(repo, 'gone'), [4]);
    await expectClean(repo);
  });
});

test("the definition's rule is for what has none of its own, and is shown by model get", async (t) => {
  const repo = await libraryRepo(t);
  const id = await newModel(repo, 'm');
  const path = join(repo.root, 'models/store/m.yaml');
  writeFileSync(path, `${readFileSync(path, 'utf8')}retention:\n  lifetime: 30d\n  gc: 2\n`);
  assert.deepEqual((await modelGet(repo, { model: 'm' })).retention, { lifetime: '30d', gc: '2' });
  await putSome(repo, 'plain', 4);
  await putSome(repo, 'own', 4, { gc: '3', lifetime: '10y' });
  await putSome(repo, 'old', 1);
  for (const version of [1, 2, 3, 4]) aged(repo, id, 'own', version, 60);
  aged(repo, id, 'old', 1, 31);
  const { expired, versions } = await gc(repo);
  assert.deepEqual([expired, versions], [1, 4]);
  assert.deepEqual(
    [await numbers(repo, 'plain'), await numbers(repo, 'own')],
    [
      [3, 4],
      [2, 3, 4],
    ],
  );
});

describe('what comes between the look and the lock', () => {
  /** `act` runs when the plan is shown. */
  const while_ = (act: () => Promise<unknown>): Partial<DataGcOptions> => ({
    confirm: async () => {
      await act();
      return true;
    },
  });

  test('a version that is written meanwhile lives, and so does its artifact', async (t) => {
    const repo = await libraryRepo(t);
    await newModel(repo, 'm');
    await putSome(repo, 'a', 2, { lifetime: 'ephemeral' });
    await putSome(repo, 'b', 4, { gc: '1' });
    const { expired, versions } = await gc(
      repo,
      {},
      while_(async () => {
        await putSome(repo, 'a', 1, { lifetime: 'ephemeral' });
        await putSome(repo, 'b', 1, { gc: '1' });
      }),
    );
    assert.deepEqual([expired, versions], [0, 3]);
    assert.deepEqual(
      [await numbers(repo, 'a'), await numbers(repo, 'b')],
      [
        [1, 2, 3],
        [4, 5],
      ],
    );
  });

  test('a version with another rule is obeyed', async (t) => {
    const repo = await libraryRepo(t);
    await newModel(repo, 'm');
    await putSome(repo, 'a', 4, { gc: '1' });
    assert.equal(
      (
        await gc(
          repo,
          {},
          while_(() => putSome(repo, 'a', 1)),
        )
      ).versions,
      0,
    );
    assert.deepEqual(await numbers(repo, 'a'), [1, 2, 3, 4, 5]);
  });

  test('an artifact that was deleted and written again is another one', async (t) => {
    const repo = await libraryRepo(t);
    await newModel(repo, 'm');
    await putSome(repo, 'a', 4, { gc: '1' });
    const replace = async (): Promise<void> => {
      await dataDelete(repo, { model: 'm', name: 'a' }, NEVER);
      await putSome(repo, 'a', 4, { gc: '1' });
    };
    assert.equal((await gc(repo, {}, while_(replace))).versions, 0);
    assert.deepEqual(await numbers(repo, 'a'), [5, 6, 7, 8]);
  });

  test('so is one that took its name by a rename, with versions of the same numbers', async (t) => {
    const repo = await libraryRepo(t);
    await newModel(repo, 'm');
    await putSome(repo, 'a', 4, { gc: '1' });
    await putSome(repo, 'b', 4);
    const exchange = async (): Promise<void> => {
      await dataRename(repo, { model: 'm', oldName: 'a', newName: 'z' }, NEVER);
      await dataRename(repo, { model: 'm', oldName: 'b', newName: 'a' }, NEVER);
    };
    assert.equal((await gc(repo, {}, while_(exchange))).versions, 0);
    assert.deepEqual(await numbers(repo, 'a'), [1, 2, 3, 4]);
  });

  test('versions that another command has deleted are not counted', async (t) => {
    const repo = await libraryRepo(t);
    await newModel(repo, 'm');
    for (const name of ['a', 'b']) await putSome(repo, name, 4, { gc: '1' });
    await putSome(repo, 'c', 3, { lifetime: 'ephemeral' });
    const { versions, result } = await gc(
      repo,
      {},
      while_(async () => {
        await dataDelete(repo, { model: 'm', name: 'a', version: 2 }, NEVER);
        await dataDelete(repo, { model: 'm', name: 'b' }, NEVER);
        await dataDelete(repo, { model: 'm', name: 'c', version: 1 }, NEVER);
      }),
    );
    assert.equal(versions, 2 + 2);
    assert.deepEqual(
      result.prunedEntries.map(({ dataName, versionCount }) => [dataName, versionCount]),
      [['a', 2]],
    );
    await expectClean(repo);
  });

  test('a definition that was edited is for the next collection', async (t) => {
    const repo = await libraryRepo(t);
    await newModel(repo, 'm');
    await putSome(repo, 'a', 4, { gc: '1' });
    const path = join(repo.root, 'models/store/m.yaml');
    const edit = async (): Promise<void> => writeFileSync(path, `${readFileSync(path, 'utf8')}description: edited\n`);
    assert.equal((await gc(repo, {}, while_(edit))).versions, 0);
    assert.equal((await gc(repo)).versions, 3);
  });

  test('when the answer is no, nothing is done; when nothing is to be collected, nothing is asked', async (t) => {
    const repo = await libraryRepo(t);
    await newModel(repo, 'm');
    await putSome(repo, 'a', 2, { gc: '1' });
    const { versions, result } = await gc(repo, {}, { confirm: async ({ versions: n }) => n !== 1 });
    assert.deepEqual([versions, result.cancelled], [0, true]);
    await gc(repo);
    await gc(repo, {}, { confirm: () => assert.fail('asked') });
  });
});

test('a reader of a version that goes meanwhile has it whole, or learns that it is not there', async (t) => {
  const repo = await libraryRepo(t);
  await newModel(repo, 'm');
  await putSome(repo, 'a', 60, { gc: '1' });
  const collecting = gc(repo);
  let isOver = false;
  void collecting.finally(() => {
    isOver = true;
  });
  const seen = new Set<string>();
  for (let i = 0; !isOver || i < 60; i++) {
    try {
      const { content, record } = await dataGet(repo, { model: 'm', name: 'a', version: (i % 60) + 1, verify: true });
      closeContent(content);
      assert.equal(record.size, `a ${i % 60}`.length);
      seen.add('whole');
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'version_not_found');
      seen.add('gone');
    }
    const { content, record } = await dataGet(repo, { model: 'm', name: 'a' });
    closeContent(content);
    assert.equal(record.version, 60);
    await turn();
  }
  assert.equal((await collecting).versions, 59);
  assert.deepEqual([...seen].sort(), ['gone', 'whole']);
});

test('what cannot be read is kept and reported, and the rest is collected', async (t) => {
  const repo = await libraryRepo(t);
  const id = await newModel(repo, 'm');
  for (const name of ['a', 'b']) await putSome(repo, name, 3, { gc: '1' });
  rewrite(join(repo.layout.version(id, 'a', 3), 'metadata.json'), { garbageCollection: 'some' });
  const { versions, result } = await gc(repo);
  assert.equal(versions, 2);
  assert.deepEqual(
    result.failed.map(({ modelName, dataName, code }) => [modelName, dataName, code]),
    [['m', 'a', 'corrupt']],
  );
  assert.deepEqual(readdirSync(repo.layout.artifact(id, 'a')).sort(), ['1', '2', '3', 'artifact.json']);
});

test('while a backup is running, what goes stays in the trash until it has ended', async (t) => {
  const said: string[] = [];
  const repo = await libraryRepo(t, { reporter: { info: (text) => void said.push(text), warn: assert.fail, debug: () => undefined } });
  await newModel(repo, 'm');
  await putSome(repo, 'a', 3, { gc: '1' });
  const session = newSession(repo);
  await pin(session);
  assert.equal((await gc(repo)).versions, 2);
  // One for each slice.
  assert.ok(readdirSync(repo.layout.trashes).length > 0);
  assert.match(said.join('\n'), /A backup is running/);
  await unpin(session);
  rmSync(session.staging, { recursive: true });
});

describe('uploads', () => {
  test('that have got no part for so long are given up; one that gets parts is not, nor one of the future', async (t) => {
    const repo = await libraryRepo(t);
    const id = await newModel(repo, 'm');
    const begin = async (name: string, days: number): Promise<string> => {
      const { uploadId } = await uploadBegin(repo, { model: 'm', name }, NEVER);
      await uploadPart(repo, { upload: uploadId, partNumber: 1, source: ['part'] }, NEVER);
      const dir = repo.layout.upload(id, uploadId);
      const at = new Date(Date.now() - days * DAY);
      rewrite(join(dir, 'upload.json'), { createdAt: at.toISOString() });
      for (const place of ['parts', 'sums']) utimesSync(join(dir, place), at, at);
      return uploadId;
    };
    const [old, used] = [await begin('old', 8), await begin('used', 8)];
    await begin('young', 6);
    await begin('ahead', -400);
    await uploadPart(repo, { upload: used, partNumber: 2, source: ['more'] }, NEVER);
    const plan = await gc(repo, { dryRun: true });
    const { uploads, result } = await gc(repo);
    assert.deepEqual({ ...result, dryRun: true }, plan.result);
    assert.deepEqual([uploads, result.abortedUploads.map(({ uploadId, name }) => [uploadId, name])], [1, [[old, 'old']]]);
    assert.ok(result.bytesReclaimed > 100);
    assert.equal((await gc(repo, { uploadsOlderThan: 'never' })).uploads, 0);
    assert.equal((await gc(repo, { uploadsOlderThan: '5d' })).uploads, 1);
    assert.deepEqual((await uploadList(repo)).uploads.map(({ name }) => name).sort(), ['ahead', 'used']);
    for (const text of ['', '0', '7', 'soon', '-1d', 'ephemeral']) await assert.rejects(gc(repo, { uploadsOlderThan: text }), { code: 'usage' });
    await expectClean(repo);
  });
});

test('a signal ends it between two slices: what has gone has gone, and the rest is for the next one', async (t) => {
  const repo = await libraryRepo(t);
  await newModel(repo, 'm');
  for (const name of ['a', 'b']) await putAll(repo, 'm', name, '1', '2');
  await putSome(repo, 'a', 1, { gc: '1' });
  await putSome(repo, 'b', 1, { gc: '1' });
  // The clock of the slices jumps at each look: every one has room for one version.
  let clock = 0;
  const slow = Object.freeze({ ...repo, timing: { ...repo.timing, now: () => (clock += 1_000) } });
  const stop = new AbortController();
  const onProgress = (versions: number): void => (versions === 2 ? stop.abort(new Error('enough')) : undefined);
  await assert.rejects(dataGc(slow, {}, { signal: stop.signal, onProgress }), /enough/);
  assert.deepEqual([await numbers(repo, 'a'), await numbers(repo, 'b')], [[3], [1, 2, 3]]);
  assert.equal((await gc(repo)).versions, 2);
});
