/** Two hosts on one shared disk: the other host's processes cannot be seen, and its clock may say anything. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { readFence } from '../src/locks/fence.js';
import { Pauses } from './support/failpoints.js';
import { contentOf, createModel, put, type TestRepo, tempRepo } from './support/repo.js';
import { sampledTest } from './support/scale.js';
import { finished, launch, type Running, run, runJson, type StartOptions, start } from './support/swamp.js';
import { until } from './support/until.js';

const test = sampledTest(2);

const TTL_MS = 2_000;
const HOUR_MS = 3_600_000;
const ENV = { SWAMP_LOCK_TTL_MS: String(TTL_MS) };

/** Leaves the model's data lock held by a process of another host, which this one can know nothing of. */
async function heldElsewhere(repo: TestRepo, model: string): Promise<{ readonly path: string }> {
  const modelId = await createModel(repo, model);
  await put(repo, model, 'a', 'before');
  const fence = repo.layout.fence({ kind: 'data', modelId });
  const free = readFence(fence);
  assert.ok(free?.state === 'free');
  const path = join(fence, `${free.epoch + 1}.0123456789ab-01234567-4026531836-4026531834-4242-99-abcdefabcdef`);
  renameSync(join(fence, free.name), path);
  return { path };
}

/** Heartbeats as a host writes them whose clock is off by `skewMs`. */
function beat(path: string, skewMs: number): () => void {
  const once = (): void => {
    const at = new Date(Date.now() + skewMs);
    utimesSync(path, at, at);
  };
  once();
  const timer = setInterval(once, 200);
  return () => clearInterval(timer);
}

for (const [clock, skewMs] of [
  ['three hours ahead', 3 * HOUR_MS],
  ['three hours behind', -3 * HOUR_MS],
] as const) {
  test(`the lock of a dead process on a host whose clock is ${clock} is taken over after the ttl, and not before`, async (t) => {
    const repo = await tempRepo(t, { env: ENV });
    const { path } = await heldElsewhere(repo, 'm');
    const stop = beat(path, skewMs);
    stop();
    const { ms } = await run(repo, ['data', 'put', 'm', 'a'], { stdin: 'after' });
    assert.ok(ms >= TTL_MS, `taken after ${ms} ms, before the ttl`);
    assert.ok(ms < 2 * TTL_MS + 1_500, `taken after ${ms} ms: more than twice the ttl and a start`);
    assert.equal(await contentOf(repo, 'm', 'a', 1), 'before');
    assert.equal(await contentOf(repo, 'm', 'a', 2), 'after');
  });

  test(`the lock of a living process on a host whose clock is ${clock} is never taken`, async (t) => {
    const repo = await tempRepo(t, { env: ENV, pending: 'allowed' });
    const { path } = await heldElsewhere(repo, 'm');
    const stop = beat(path, skewMs);
    t.after(stop);
    const result = await run(repo, ['data', 'put', 'm', 'a', '--lock-timeout', String(TTL_MS + 1_000)], { stdin: 'x', expect: 75 });
    assert.match(result.stderr, /Gave up waiting/);
    assert.ok(readdirSync(join(path, '..')).includes(path.split('/').at(-1) ?? ''), 'the entry was moved');
    stop();
    await run(repo, ['datastore', 'lock', 'release', '--force', '--model', 'm']);
  });
}

/** The wall clock of a process is eight days ahead of everybody else's. */
const AHEAD = { NODE_OPTIONS: '--import=data:text/javascript,const%20now=Date.now;Date.now=()=>now()+8*864e5' };

