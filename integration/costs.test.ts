/** What a command costs, counted and not timed: its looks and changes on the disk are the same however much there is. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { Pauses } from './support/failpoints.js';
import { createModel, put, type TestRepo, tempRepo } from './support/repo.js';
import { cannotTrace, lookedAt, traceCalls } from './support/strace.js';
import { finished, launch, type Running, type StartOptions, start } from './support/swamp.js';
import { until } from './support/until.js';

const COMMANDS: readonly (readonly [args: readonly string[], options?: StartOptions])[] = [
  [['data', 'get', 'm', 'a']],
  [['data', 'get', 'm', 'a', '--version', '1']],
  [['data', 'versions', 'm', 'a', '--limit', '5']],
  [['data', 'list', 'm', '--prefix', 'a', '--limit', '1']],
  [['data', 'put', 'm', 'a'], { stdin: 'x' }],
  [['data', 'put', 'm', 'a', '--if-changed'], { stdin: 'x' }],
  [['data', 'rename', 'm', 'a', 'z']],
  [['data', 'get', 'm', 'a']],
];

describe('beside many versions of its artifact, many artifacts of its model and many models, a command makes no look more', {
  concurrency: 2,
  skip: cannotTrace() ?? false,
}, () => {
  test(COMMANDS.map(([args]) => args.slice(1).join(' ')).join(', '), { timeout: 300_000 }, async (t) => {
    const few = await repoWith(t, { versions: 10, artifacts: 1, models: 1 });
    const many = await repoWith(t, { versions: 3_000, artifacts: 300, models: 50 });
    for (const [args, options] of COMMANDS) {
      const looks = async (repo: TestRepo): Promise<string[]> => withoutNames(await lookedAt(repo, args, options));
      assert.deepEqual(await looks(many), await looks(few), args.join(' '));
    }
  });
});

/** A list of a model reads the names of all its artifacts: that takes as many calls as there are names, and no other listing may. */
function withoutNames(calls: readonly string[]): string[] {
  return calls.filter((call, i) => !/^getdents64 .*\/data\/ID$/.test(call) || call !== calls[i - 1]);
}

interface Sizes {
  readonly versions: number;
  readonly artifacts: number;
  readonly models: number;
}

async function repoWith(t: Parameters<typeof tempRepo>[0], { versions, artifacts, models }: Sizes): Promise<TestRepo> {
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'x');
  const first = repo.layout.version(id, 'a', 1);
  const copy = (to: string): void => {
    mkdirSync(to, { recursive: true });
    for (const file of ['content', 'metadata.json']) linkSync(join(first, file), join(to, file));
  };
  for (let version = 2; version <= versions; version++) copy(join(dirname(first), String(version)));
  for (let i = 1; i < artifacts; i++) {
    copy(repo.layout.version(id, `b${i}`, 1));
    writeFileSync(join(repo.layout.artifact(id, `b${i}`), 'artifact.json'), JSON.stringify({ name: `b${i}`, generation: 1, floor: 0 }));
  }
  for (let i = 1; i < models; i++) writeFileSync(join(repo.dir, `models/store/n${i}.yaml`), `id: ${randomUUID()}\ntype: store\n`);
  return repo;
}

test('of a crowd that waits for a lock, the first two watch it; a change wakes no process that could not act on it', {
  timeout: 120_000,
  skip: cannotTrace() ?? false,
}, async (t) => {
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'x');
  const points = new Pauses(repo, ['write.entered']);
  const holder = start(repo, ['data', 'put', 'm', 'a'], { stdin: 'held', env: points.env });
  await points.at('write.entered', holder);
  const queue = repo.layout.queue({ kind: 'data', modelId: id });
  const waiters: Running[] = [];
  const watched: (() => boolean)[] = [];
  for (let i = 0; i < 4; i++) {
    const log = join(repo.base, `watches-${i}`);
    const words = ['-f', '-qq', '-e', 'trace=inotify_add_watch', '-e', 'signal=none', '-o', log];
    waiters.push(launch(repo, 'strace', [...words, process.execPath, repo.bin, 'data', 'put', 'm', 'a'], { stdin: `${i}`, timeoutMs: 60_000 }));
    watched.push(() => existsSync(log) && readFileSync(log, 'utf8').includes('/fences/'));
    await until(`waiter ${i} is in the queue`, () => existsSync(queue) && readdirSync(queue).length > i, { watch: [repo.base] });
  }
  await until('the first two watch', () => watched[0]?.() === true && watched[1]?.() === true, { watch: [repo.base] });
  assert.deepEqual(
    watched.map((isWatching) => isWatching()),
    [true, true, false, false],
  );
  points.go('write.entered');
  for (const running of [holder, ...waiters]) await finished(running);
});

/** Each change that a command makes on the disk, with its reason; a command alone on a model that has been written before. */
const CHANGES: readonly (readonly [title: string, args: readonly string[], changes: Readonly<Record<string, number>>, marker?: string])[] = [
  // Synced: content, record, their directory; then the artifact's directory and that of the fence (P6). Renamed: lock, version into the lock, version into its place, lock.
  ['data put', ['data', 'put', 'm', 'a'], { fsync: 5, rename: 4, mkdir: 2, rmdir: 1, unlink: 0 }],
  // Besides: the new floor and the artifact's directory before the version goes (P4), and both directories after it; the floor into the lock and into its place, the version into the trash of the lock, that into the trash.
  ['data put, with autoGc', ['data', 'put', 'm', 'a', '--gc', '2'], { fsync: 9, rename: 8, mkdir: 3, rmdir: 3, unlink: 2 }, 'autoGc: true\n'],
  ['data put, with autoGc and no rule', ['data', 'put', 'm', 'a'], { fsync: 5, rename: 4, mkdir: 2, rmdir: 1, unlink: 0 }, 'autoGc: true\n'],
  // What "unchanged" acknowledges is synced: its writer may have died before it did so. What was staged goes by way of the trash.
  ['data put --if-changed, unchanged', ['data', 'put', 'm', 'a', '--if-changed'], { fsync: 6, rename: 3, mkdir: 2, rmdir: 3, unlink: 2 }],
  ['data get', ['data', 'get', 'm', 'a'], { fsync: 0, rename: 0, mkdir: 0, rmdir: 0, unlink: 0 }],
  ['data list', ['data', 'list', 'm'], { fsync: 0, rename: 0, mkdir: 0, rmdir: 0, unlink: 0 }],
];

describe('alone, a command makes no change of the disk that its promises do not need', { skip: cannotTrace() ?? false }, () => {
  for (const [title, args, changes, marker = ''] of CHANGES) {
    test(title, { timeout: 60_000 }, async (t) => {
      const repo = await tempRepo(t);
      await createModel(repo, 'm');
      for (const content of ['1', 'x']) await put(repo, 'm', 'a', content);
      appendFileSync(join(repo.dir, '.swamp.yaml'), marker);
      const { result, calls } = await traceCalls(repo, { args, options: { stdin: 'x' } });
      assert.equal(result.code, 0, result.stderr);
      const count = (syscall: string): number =>
        calls.filter((call) => call.syscall === syscall && (syscall === 'fsync' || call.text.includes(repo.layout.root))).length;
      assert.deepEqual(Object.fromEntries(Object.keys(changes).map((syscall) => [syscall, count(syscall)])), changes);
    });
  }
});
