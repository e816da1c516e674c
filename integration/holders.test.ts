/**
 * L5, L7, L8, L11, L12: who counts as a holder. A live one is waited for, wherever it lives; a dead one is broken at once where
 * that can be proved, after the ttl where it cannot; what cannot be read counts as held; what has no epoch is damage.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext } from 'node:test';
import { currentProcess, formatHolder, type Holder } from '../src/locks/holder.js';
import { errorOf } from './support/errors.js';
import { Pauses } from './support/failpoints.js';
import { createGated, startGated } from './support/gated.js';
import { createModel, entryOf, heldLocks, put, type TestRepo, tempRepo, ticketsOf, versionsOf } from './support/repo.js';
import { sampled, sampledTest } from './support/scale.js';
import { finished, launch, type Running, run, runJson, start } from './support/swamp.js';
import { runUnprivileged, startUnprivileged, unprivileged } from './support/unprivileged.js';
import { until } from './support/until.js';

const test = sampledTest(2);

const TTL_MS = 2_000;
const SHORT_TTL = { SWAMP_LOCK_TTL_MS: String(TTL_MS) };
/** Far below the ttl of 30 s, far above what a process needs to start. */
const AT_ONCE_MS = 5_000;
const BRIEFLY = ['--lock-timeout', '700'];

const unshare = spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true'], { timeout: 10_000 });
const inNamespace = {
  skip: unshare.status === 0 ? false : `unshare --pid is not permitted here: ${unshare.error?.message ?? unshare.stderr.toString().trim()}`,
};

/** A user whose files may be written by the group of whoever runs the tests. */
const SOMEBODY_ELSE = 4_242;
const asGroup = { skip: process.getuid?.() === 0 ? unprivileged.skip : 'only root can make files of somebody else' };

interface Held {
  readonly repo: TestRepo;
  readonly modelId: string;
  readonly holder: Running;
  readonly points: Pauses;
}

/** A model `m` with one version of `a`, and a `data put` of the next one that stands still with the data fence in its hands. */
async function heldBy(
  t: TestContext,
  options: { readonly env?: Readonly<Record<string, string>>; readonly through?: readonly string[]; readonly pending?: 'allowed' } = {},
): Promise<Held> {
  const repo = await tempRepo(t, options);
  const modelId = await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'seed');
  const points = new Pauses(repo, ['write.entered']);
  const [command, ...args] = [...(options.through ?? []), process.execPath, repo.bin, 'data', 'put', 'm', 'a'];
  const holder = launch(repo, command ?? '', args, { stdin: 'held', env: points.env });
  await points.at('write.entered', holder);
  return { repo, modelId, holder, points };
}

async function letGo({ holder, points }: Held): Promise<void> {
  points.go('write.entered');
  await finished(holder);
}

describe('a live holder', { concurrency: 2 }, () => {
  test('is waited for until --lock-timeout; the refusal names it, its age and the next step (L5, L13)', async (t) => {
    const held = await heldBy(t);
    const refused = await run(held.repo, ['data', 'put', 'm', 'a', '--json', ...BRIEFLY], { expect: 75 });
    const { code, message, hint, data } = errorOf(refused);
    assert.equal(code, 'lock_timeout');
    assert.match(message, /the data lock of "m" after/);
    assert.match(message, new RegExp(`"data put.*pid ${held.holder.pid} on .*for [0-9.]+ s`));
    assert.match(hint, /--lock-timeout.*lock status.*lock release --force/s);
    assert.equal(data['pid'], held.holder.pid);
    assert.ok(refused.ms < AT_ONCE_MS, `it took ${refused.ms} ms`);
    await letGo(held);
    assert.deepEqual(await versionsOf(held.repo, 'm', 'a'), [1, 2]);
  });

  test('is still stopped after others have looked at its lock: looking sends no signal that does anything (section 3)', async (t) => {
    const held = await heldBy(t);
    held.holder.kill('SIGSTOP');
    await until('it is stopped', () => stateOf(held.holder.pid) === 'T');
    await run(held.repo, ['data', 'put', 'm', 'a', ...BRIEFLY], { expect: 75 });
    await run(held.repo, ['data', 'delete', 'm', 'a', '--force', ...BRIEFLY], { expect: 75 });
    await run(held.repo, ['datastore', 'lock', 'status']);
    assert.equal(stateOf(held.holder.pid), 'T');
    held.holder.kill('SIGCONT');
    await letGo(held);
  });

  test('in another pid namespace is never taken for dead by one here (L8, L12)', inNamespace, async (t) => {
    const held = await heldBy(t, { through: ['unshare', '--pid', '--fork', '--mount-proc'] });
    await run(held.repo, ['data', 'put', 'm', 'a', ...BRIEFLY], { expect: 75 });
    await run(held.repo, ['data', 'delete', 'm', 'a', '--force', ...BRIEFLY], { expect: 75 });
    await letGo(held);
  });

  test('here is never taken for dead by one in another pid namespace (L8, L12)', inNamespace, async (t) => {
    const held = await heldBy(t);
    for (const args of [
      ['data', 'put', 'm', 'a'],
      ['data', 'delete', 'm', 'a', '--force'],
    ]) {
      const other = launch(held.repo, 'unshare', ['--pid', '--fork', '--mount-proc', process.execPath, held.repo.bin, ...args, ...BRIEFLY]);
      await finished(other, 75);
    }
    await letGo(held);
  });
});

