/** Two hosts on one shared disk: the other host's processes cannot be seen, and its clock may say anything. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, renameSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readFence } from '../src/locks/fence.js';
import { contentOf, createModel, put, type TestRepo, tempRepo } from './support/repo.js';
import { finished, launch, run, start } from './support/swamp.js';

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
  const path = join(fence, `${free.epoch + 1}.0123456789ab-01234567-4026531836-4242-99-abcdefabcdef`);
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

function canUnshare(t: TestContext): boolean {
  if (spawnSync('unshare', ['-u', 'true'], { timeout: 5_000 }).status === 0) return true;
  t.skip('unshare -u is not permitted here');
  return false;
}
