/** `datastore setup`: the data is in one place at every moment, and every command finds out which; no acknowledged write is lost, and no number is given out again. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openRepo } from '../src/index.js';
import { Layout } from '../src/layout/layout.js';
import { Pauses } from './support/failpoints.js';
import { createGated, startGated } from './support/gated.js';
import { refused, toldError } from './support/refused.js';
import { check, contentOf, createModel, put, type TestRepo, tempRepo, versionsOf } from './support/repo.js';
import { snapshot } from './support/snapshot.js';
import { finished, run, runJson, start } from './support/swamp.js';

/** What is left of a place: where its datastore went. */
const LEFT = ['v3', 'v3/restoring', 'v3/restoring/moved.json'];

function below(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort();
}

async function stocked(t: TestContext): Promise<TestRepo & { readonly to: string; readonly id: string }> {
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'm');
  await put(repo, 'm', 'a/b', 'one');
  await put(repo, 'm', 'a/b', 'two');
  await put(repo, 'm', 'gone', 'x');
  await openRepo(repo.dir).data.delete({ model: 'm', name: 'gone' });
  return { ...repo, to: join(repo.base, 'else where'), id };
}

async function placeOf({ dir }: TestRepo): Promise<string> {
  return resolve(dir, (await openRepo(dir).info()).datastore);
}

function setup(path: string, ...more: readonly string[]): readonly string[] {
  return ['datastore', 'setup', 'filesystem', '--path', path, '--force', ...more];
}

test('all of it is moved and goes on there: versions, numbers of what was deleted, and back again; the marker keeps its comments', async (t) => {
  const repo = await stocked(t);
  const { to } = repo;
  const { root } = new Layout(to);
  const before = readFileSync(join(repo.dir, '.swamp.yaml'), 'utf8');
  const plan = await runJson(repo, ['datastore', 'setup', 'filesystem', '--path', to, '--dry-run', '--read-only']);
  const done = await runJson<object>(repo, setup(to));
  assert.deepEqual(done, { ...(plan as object), dryRun: false });
  assert.equal(readFileSync(join(repo.dir, '.swamp.yaml'), 'utf8'), `${before}datastore:\n  path: ${to}\n`);
  assert.deepEqual(below(join(repo.dir, '.swamp')), LEFT);
  assert.deepEqual(await versionsOf(repo, 'm', 'a/b'), [1, 2]);
  assert.equal(await contentOf(repo, 'm', 'a/b'), 'two');
  assert.equal((await put(repo, 'm', 'gone', 'y')).version, 2, 'P4');
  await check(repo);
  assert.equal((await runJson<{ migrated: boolean }>(repo, setup(to))).migrated, false);
  await run(repo, setup(join(repo.dir, '.swamp')));
  assert.equal(readFileSync(join(repo.dir, '.swamp.yaml'), 'utf8'), before);
  assert.deepEqual(below(to), LEFT);
  assert.equal((await put(repo, 'm', 'gone', 'y')).version, 3, 'P4');
  assert.ok(existsSync(root));
});

test('it waits for methods and writers; a command that waited meanwhile, a library, and a nested command find the new place or are told', async (t) => {
  const repo = await stocked(t);
  await createGated(repo, 'p');
  const library = openRepo(repo.dir);
  const holds = startGated(repo, 'p');
  await holds.begun();
  const moves = start(repo, setup(repo.to));
  await moves.says(/Waiting for/);
  holds.letGo(`swamp datastore setup filesystem --path '${repo.to}2' --force; echo "inner: $?"`);
  await finished(holds.running);
  await finished(moves);
  assert.match(await contentOf(repo, 'p', 'log'), /inner: 64/);
  assert.equal((await library.data.put({ model: 'm', name: 'a/b', source: 'three' })).version, 3);
  assert.deepEqual(below(join(repo.dir, '.swamp')), LEFT);
});

test('a writer that waited while the data moved has written nothing, and says where it is now', async (t) => {
  const repo = await stocked(t);
  const pauses = new Pauses(repo, ['move.before-commit']);
  const moves = start(repo, setup(repo.to), { env: pauses.env });
  await pauses.at('move.before-commit', moves);
  const waits = start(repo, ['data', 'put', 'm', 'a/b', '--json'], { stdin: 'three' });
  await waits.says(/Waiting for/);
  assert.equal(await contentOf(repo, 'm', 'a/b'), 'two', 'readers do not wait');
  pauses.go('move.before-commit');
  await finished(moves);
  assert.match(toldError(await finished(waits, 75), 'lock_lost').message, /moved to .*else where/);
  assert.deepEqual(await versionsOf(repo, 'm', 'a/b'), [1, 2]);
  // What it left in its queue there.
  await run(repo, ['datastore', 'sweep']);
  assert.deepEqual(below(join(repo.dir, '.swamp')), LEFT);
});