test('what living sessions elsewhere work on is never swept as abandoned, whatever the clock of the sweeper says (P7)', async (t) => {
  if (!canUnshare(t, ['--pid', '--fork', '--mount-proc'])) return;
  const repo = await tempRepo(t, { env: ENV });
  for (const name of ['m', 'other', 'uploads']) await createModel(repo, name);
  await createModel(repo, 'runs', 'until [ -e go ]; do sleep 0.05; done; echo done');
  for (const name of ['m', 'other', 'uploads']) await put(repo, name, 'a', 'one');
  const { uploadId } = await runJson<{ uploadId: string }>(repo, ['data', 'upload', 'begin', 'uploads', 'big']);
  await run(repo, ['data', 'upload', 'part', uploadId, '1'], { stdin: 'part' });
  const elsewhere = (args: readonly string[], options: StartOptions = {}): Running =>
    launch(repo, 'unshare', ['--pid', '--fork', '--mount-proc', process.execPath, repo.bin, ...args], { timeoutMs: 40_000, ...options });
  const at = { backup: new Pauses(repo, ['backup.listed']), upload: new Pauses(repo, ['upload.aside']) };
  const put2 = elsewhere(['data', 'put', 'm', 'a'], { stdin: 'open' });
  const method = elsewhere(['model', 'run', 'runs']);
  const backup = elsewhere(['backup', 'create', join(repo.base, 'backup')], { env: at.backup.env });
  const upload = elsewhere(['data', 'upload', 'complete', uploadId], { env: at.upload.env });
  await at.backup.at('backup.listed', backup);
  await at.upload.at('upload.aside', upload);
  await until('put and method are at work', () => readdirSync(repo.layout.stagings).length === 4);
  await run(repo, ['data', 'delete', 'other', 'a', '--force'], { env: AHEAD });
  // The lock of the method is held past the ttl, and only its heartbeat tells that it lives.
  const contender = run(repo, ['model', 'run', 'runs', '--lock-timeout', String(TTL_MS + 1_000)], { env: AHEAD, expect: 75 });
  const { removed } = await runJson<{ removed: readonly unknown[] }>(repo, ['datastore', 'sweep'], { env: AHEAD });
  assert.deepEqual(removed, []);
  assert.match((await contender).stderr, /Gave up waiting/);
  assert.equal(readdirSync(repo.layout.trashes).length, 1, 'what a backup may read was swept');
  const late = await run(repo, ['data', 'upload', 'part', uploadId, '2'], { stdin: 'late', env: AHEAD, expect: 66 });
  assert.match(late.stderr, /takes no more parts/);
  put2.write('two');
  put2.closeStdin();
  writeFileSync(join(repo.dir, 'go'), '');
  at.backup.go('backup.listed');
  at.upload.go('upload.aside');
  for (const running of [put2, method, backup, upload]) await finished(running);
  assert.equal(await contentOf(repo, 'm', 'a', 2), 'two');
  assert.equal(await contentOf(repo, 'runs', 'log'), 'done\n');
  assert.equal(await contentOf(repo, 'uploads', 'big'), 'part');
  await run(repo, ['backup', 'verify', join(repo.base, 'backup')]);
});

test('a process of another host name is judged by its heartbeat and not by its pid (L8)', async (t) => {
  if (!canUnshare(t)) return;
  const repo = await tempRepo(t, { env: ENV, pending: 'allowed' });
  await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'one');
  const other = launch(repo, 'unshare', ['-u', 'sh', '-c', `hostname elsewhere; exec "$0" "$@"`, process.execPath, repo.bin, 'data', 'put', 'm', 'a'], {
    stdin: 'two',
    env: { SWAMP_FAILPOINTS: 'write.entered=kill' },
  });
  assert.equal((await other.exited).signal, 'SIGKILL');
  const { ms } = await run(repo, ['data', 'put', 'm', 'a'], { stdin: 'three' });
  assert.ok(ms >= TTL_MS, `the lock of a process that cannot be seen was broken after ${ms} ms`);
  const own = start(repo, ['data', 'put', 'm', 'a'], { stdin: 'four', env: { SWAMP_FAILPOINTS: 'write.entered=kill' } });
  assert.equal((await own.exited).signal, 'SIGKILL');
  const next = start(repo, ['data', 'put', 'm', 'a'], { stdin: 'five' });
  const { ms: soon } = await finished(next);
  assert.ok(soon < ms, 'a dead process of this host needs no ttl');
});

test('what an image has in the place of a machine id is none, so a boot proves nothing there', async (t) => {
  if (!canUnshare(t, ['--mount'])) return;
  const repo = await tempRepo(t, { pending: 'allowed' });
  await createModel(repo, 'm');
  const file = join(repo.base, 'machine-id');
  for (const [id, isOne] of [
    ['uninitialized\n', false],
    ['', false],
    [`${'0'.repeat(32)}\n`, false],
    ['0123456789abcdef0123456789abcdef\n', true],
  ] as const) {
    writeFileSync(file, id);
    const mounts = 'for f in /etc/machine-id /var/lib/dbus/machine-id; do if [ -e $f ]; then mount --bind "$1" $f; fi; done; shift; exec "$@"';
    const args = ['sh', file, process.execPath, repo.bin, 'data', 'put', 'm', 'a'];
    const running = launch(repo, 'unshare', ['--mount', 'sh', '-c', mounts, ...args], { stdin: 'x', env: { SWAMP_FAILPOINTS: 'stage.complete=kill' } });
    assert.equal((await running.exited).signal, 'SIGKILL', running.stderr());
    const [holder = ''] = readdirSync(repo.layout.stagings);
    assert.equal(holder.startsWith('x'), !isOne, `${JSON.stringify(id)} became ${holder}`);
    rmSync(repo.layout.staging(holder), { recursive: true });
  }
});

function canUnshare(t: TestContext, how: readonly string[] = ['-u']): boolean {
  if (spawnSync('unshare', [...how, 'true'], { timeout: 5_000 }).status === 0) return true;
  t.skip(`unshare ${how.join(' ')} is not permitted here`);
  return false;
}
