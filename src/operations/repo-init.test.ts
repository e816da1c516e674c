import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SwampError } from '../errors.js';
import { openRepo } from '../index.js';
import { openRepoAt } from '../repo.js';
import { repoInit } from './repo-init.js';

const LIMIT = { timeout: 30_000 };

function temporaryDir(t: TestContext): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'swamp-init-')));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('a repository is made with its parents, can be opened, and is left alone the second time', LIMIT, async (t) => {
  const dir = join(temporaryDir(t), 'a/b');
  const made = await repoInit(dir);
  assert.deepEqual(made, { repoDir: dir, repoId: openRepoAt(dir, { env: {} }).id, created: true });
  assert.deepEqual(readdirSync(dir).sort(), ['.gitignore', '.swamp.yaml', 'models']);
  assert.equal(readFileSync(join(dir, '.gitignore'), 'utf8'), '.swamp/\n');
  rmSync(join(dir, '.gitignore'));
  assert.deepEqual(await repoInit(dir), { ...made, created: false });
  assert.deepEqual(readdirSync(dir).sort(), ['.swamp.yaml', 'models']);
});

test('of many at once exactly one creates, and all tell the same repository', LIMIT, async (t) => {
  for (let round = 0; round < 10; round++) {
    const dir = join(temporaryDir(t), 'new/repo');
    const results = await Promise.all(Array.from({ length: 8 }, () => repoInit(dir)));
    assert.equal(results.filter(({ created }) => created).length, 1);
    assert.equal(new Set(results.map(({ repoId }) => repoId)).size, 1);
    assert.deepEqual(readdirSync(dir).sort(), ['.gitignore', '.swamp.yaml', 'models']);
    assert.equal(readFileSync(join(dir, '.gitignore'), 'utf8'), '.swamp/\n');
  }
});

test('a .gitignore keeps its lines, its mode and its link, and gets the line once', LIMIT, async (t) => {
  const cases: readonly (readonly [before: string, after: string])[] = [
    ['', '.swamp/\n'],
    ['dist\n', 'dist\n.swamp/\n'],
    ['dist', 'dist\n.swamp/\n'],
    ['.swamp/\nx', '.swamp/\nx'],
    ['/.swamp\r\nx\r\n', '/.swamp\r\nx\r\n'],
    ['#.swamp/\n', '#.swamp/\n.swamp/\n'],
  ];
  for (const [before, after] of cases) {
    const dir = temporaryDir(t);
    writeFileSync(join(dir, 'ignored'), before, { mode: 0o600 });
    symlinkSync('ignored', join(dir, '.gitignore'));
    await repoInit(dir);
    assert.equal(readFileSync(join(dir, 'ignored'), 'utf8'), after);
    assert.equal(readFileSync(join(dir, '.gitignore'), 'utf8'), after);
    assert.equal(statSync(join(dir, 'ignored')).mode & 0o777, 0o600);
  }
});

test('read-only makes nothing, also where there is a repository', LIMIT, async (t) => {
  const dir = join(temporaryDir(t), 'new');
  const refused = (error: unknown): boolean => error instanceof SwampError && error.code === 'read_only';
  await assert.rejects(repoInit(dir, { readOnly: true }), refused);
  assert.equal(statSync(dir, { throwIfNoEntry: false }), undefined);
  await repoInit(dir);
  await assert.rejects(repoInit(dir, { readOnly: true }), refused);
});

test('a marker that is there and broken is told, not replaced', LIMIT, async (t) => {
  const dir = temporaryDir(t);
  writeFileSync(join(dir, '.swamp.yaml'), 'formatVersion: 99\n');
  await assert.rejects(repoInit(dir), (error) => error instanceof SwampError && error.code === 'config_invalid');
  assert.equal(readFileSync(join(dir, '.swamp.yaml'), 'utf8'), 'formatVersion: 99\n');
});

test('a file in the way is an error of the system', LIMIT, async (t) => {
  const dir = temporaryDir(t);
  writeFileSync(join(dir, 'file'), '');
  mkdirSync(join(dir, 'sub'));
  await assert.rejects(repoInit(join(dir, 'file')), { code: 'ENOTDIR' });
  await assert.rejects(repoInit(join(dir, 'file/below')), { code: 'ENOTDIR' });
});

test('a configured datastore is one once repo init has made it; a mount point without its disk is refused, and stays empty', LIMIT, async (t) => {
  const base = temporaryDir(t);
  const [dir, other, disk] = [join(base, 'repo'), join(base, 'other'), join(base, 'disk')];
  for (const repo of [dir, other]) {
    await repoInit(repo);
    appendFileSync(join(repo, '.swamp.yaml'), 'datastore: { path: ../disk }\n');
  }
  const refused = async (repo: string, says: RegExp): Promise<void> => {
    assert.throws(
      () => openRepoAt(repo, { env: {} }),
      (error) => error instanceof SwampError && error.code === 'config_invalid' && says.test(`${error.message} ${error.hint}`),
    );
  };
  await refused(dir, /is missing.*swamp repo init/);
  await assert.rejects(repoInit(dir), { code: 'config_invalid' });
  mkdirSync(disk);
  await refused(dir, /Mount the disk.*swamp repo init/);
  assert.deepEqual(readdirSync(disk), []);
  const made = await repoInit(dir);
  assert.deepEqual([made.created, openRepoAt(dir, { env: {} }).datastore], [false, disk]);
  await refused(other, /belongs to another repository/);
  await assert.rejects(repoInit(other), { code: 'config_invalid' });
  const { model, data } = openRepo(dir);
  await model.create({ type: 'store', name: 'm' });
  await data.put({ model: 'm', name: 'a', source: ['one'] });
  renameSync(disk, join(base, 'unplugged'));
  mkdirSync(disk);
  await refused(dir, /Mount the disk/);
  assert.deepEqual(readdirSync(disk), []);
  rmSync(disk, { recursive: true });
  renameSync(join(base, 'unplugged'), disk);
  assert.deepEqual((await openRepo(dir).datastore.check()).findings, []);
});
