import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { deadHolder, hold, libraryRepo, NEVER, newModel } from '../../integration/support/library-repo.js';
import { until } from '../../integration/support/until.js';
import type { LockName } from '../layout/layout.js';
import { newSession } from '../locks/session.js';
import { restructure } from '../protocol/restructure.js';
import { withSession } from '../protocol/session.js';
import { write } from '../protocol/write.js';
import type { Repo } from '../repo.js';
import { dataPut } from './data-put.js';
import { datastoreStatus } from './datastore-status.js';
import { lockRelease } from './lock-release.js';
import { lockStatus } from './lock-status.js';

/** Runs `body` while the model's data lock is held by this process. */
async function whileHeld(repo: Repo, modelId: string, body: () => Promise<void>): Promise<void> {
  let ran = false;
  await withSession(repo, (session) =>
    write(
      repo,
      modelId,
      async () => {
        if (!ran) await body();
        ran = true;
      },
      { ...NEVER, session },
    ),
  );
}

async function repoWithModel(t: TestContext): Promise<{ repo: Repo; id: string }> {
  const repo = await libraryRepo(t, { command: 'test' });
  return { repo, id: await newModel(repo, 'm') };
}

test('status tells holder, host, pid, command, times and verdict of a held lock, and nothing of a free one', async (t) => {
  const { repo, id } = await repoWithModel(t);
  assert.deepEqual((await lockStatus(repo)).locks, []);
  await whileHeld(repo, id, async () => {
    const [lock, ...more] = (await lockStatus(repo)).locks;
    assert.deepEqual(more, []);
    const { holder, acquiredAt, heartbeatAt, ...rest } = lock ?? assert.fail();
    assert.deepEqual(rest, {
      lock: 'data',
      modelId: id,
      modelName: 'm',
      state: 'held',
      host: hostname(),
      pid: process.pid,
      command: 'test',
      verdict: 'live',
      waiters: [],
    });
    assert.match(holder, /^[0-9]+\.x?[0-9a-f]{12}-/);
    for (const time of [acquiredAt, heartbeatAt]) assert.ok(Math.abs(Date.parse(time ?? '') - Date.now()) < 5_000);
  });
});

test('a lock that was taken a moment ago, and still has the time of the holder before, is not told as stale', async (t) => {
  const { repo, id } = await repoWithModel(t);
  await whileHeld(repo, id, async () => {
    const fence = repo.layout.fence({ kind: 'data', modelId: id });
    const entry = join(fence, readdirSync(fence)[0] ?? '');
    const long = new Date(Date.now() - 3_600_000);
    utimesSync(entry, long, long);
    const looking = lockStatus(repo);
    utimesSync(entry, new Date(), new Date());
    assert.equal((await looking).locks[0]?.verdict, 'live');
    utimesSync(entry, long, long);
    assert.equal((await lockStatus(repo)).locks[0]?.verdict, 'stale');
  });
});

test('status tells whether the global lock is draining or closed', async (t) => {
  const { repo, id } = await repoWithModel(t);
  await restructure(
    repo,
    { models: [id], runs: true },
    async () => {
      const { locks } = await lockStatus(repo);
      assert.deepEqual(
        locks.map(({ lock, modelId, state }) => [lock, modelId, state]),
        [['global', null, 'closed']],
      );
    },
    NEVER,
  );
  hold(repo, { kind: 'global' }, newSession(repo).holder);
  assert.deepEqual(
    (await lockStatus(repo)).locks.map(({ state }) => state),
    ['draining'],
  );
});

