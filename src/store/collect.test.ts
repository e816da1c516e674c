/** `autoGc: true`: whoever writes a version takes what it supersedes, in the same commit. */
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { libraryRepo, NEVER, newModel } from '../../integration/support/library-repo.js';
import { readFence } from '../locks/fence.js';
import { dataGetRecord } from '../operations/data-get.js';
import { dataPut } from '../operations/data-put.js';
import { dataVersions } from '../operations/data-versions.js';
import { datastoreCheck } from '../operations/datastore-check.js';
import { modelCreate } from '../operations/model-create.js';
import { modelRun } from '../operations/model-run.js';
import { uploadBegin } from '../operations/upload-begin.js';
import { uploadComplete } from '../operations/upload-complete.js';
import { uploadPart } from '../operations/upload-part.js';
import { openRepoAt, type Repo, type RepoOptions } from '../repo.js';

/** Its clock stands still: how much a put collects does not depend on what else the machine does. */
async function collecting(t: Parameters<typeof libraryRepo>[0], options: RepoOptions = {}): Promise<Repo> {
  const { root } = await libraryRepo(t);
  appendFileSync(join(root, '.swamp.yaml'), 'autoGc: true\n');
  const repo = openRepoAt(root, { env: {}, ...options });
  return Object.freeze({ ...repo, timing: { ...repo.timing, now: () => 0 } });
}

async function numbers(repo: Repo, model: string, name: string): Promise<number[]> {
  return (await dataVersions(repo, { model, name })).versions.map(({ version }) => version).reverse();
}

async function put(repo: Repo, n: number, more: { readonly gc?: string; readonly lifetime?: string } = {}): Promise<void> {
  for (let i = 0; i < n; i++) await dataPut(repo, { model: 'm', name: 'a', source: 'x', ...more }, NEVER);
}

async function expectClean(repo: Repo): Promise<void> {
  const { findings, pending } = await datastoreCheck(repo, {}, NEVER);
  assert.deepEqual([findings, pending], [[], []]);
}

test('a put keeps as many versions as its rule says, under one epoch of the data fence; without a rule, and without autoGc, it keeps all', async (t) => {
  const repo = await collecting(t);
  const id = await newModel(repo, 'm');
  await put({ ...repo, autoGc: false }, 3, { gc: '2' });
  assert.deepEqual(await numbers(repo, 'm', 'a'), [1, 2, 3]);
  await put(repo, 1);
  assert.deepEqual(await numbers(repo, 'm', 'a'), [1, 2, 3, 4]);
  await put(repo, 2, { gc: '2' });
  assert.deepEqual(await numbers(repo, 'm', 'a'), [5, 6]);
  assert.equal(readFence(repo.layout.fence({ kind: 'data', modelId: id }))?.epoch, 6);
  await expectClean(repo);
});

test('the version that was written stays, an ephemeral one, too', async (t) => {
  const repo = await collecting(t);
  await newModel(repo, 'm');
  await put(repo, 3, { lifetime: 'ephemeral' });
  assert.deepEqual(await numbers(repo, 'm', 'a'), [3]);
});

test('the outputs of a method, and a completed upload, go by the rule of the definition', async (t) => {
  const repo = await collecting(t);
  const { path } = await modelCreate(repo, { type: 'command/shell', name: 'sh', run: 'echo said' }, NEVER);
  appendFileSync(join(repo.root, path), 'retention:\n  gc: 2\n');
  for (let i = 0; i < 3; i++) await modelRun(repo, { model: 'sh' }, NEVER);
  for (const name of ['result', 'log']) assert.deepEqual(await numbers(repo, 'sh', name), [2, 3]);
  for (let i = 0; i < 3; i++) {
    const { uploadId } = await uploadBegin(repo, { model: 'sh', name: 'up' }, NEVER);
    await uploadPart(repo, { upload: uploadId, partNumber: 1, source: 'part' }, NEVER);
    await uploadComplete(repo, { upload: uploadId }, NEVER);
  }
  assert.deepEqual(await numbers(repo, 'sh', 'up'), [2, 3]);
  await expectClean(repo);
});

test('many superseded versions hold a writer up for some milliseconds: it takes a part of them', async (t) => {
  const repo = await collecting(t);
  await newModel(repo, 'm');
  await put({ ...repo, autoGc: false }, 6);
  let clock = 0;
  const slow = Object.freeze({ ...repo, timing: { ...repo.timing, now: () => (clock += 1_000) } });
  await put(slow, 1, { gc: '1' });
  assert.deepEqual(await numbers(repo, 'm', 'a'), [2, 3, 4, 5, 6, 7]);
  await put(repo, 1, { gc: '1' });
  assert.deepEqual(await numbers(repo, 'm', 'a'), [8]);
});

test('what cannot be collected is reported, and the put has succeeded (P8)', async (t) => {
  const warnings: string[] = [];
  const repo = await collecting(t, { reporter: { info: assert.fail, warn: (text) => void warnings.push(text), debug: () => undefined } });
  const id = await newModel(repo, 'm');
  await put(repo, 2, { gc: '30d' });
  writeFileSync(join(repo.layout.version(id, 'a', 1), 'metadata.json'), '{}');
  await put(repo, 1, { gc: '30d' });
  assert.deepEqual(warnings.length, 1);
  assert.match(warnings[0] ?? '', /Older versions of "a" could not be collected: .*"swamp data gc" tries again\.$/);
  assert.equal((await dataGetRecord(repo, { model: 'm', name: 'a' })).version, 3);
});

test('in .swamp.yaml it is true or false', async (t) => {
  const { root } = await libraryRepo(t);
  const path = join(root, '.swamp.yaml');
  const text = readFileSync(path, 'utf8');
  for (const [line, expected] of [
    ['', false],
    ['autoGc: true\n', true],
    ['autoGc: true # always\n', true],
    ['autoGc: false\n', false],
  ] as const) {
    writeFileSync(path, text + line);
    assert.equal(openRepoAt(root, { env: {} }).autoGc, expected, line);
  }
  writeFileSync(path, `${text}autoGc: sometimes\n`);
  assert.throws(() => openRepoAt(root, { env: {} }), { code: 'config_invalid', message: /autoGc must be true or false/ });
});