describe('a dead holder', { concurrency: 2 }, () => {
  test('on this host is broken at once by a writer and by a drain, whatever the ttl (L5, L12)', async (t) => {
    for (const args of [
      ['data', 'put', 'm', 'a'],
      ['data', 'delete', 'm', 'a', '--force'],
    ]) {
      const { repo, holder } = await heldBy(t, { pending: 'allowed' });
      holder.kill('SIGKILL');
      await holder.exited;
      const { ms } = await run(repo, args);
      assert.ok(ms < AT_ONCE_MS, `${args.join(' ')} took ${ms} ms`);
    }
  });

  test('of the global fence is broken at once, too, by writers of every model', async (t) => {
    const repo = await tempRepo(t, { pending: 'allowed' });
    for (const model of ['m', 'n']) {
      await createModel(repo, model);
      await put(repo, model, 'a', 'seed');
    }
    const points = new Pauses(repo, ['restructure.closed']);
    const deleter = start(repo, ['data', 'delete', 'm', 'a', '--force'], { env: points.env });
    await points.at('restructure.closed', deleter);
    deleter.kill('SIGKILL');
    await deleter.exited;
    assert.ok((await run(repo, ['data', 'put', 'm', 'a'])).ms < AT_ONCE_MS);
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1, 2]);
  });

  test('whose pid another process has now is dead; the same process, and one of another host, are not (L8)', async (t) => {
    const me: Holder = { ...currentProcess(), nonce: '0123456789ab' };
    const cases: readonly (readonly [string, Holder, number, Date?])[] = [
      ['a recycled pid', { ...me, started: '1' }, 0],
      ['this very process', me, 75],
      ['another host, whose pid nobody has here', { ...me, machine: 'abcdefabcdef', pid: 4_194_303, started: '1' }, 75],
      ['a machine of the same names that booted since', { ...me, boot: 'abcdefab' }, 75],
      ['a pid that lives, seen from another time namespace', { ...me, timeNamespace: '1', started: '1' }, 75],
      ['a pid that is gone, seen from another time namespace', { ...me, timeNamespace: '1', pid: 2 ** 31 - 2 }, 0],
      ['an earlier boot of this machine', { ...me, boot: 'abcdefab' }, me.machine.startsWith('x') ? 75 : 0, new Date(2000, 0, 1)],
    ];
    const repo = await tempRepo(t);
    const modelId = await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'seed');
    for (const [what, holder, expect, beat = new Date()] of cases) {
      const free = entryOf(repo, { kind: 'data', modelId });
      const dir = repo.layout.fence({ kind: 'data', modelId });
      const fabricated = join(dir, `${(free?.epoch ?? 0) + 1}.${formatHolder(holder)}`);
      renameSync(join(dir, free?.name ?? ''), fabricated);
      utimesSync(fabricated, beat, beat);
      const { code, stderr } = await run(repo, ['data', 'put', 'm', 'a', ...BRIEFLY], { expect: 'any' });
      assert.equal(code, expect, `${what}: ${stderr}`);
      if (expect !== 0) renameSync(fabricated, join(dir, `${(free?.epoch ?? 0) + 1}.free-0123456789ab`));
    }
  });
});