for (const point of ['move.file#2', 'move.before-commit', 'move.committed', 'move.published-copy', 'move.discarded', 'sweep.one']) {
  test(`killed at ${point}: the data is in one place, the same command again finishes, and a sweep clears what is left`, async (t) => {
    const repo = await stocked(t);
    for (const finish of [setup(repo.to), ['datastore', 'sweep']]) {
      const from = await placeOf(repo);
      const to = from === repo.to ? join(repo.base, 'third') : repo.to;
      const { signal } = await start(repo, setup(to), { env: { SWAMP_FAILPOINTS: `${point}=kill` } }).exited;
      assert.equal(signal, 'SIGKILL');
      const status = await runJson<{ pending?: unknown }>(repo, ['datastore', 'status']);
      assert.match(JSON.stringify(status), /"move"|staging|dead_holder/);
      const before = await versionsOf(repo, 'm', 'a/b');
      assert.equal((await put(repo, 'm', 'a/b', 'more')).version, before.length + 1);
      await run(repo, finish[1] === 'setup' ? setup(to) : finish);
      if (finish[1] === 'sweep') await run(repo, setup(to));
      assert.equal(await placeOf(repo), to);
      assert.deepEqual(await versionsOf(repo, 'm', 'a/b'), [...before, before.length + 1]);
      assert.deepEqual(below(from), LEFT);
      await check(repo);
    }
  });
}

test('another clone is told where the data went, and one command names it there', async (t) => {
  const repo = await stocked(t);
  await run(repo, setup(repo.to));
  const clone = { ...repo, dir: join(repo.base, 'clone') };
  mkdirSync(clone.dir);
  cpSync(join(repo.dir, 'models'), join(clone.dir, 'models'), { recursive: true });
  cpSync(join(repo.dir, '.swamp.yaml'), join(clone.dir, '.swamp.yaml'));
  assert.equal(await contentOf(clone, 'm', 'a/b'), 'two');
  // The clone has not heard of the next move.
  const third = join(repo.base, 'third');
  await run(repo, setup(third));
  for (const args of [
    ['data', 'get', 'm', 'a/b', '--json'],
    ['data', 'list', 'm', '--json', '--read-only'],
    ['datastore', 'status', '--json'],
    ['datastore', 'check', '--json'],
    ['data', 'delete', 'm', 'a/b', '--force', '--json'],
  ]) {
    const error = toldError(await run(clone, args, { expect: 78 }), 'config_invalid');
    assert.match(error.message, /moved from .*else where to .*third/);
    assert.match(error.hint ?? '', /--skip-migration/);
  }
  await run(clone, setup(third, '--skip-migration'));
  assert.equal(await contentOf(clone, 'm', 'a/b'), 'two');
});

test('a place that holds something, lies in the way, or has no room is refused before anything is locked; another repository is told apart', async (t) => {
  const repo = await stocked(t);
  const before = snapshot(repo.dir);
  const full = join(repo.base, 'full');
  mkdirSync(full);
  writeFileSync(join(full, 'mine'), 'x');
  for (const [path, code] of [
    [full, 'conflict'],
    [join(full, 'mine'), 'io'],
    [repo.dir, 'usage'],
    [repo.base, 'usage'],
    [join(repo.dir, 'models/data'), 'usage'],
    [join(repo.dir, '.swamp/v3/data'), 'usage'],
  ] as const)
    await refused(repo, setup(path), code);
  await refused(repo, ['datastore', 'setup', 's3', '--path', 'x', '--force'], 'usage');
  await refused(repo, ['datastore', 'setup', 'filesystem', '--force'], 'usage');
  assert.deepEqual(snapshot(repo.dir), before);
  const other = await tempRepo(t);
  await run(other, setup(join(other.base, 'theirs')));
  await refused(repo, setup(join(other.base, 'theirs')), 'conflict');
});

test('SWAMP_DATASTORE names the place for one command; a place of no repository, or of another, is refused', async (t) => {
  const repo = await stocked(t);
  const there = join(repo.base, 'there');
  mkdirSync(there);
  const env = { SWAMP_DATASTORE: `filesystem:${there}` };
  await refused(repo, ['data', 'list', 'm'], 'config_invalid', { env });
  await run(repo, ['repo', 'init'], { env, process: true });
  await run(repo, ['data', 'put', 'm', 'only-there'], { env, stdin: 'x' });
  assert.equal((await runJson<{ total: number }>(repo, ['data', 'list', 'm'], { env })).total, 1);
  assert.deepEqual(await versionsOf(repo, 'm', 'only-there'), []);
  await refused(repo, setup(repo.to), 'usage', { env });
  await refused(repo, ['repo', 'info'], 'config_invalid', { env: { SWAMP_DATASTORE: there } });
  await refused(repo, ['repo', 'info'], 'config_invalid', { env: { SWAMP_DATASTORE: `filesystem:${there}/none` } });
});
