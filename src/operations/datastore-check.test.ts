import assert from 'node:assert/strict';
import { appendFileSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { edit, INJURIES, written } from '../../integration/support/injuries.js';
import { libraryRepo, NEVER, newModel, putAll } from '../../integration/support/library-repo.js';
import { SwampError } from '../errors.js';
import { newSession } from '../locks/session.js';
import { openRepoAt, type Repo } from '../repo.js';
import { dataDelete } from './data-delete.js';
import { dataPut } from './data-put.js';
import { dataRename } from './data-rename.js';
import { type DatastoreCheckResult, datastoreCheck } from './datastore-check.js';
import { modelDelete } from './model-delete.js';
import { modelRename } from './model-rename.js';
import { repoInit } from './repo-init.js';

const check = (repo: Repo): Promise<DatastoreCheckResult> => datastoreCheck(repo, {}, NEVER);
// Each has a repository of its own and mostly waits for the disk.
describe('an injury', { concurrency: 4 }, () => {
  for (const [title, injure] of Object.entries(INJURIES)) {
    test(`check tells: ${title}`, { timeout: 20_000 }, async (t) => {
      const places = await written(t);
      const expected = injure(places);
      const { findings, pending } = await check(places.repo);
      const relative = (path: string): string => path.slice(places.repo.root.length + 1);
      assert.deepEqual(
        findings.map(({ kind, path }) => `${kind} ${path}`),
        expected.map(([kind, path]) => `${kind} ${relative(path)}`).sort((a, b) => (a.slice(a.indexOf(' ')) < b.slice(b.indexOf(' ')) ? -1 : 1)),
      );
      assert.deepEqual(pending, []);
      for (const { message, hint } of findings) assert.ok(message !== '' && hint !== '');
    });
  }
});

test('check finds nothing in a repository that was used, and counts what it looked at', async (t) => {
  const { repo } = await written(t);
  const { findings, pending, checked, repaired } = await check(repo);
  assert.deepEqual({ findings, pending, repaired }, { findings: [], pending: [], repaired: [] });
  assert.deepEqual(checked, { models: 1, artifacts: 4, versions: 5, bytes: 'onetwolong3p1p2u1'.length, tombstones: 2, fences: 2 });
});

test('check finds nothing in a new repository, nor in a clone without its datastore', async (t) => {
  const repo = await libraryRepo(t);
  assert.deepEqual((await check(repo)).findings, []);
  await newModel(repo, 'm');
  rmSync(repo.layout.base, { recursive: true });
  assert.deepEqual((await check(repo)).findings, []);
});

test('check looks into a configured datastore that is reached through a link', async (t) => {
  const { repo, id } = await written(t);
  const moved = join(repo.root, '..', 'moved');
  renameSync(repo.layout.base, moved);
  symlinkSync(moved, join(repo.root, '..', 'link'));
  appendFileSync(join(repo.root, '.swamp.yaml'), 'datastore: { path: ../link }\n');
  await repoInit(repo.root);
  const elsewhere = openRepoAt(repo.root, { env: {} });
  writeFileSync(join(elsewhere.layout.version(id, 'a', 1), 'content'), 'onE');
  const { findings, checked } = await check(elsewhere);
  assert.deepEqual(
    findings.map(({ kind }) => kind),
    ['checksum_mismatch'],
  );
  assert.equal(checked.versions, 5);
});

test('check leaves alone what a living session stages and holds', async (t) => {
  const { repo, data, entry } = await written(t);
  const { holder, staging } = newSession(repo);
  mkdirSync(join(staging, 'v'), { recursive: true });
  const held = join(data, `99.${holder}`);
  renameSync(entry, held);
  mkdirSync(join(held, 'trash'));
  mkdirSync(join(held, 'anything'));
  const { findings, pending } = await check(repo);
  assert.deepEqual({ findings, pending }, { findings: [], pending: [] });
});

test('check calls a delete that was interrupted after its tombstone no damage', async (t) => {
  const { repo, id, record } = await written(t);
  const fields = JSON.parse(readFileSync(record, 'utf8')) as object;
  writeFileSync(repo.layout.tombstone(id, 'a'), JSON.stringify({ ...fields, floor: 2, deletedAt: '2026-01-01T00:00:00Z' }));
  assert.deepEqual((await check(repo)).findings, []);
});

test('check finds nothing after an artifact was renamed onto a name that was deleted at higher numbers, and after a model was renamed and deleted', async (t) => {
  const { repo } = await written(t);
  await putAll(repo, 'm', 'gone', '2', '3');
  await dataDelete(repo, { model: 'm', name: 'gone' }, NEVER);
  await dataRename(repo, { model: 'm', oldName: 'back', newName: 'gone' }, NEVER);
  await dataRename(repo, { model: 'm', oldName: 'a', newName: 'c' }, NEVER);
  await modelRename(repo, { model: 'm', newName: 'n' }, NEVER);
  const renamed = await check(repo);
  assert.deepEqual({ findings: renamed.findings, pending: renamed.pending }, { findings: [], pending: [] });
  await modelDelete(repo, { model: 'n', withData: true }, NEVER);
  const { findings, pending } = await check(repo);
  assert.deepEqual({ findings, pending }, { findings: [], pending: [] });
});

test('check calls no data an orphan while a definition cannot be read', async (t) => {
  const { repo } = await written(t);
  writeFileSync(join(repo.root, 'models/store/m.yaml'), '- nothing');
  const { findings, pending } = await check(repo);
  assert.deepEqual(
    findings.map(({ kind }) => kind),
    ['model_invalid'],
  );
  assert.deepEqual(pending, []);
});

test('check tells the command that deletes a damaged version, with the name quoted for a shell', async (t) => {
  const repo = await libraryRepo(t);
  const id = await newModel(repo, 'm');
  await putAll(repo, 'm', "it's", 'x');
  writeFileSync(join(repo.layout.version(id, "it's", 1), 'content'), 'y');
  assert.match((await check(repo)).findings[0]?.hint ?? '', new RegExp(`swamp data delete ${id} 'it'\\\\''s' --version 1$`));
});

test('check reads content larger than its buffer, and finds one byte that differs in it', async (t) => {
  const repo = await libraryRepo(t);
  const id = await newModel(repo, 'm');
  const bytes = Buffer.alloc(3 * 1024 * 1024 + 7, 'swamp');
  await dataPut(repo, { model: 'm', name: 'large', source: [bytes] }, NEVER);
  assert.deepEqual((await check(repo)).findings, []);
  bytes[2 * 1024 * 1024] = 0;
  writeFileSync(join(repo.layout.version(id, 'large', 1), 'content'), bytes);
  assert.deepEqual(
    (await check(repo)).findings.map(({ kind }) => kind),
    ['checksum_mismatch'],
  );
});

test('check tells nothing of what stood still only for its first look', async (t) => {
  const { repo, data, entry } = await written(t);
  cpSync(entry, join(data, '98.free-000000000000'), { recursive: true });
  const checking = check(repo);
  await setTimeout(20);
  rmSync(join(data, '98.free-000000000000'), { recursive: true });
  assert.deepEqual((await checking).findings, []);
});

test('check tells of damage in a directory in which others are at work all the time', async (t) => {
  const { repo, id, artifact } = await written(t);
  rmSync(repo.layout.artifact(id, 'back'), { recursive: true });
  writeFileSync(join(artifact, 'README'), '');
  let done = false;
  const writing = (async () => {
    while (!done) await putAll(repo, 'm', 'a', 'more');
  })();
  edit(join(artifact, 'artifact.json'), (fields) => ({ ...fields, generation: 900 }));
  const { findings } = await check(repo);
  done = true;
  await writing;
  assert.deepEqual(
    findings.map(({ kind }) => kind),
    ['unknown_entry', 'generation_ahead'],
  );
});

test('check tells nothing while writers and deletes are at work', { timeout: 60_000 }, async (t) => {
  const repo = await libraryRepo(t);
  await newModel(repo, 'm');
  let done = false;
  const writers = ['a', 'b', 'c', 'a'].map(async (name) => {
    while (!done) await putAll(repo, 'm', name, 'x');
  });
  const deleter = (async () => {
    while (!done) {
      for (const name of ['a', 'b', 'c']) {
        await dataDelete(repo, { model: 'm', name }, NEVER).catch((error: unknown) => {
          if (!(error instanceof SwampError) || error.code !== 'data_not_found') throw error;
        });
      }
    }
  })();
  for (let round = 0; round < 8; round++) assert.deepEqual((await check(repo)).findings, []);
  done = true;
  await Promise.all([...writers, deleter]);
  const { findings, pending } = await check(repo);
  assert.deepEqual({ findings, pending }, { findings: [], pending: [] });
});

test('check ends when its signal fires, with the reason', async (t) => {
  const { repo } = await written(t);
  const reason = new Error('enough');
  await assert.rejects(datastoreCheck(repo, {}, { signal: AbortSignal.abort(reason) }), reason);
});