test('a holder that cannot be read counts as held until its heartbeat has not moved for the ttl (L7, P7)', async (t) => {
  const repo = await tempRepo(t, { env: SHORT_TTL });
  const modelId = await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'seed');
  const dir = repo.layout.fence({ kind: 'data', modelId });
  const free = entryOf(repo, { kind: 'data', modelId });
  renameSync(join(dir, free?.name ?? ''), join(dir, `${(free?.epoch ?? 0) + 1}.scribble`));
  for (const args of [
    ['data', 'put', 'm', 'a'],
    ['data', 'delete', 'm', 'a', '--force'],
  ]) {
    await run(repo, [...args, ...BRIEFLY], { expect: 75 });
  }
  const status = await runJson<{ locks: readonly { verdict: string }[] }>(repo, ['datastore', 'lock', 'status'], { env: { SWAMP_LOCK_TTL_MS: '60000' } });
  assert.deepEqual(
    status.locks.map(({ verdict }) => verdict),
    ['unreadable'],
  );
  const { ms } = await run(repo, ['data', 'put', 'm', 'a']);
  assert.ok(ms >= TTL_MS, `taken after ${ms} ms`);
});

describe('a damaged fence', { concurrency: 2 }, () => {
  const damages: readonly (readonly [what: string, damage: (dir: string, free: string) => void, mend: (dir: string, free: string) => void])[] = [
    ['with two entries', (dir) => mkdirSync(join(dir, '7.free-0123456789ab')), (dir) => rmdirSync(join(dir, '7.free-0123456789ab'))],
    ['without an epoch', (dir, free) => renameSync(join(dir, free), join(dir, 'scribble')), (dir, free) => renameSync(join(dir, 'scribble'), join(dir, free))],
    [
      'with a plain file in the place of its entry',
      (dir, free) => {
        renameSync(join(dir, free), `${dir}-aside`);
        writeFileSync(join(dir, free), '');
      },
      (dir, free) => {
        rmSync(join(dir, free));
        renameSync(`${dir}-aside`, join(dir, free));
      },
    ],
    ['with no entry', (dir, free) => renameSync(join(dir, free), `${dir}-aside`), (dir, free) => renameSync(`${dir}-aside`, join(dir, free))],
  ];
  for (const [what, damage, mend] of sampled(damages, 2)) {
    test(`${what} is nobody's: writers, methods and deletes end as corrupt, check tells (L7)`, async (t) => {
      const repo = await tempRepo(t);
      const modelId = await createModel(repo, 'm', 'true');
      await put(repo, 'm', 'a', 'seed');
      const dir = repo.layout.fence({ kind: 'data', modelId });
      const free = entryOf(repo, { kind: 'data', modelId })?.name ?? '';
      damage(dir, free);
      for (const args of [
        ['data', 'put', 'm', 'a'],
        ['data', 'delete', 'm', 'a', '--force'],
        ['model', 'method', 'run', 'm', 'execute'],
      ]) {
        assert.equal(errorOf(await run(repo, [...args, '--json'], { expect: 65 })).code, 'corrupt', args.join(' '));
      }
      await run(repo, ['datastore', 'check'], { expect: 65 });
      const { locks } = await runJson<{ locks: readonly { state: string }[] }>(repo, ['datastore', 'lock', 'status']);
      assert.deepEqual(
        locks.map(({ state }) => state),
        ['damaged'],
      );
      assert.equal((await runJson<{ healthy: boolean }>(repo, ['datastore', 'status'])).healthy, false);
      assert.match((await run(repo, ['datastore', 'lock', 'release', '--force'])).stderr, /is damaged and cannot be released/);
      await run(repo, ['data', 'get', 'm', 'a']);
      mend(dir, free);
      await put(repo, 'm', 'a', 'mended');
    });
  }
});

test('a lock that this account may not read is listed as damaged, and costs no other lock (L7)', unprivileged, async (t) => {
  const held = await heldBy(t);
  const fence = held.repo.layout.fence({ kind: 'data', modelId: await createModel(held.repo, 'hidden') });
  await put(held.repo, 'hidden', 'a', 'seed');
  chmodSync(fence, 0o000);
  const { stdout } = await runUnprivileged(held.repo, ['datastore', 'lock', 'status', '--json'], 0);
  chmodSync(fence, 0o755);
  const { locks } = JSON.parse(stdout) as { locks: readonly { modelName: string; state: string; holder: string }[] };
  assert.deepEqual(locks.map(({ modelName, state }) => [modelName, state]).sort(), [
    ['hidden', 'damaged'],
    ['m', 'held'],
  ]);
  assert.match(locks.find(({ state }) => state === 'damaged')?.holder ?? '', /EACCES/);
  await letGo(held);
});