test('status lists who waits, and leaves out those who have ended', async (t) => {
  const { repo, id } = await repoWithModel(t);
  const lock: LockName = { kind: 'data', modelId: id };
  // As another process would hold it: one of this process is waited for without a ticket.
  const held = hold(repo, lock, newSession(repo).holder);
  const queue = repo.layout.queue(lock);
  mkdirSync(queue, { recursive: true });
  writeFileSync(join(queue, `1700000000000-a-${deadHolder(newSession(repo).holder)}.json`), '{}');
  const putting = dataPut(repo, { model: 'm', name: 'a', source: ['x'] }, NEVER);
  await until('the put has filed its ticket', () => readdirSync(queue).length === 2);
  const [waiter, ...more] = (await lockStatus(repo)).locks[0]?.waiters ?? [];
  assert.deepEqual(more, []);
  assert.deepEqual({ ...waiter, since: '' }, { kind: 'acquire', command: 'data put m a', host: hostname(), pid: process.pid, since: '' });
  renameSync(held, join(dirname(held), '1.free-000000000000'));
  await putting;
});

test('status tells what cannot be read as null, and a damaged fence as damaged', async (t) => {
  const { repo, id } = await repoWithModel(t);
  hold(repo, { kind: 'run', modelId: id }, 'somebody');
  mkdirSync(repo.layout.fence({ kind: 'data', modelId: id }), { recursive: true });
  const { locks } = await lockStatus(repo);
  assert.deepEqual(
    locks.map(({ lock, state, holder, host, pid, command, acquiredAt, verdict }) => ({ lock, state, holder, host, pid, command, acquiredAt, verdict })),
    [
      { lock: 'data', state: 'damaged', holder: '', host: null, pid: null, command: null, acquiredAt: null, verdict: 'unreadable' },
      { lock: 'run', state: 'held', holder: '1.somebody', host: null, pid: null, command: null, acquiredAt: null, verdict: 'unreadable' },
    ],
  );
});

test('a file in the place of a held entry, of a fence or of a queue is told of, costs no other lock, and the other is released', async (t) => {
  const { repo, id } = await repoWithModel(t);
  const { layout } = repo;
  const run: LockName = { kind: 'run', modelId: id };
  hold(repo, run, newSession(repo).holder);
  const dir = layout.fence({ kind: 'data', modelId: id });
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir);
  writeFileSync(join(dir, `7.${newSession(repo).holder}`), '');
  rmSync(layout.fence({ kind: 'global' }), { recursive: true });
  writeFileSync(layout.fence({ kind: 'global' }), '');
  mkdirSync(dirname(layout.queue(run)), { recursive: true });
  writeFileSync(layout.queue(run), '');
  const states = async () => (await lockStatus(repo)).locks.map(({ lock, state }) => [lock, state]);
  assert.deepEqual(await states(), [
    ['global', 'damaged'],
    ['data', 'damaged'],
    ['run', 'held'],
  ]);
  const { healthy, unreadable } = await datastoreStatus(repo);
  assert.equal(healthy, false);
  assert.deepEqual(
    unreadable.map(({ part }) => part),
    ['sweeps'],
  );
  assert.equal((await lockRelease(repo, { force: true }, NEVER)).released.length, 1);
});

for (const part of ['kept', 'uploads', 'stagings', 'trashes', 'pins', 'deleted', 'fences', 'queues'] as const) {
  test(`the state of the datastore is told although ${part} cannot be read`, async (t) => {
    const { repo } = await repoWithModel(t);
    const place = repo.layout[part];
    rmSync(place, { recursive: true, force: true });
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, '');
    const { healthy, unreadable } = await datastoreStatus(repo);
    assert.equal(healthy, unreadable.length === 0);
    if (part === 'fences') assert.ok(unreadable.some(({ part: missing }) => missing === 'locks'));
  });
}

test('status names a lock whose model has no definition by its id alone', async (t) => {
  const { repo, id } = await repoWithModel(t);
  hold(repo, { kind: 'run', modelId: id }, newSession(repo).holder);
  rmSync(join(repo.root, 'models'), { recursive: true });
  const [lock] = (await lockStatus(repo)).locks;
  assert.equal(lock?.modelId, id);
  assert.ok(lock !== undefined && !('modelName' in lock));
});
