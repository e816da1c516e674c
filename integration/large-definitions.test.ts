/** Definitions as large as they may be: JSON escapes make their texts many times as long, and every record that holds them can be read. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openRepo } from '../src/index.js';
import { refused } from './support/refused.js';
import { contentOf, createModel, put, type TestRepo, tempRepo } from './support/repo.js';
import { run } from './support/swamp.js';

const MAX_BYTES = 1024 * 1024;

/** A store whose definition has `left` bytes less than it may have, most of them such that JSON takes six for one; its text. It has its name in it, which a rename changes. */
async function large(repo: TestRepo, name: string, left: number): Promise<string> {
  await createModel(repo, name);
  await put(repo, name, 'a', 'kept');
  const path = join(repo.dir, `models/store/${name}.yaml`);
  const text = `name: ${name}\n${readFileSync(path, 'utf8')}`;
  writeFileSync(path, `${text}#${'\x01'.repeat(MAX_BYTES - left - text.length - 2)}\n`);
  return readFileSync(path, 'utf8');
}

test('one is renamed, and its data goes on under the new name', async (t) => {
  const repo = await tempRepo(t);
  await large(repo, 'm', 1);
  await run(repo, ['model', 'rename', 'm', 'n']);
  // One more than there was: a comment at the end gets an empty line before it.
  assert.equal(readFileSync(join(repo.dir, 'models/store/n.yaml')).length, MAX_BYTES);
  await put(repo, 'n', 'b', 'x');
  assert.equal(await contentOf(repo, 'n', 'a'), 'kept');
});

test('one that would be too large under its new name is refused, and stays what it is', async (t) => {
  const repo = await tempRepo(t);
  const text = await large(repo, 'm', 0);
  const { message } = await refused(repo, ['model', 'rename', 'm', 'longer'], 'model_invalid');
  assert.match(message, /larger than/);
  assert.ok(readFileSync(join(repo.dir, 'models/store/m.yaml'), 'utf8') === text);
  assert.equal(await contentOf(repo, 'm', 'a'), 'kept');
});

test('one is deleted, and the record of that can be read', async (t) => {
  const repo = await tempRepo(t);
  await large(repo, 'm', 0);
  await run(repo, ['model', 'delete', 'm', '--with-data', '--force']);
  const { sweeps } = await openRepo(repo.dir).datastore.status();
  assert.deepEqual(sweeps, []);
  await refused(repo, ['model', 'get', 'm'], 'model_not_found');
});

test('one is restored over another one that is as large', async (t) => {
  const repo = await tempRepo(t);
  const text = await large(repo, 'm', 0);
  const path = join(repo.dir, 'models/store/m.yaml');
  const { backup } = openRepo(repo.dir);
  const dir = join(repo.base, 'backup');
  await backup.create({ dir });
  writeFileSync(path, text.replaceAll('\x01', '\x02'));
  await run(repo, ['backup', 'restore', dir, '--mode', 'replace', '--force']);
  assert.ok(readFileSync(path, 'utf8') === text);
  assert.equal(await contentOf(repo, 'm', 'a'), 'kept');
});