test('lock release without --force refuses, with it works while every lock is held (L11)', async (t) => {
  const repo = await tempRepo(t, { pending: 'allowed' });
  await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'seed');
  await createGated(repo, 'p');
  const gated = startGated(repo, 'p', ['--json']);
  await gated.begun();
  const points = new Pauses(repo, ['delete.before-commit']);
  const deleter = start(repo, ['data', 'delete', 'm', 'a', '--force'], { env: points.env });
  await points.at('delete.before-commit', deleter);
  assert.deepEqual(heldLocks(repo).sort(), ['data', 'global', 'run']);
  await run(repo, ['datastore', 'lock', 'release'], { expect: 64 });
  assert.equal(heldLocks(repo).length, 3);
  const { released } = await runJson<{ released: readonly { pid: number }[] }>(repo, ['datastore', 'lock', 'release', '--force']);
  assert.deepEqual(new Set(released.map(({ pid }) => pid)), new Set([deleter.pid, gated.running.pid]));
  assert.deepEqual(heldLocks(repo), []);
  await put(repo, 'm', 'a', 'next');
  points.go('delete.before-commit');
  await finished(deleter);
  gated.letGo();
  assert.equal(errorOf(await finished(gated.running, 75)).code, 'lock_lost');
  assert.deepEqual((await runJson<{ released: readonly unknown[] }>(repo, ['datastore', 'lock', 'release', '--force'])).released, []);
});

test("what somebody else of the group has made is locked, written and deleted as if it were one's own", asGroup, async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm', 'echo done');
  await put(repo, 'm', 'a', 'theirs');
  await run(repo, ['model', 'method', 'run', 'm', 'execute']);
  const { uploadId } = await runJson<{ uploadId: string }>(repo, ['data', 'upload', 'begin', 'm', 'b']);
  await run(repo, ['data', 'upload', 'part', uploadId, '1'], { stdin: 'part' });
  assert.equal(spawnSync('chown', ['-R', String(SOMEBODY_ELSE), repo.dir], { timeout: 10_000 }).status, 0);
  assert.equal(spawnSync('chmod', ['-R', 'g+rwX', repo.dir], { timeout: 10_000 }).status, 0);
  await runUnprivileged(repo, ['model', 'method', 'run', 'm', 'execute', '--trust'], 0);
  await runUnprivileged(repo, ['data', 'upload', 'complete', uploadId], 0);
  await runUnprivileged(repo, ['data', 'delete', 'm', 'a', '--force'], 0);
  assert.deepEqual(await versionsOf(repo, 'm', 'log'), [1, 2]);
  assert.deepEqual(await versionsOf(repo, 'm', 'b'), [1]);
});

describe('what cannot be tidied up after the commit changes nothing but a warning (P8)', { concurrency: 2 }, () => {
  test('a lock that cannot be given back, which the next command then finds dead', unprivileged, async (t) => {
    const repo = await tempRepo(t);
    const fence = repo.layout.fence({ kind: 'data', modelId: await createModel(repo, 'm') });
    await put(repo, 'm', 'a', 'first');
    const points = new Pauses(repo, ['write.committed']);
    const putting = startUnprivileged(repo, ['data', 'put', 'm', 'a', '--expect-version', '1'], { stdin: 'second', env: points.env });
    await points.at('write.committed', putting);
    chmodSync(fence, 0o555);
    points.go('write.committed');
    assert.match((await finished(putting)).stderr, /could not be given back: You have no permission/);
    chmodSync(fence, 0o755);
    const { ms } = await run(repo, ['data', 'put', 'm', 'a', '--expect-version', '2'], { stdin: 'third' });
    assert.ok(ms < AT_ONCE_MS, `waited ${ms} ms for a holder that had ended`);
  });

  test('a ticket that cannot be taken out, by who has just got its lock', unprivileged, async (t) => {
    const { repo, modelId, holder, points } = await heldBy(t);
    const waiter = startUnprivileged(repo, ['data', 'put', 'm', 'a'], { stdin: 'waited' });
    const lock = { kind: 'data', modelId } as const;
    await until('it has filed its ticket', () => ticketsOf(repo, lock, 'a').length === 1);
    chmodSync(repo.layout.queue(lock), 0o555);
    points.go('write.entered');
    await finished(holder);
    assert.match((await finished(waiter)).stderr, /ticket .* could not be removed: You have no permission/);
    chmodSync(repo.layout.queue(lock), 0o755);
    await put(repo, 'm', 'a', 'next');
  });
});

/** The state of a process, proc(5): `T` is stopped. */
function stateOf(pid: number): string | undefined {
  return /\) ([A-Za-z]) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
}
