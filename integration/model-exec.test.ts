/** `model exec`: any command under the run lock of a model; its streams, its exit code and its signals are its own. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openRepo } from '../src/index.js';
import { createGated, startGated } from './support/gated.js';
import { toldError } from './support/refused.js';
import { createModel, heldLocks, type TestRepo, tempRepo } from './support/repo.js';
import { finished, markedProcesses, type Running, run, runJson, start } from './support/swamp.js';
import { onTerminal, startOnTerminal } from './support/terminal.js';
import { until } from './support/until.js';

const SHORT_TTL = { SWAMP_LOCK_TTL_MS: '2000' };

/** Says that it runs, and goes on until it is ended; so does a process that it started. */
const STAYS = 'sleep 60 & echo began; wait; wait';

function execIn(repo: TestRepo, line: string, model = 'm', options: Parameters<typeof start>[2] = {}): Running {
  return start(repo, ['--json', 'model', 'exec', model, '--', 'sh', '-c', line], options);
}

async function begun(running: Running): Promise<Running> {
  await running.says(/began/);
  return running;
}

/** No process of the test runs but those that the test waits for itself. */
async function allGone(repo: TestRepo): Promise<void> {
  await until('no process is left', () => markedProcesses(repo.base).length === 0);
}

for (const [line, code] of [
  ['exit 0', 0],
  ['exit 7', 7],
  ['exit 75', 75],
  ['kill -9 $$', 137],
  ['kill -USR1 $$', 138],
] as const) {
  test(`its exit code is that of the command: ${line}`, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const { stdout, stderr } = await finished(execIn(repo, `cat; echo err >&2; ${line}`, 'm', { stdin: 'in' }), code);
    assert.deepEqual([stdout, stderr], ['in', 'err\n']);
    assert.deepEqual(heldLocks(repo), []);
  });
}

test('one command at a time, first come first served, and each is seen with its words (L11)', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const gate = join(repo.base, 'gate');
  const first = await begun(execIn(repo, `echo began; until [ -e ${gate} ]; do sleep 0.02; done; echo 0 >> order`));
  const waiting: Running[] = [];
  for (const n of [1, 2, 3]) {
    const next = execIn(repo, `echo ${n} >> order`);
    await next.says(/Waiting for/);
    waiting.push(next);
  }
  const { locks } = await runJson<{ locks: { lock: string; command: string; waiters: { command: string }[] }[] }>(repo, ['datastore', 'lock', 'status']);
  assert.deepEqual(
    locks.map(({ lock, command }) => [lock, command.slice(0, 34)]),
    [['run', 'model exec m -- sh -c echo began; ']],
  );
  assert.equal(locks[0]?.waiters[0]?.command, 'model exec m -- sh -c echo 1 >> order');
  toldError(await run(repo, ['--json', '--no-wait', 'model', 'exec', 'm', '--', 'false'], { expect: 75 }), 'lock_timeout');
  writeFileSync(gate, '');
  await Promise.all([first, ...waiting].map((one) => finished(one)));
  assert.equal(readFileSync(join(repo.dir, 'order'), 'utf8'), '0\n1\n2\n3\n');
});

test('swamp commands inside pass a delete that waits for the command (N1, N2), and one that wants the same lock is a deadlock (N4)', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const gate = join(repo.base, 'gate');
  const holds = await begun(
    execIn(
      repo,
      `echo began; until [ -e ${gate} ]; do sleep 0.02; done; echo x | swamp data put m a -q && swamp data rename m a b -q && swamp data delete m b --force -q
      swamp model exec m -- true; echo "inner: $?"`,
    ),
  );
  const deletes = start(repo, ['model', 'delete', 'm', '--with-data', '--force']);
  await deletes.says(/Waiting for/);
  writeFileSync(gate, '');
  const { stdout, stderr } = await finished(holds);
  assert.match(stdout, /inner: 75\n$/);
  assert.match(stderr, /waits for this very command/);
  await finished(deletes);
});

for (const [how, takeover] of Object.entries({
  'was stopped for longer than the ttl, and another command had begun': async (repo: TestRepo, holder: Running): Promise<void> => {
    holder.kill('SIGSTOP');
    await finished(execIn(repo, 'true'));
    holder.kill('SIGCONT');
  },
  'lost the lock by force': async (repo: TestRepo): Promise<void> => void (await run(repo, ['datastore', 'lock', 'release', '--force', '--model', 'm'])),
})) {
  test(`when swamp ${how}, the command and its processes are ended, and the exit code is 75`, async (t) => {
    const repo = await tempRepo(t, { env: SHORT_TTL });
    await createModel(repo, 'm');
    const holder = await begun(execIn(repo, `trap '' TERM; ${STAYS}`));
    await takeover(repo, holder);
    const error = toldError(await finished(holder, 75), 'lock_lost');
    assert.match(error.message, /run lock of "m" was lost while "sh" ran/);
    await allGone(repo);
  });
}

test('a command that ends while swamp is stopped and the lock is lost is not a success', async (t) => {
  const repo = await tempRepo(t, { env: SHORT_TTL });
  await createModel(repo, 'm');
  const gate = join(repo.base, 'gate');
  const holder = await begun(execIn(repo, `echo began; until [ -e ${gate} ]; do sleep 0.02; done`));
  holder.kill('SIGSTOP');
  await finished(execIn(repo, 'true'));
  writeFileSync(gate, '');
  // What is left is swamp and the watcher of its command.
  await until('the command has ended', () => markedProcesses(repo.base).length === 2);
  holder.kill('SIGCONT');
  toldError(await finished(holder, 75), 'lock_lost');
});

test('signals go to the command, however many, and what it makes of them is the result', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const traps = await begun(execIn(repo, "trap 'echo hup' HUP; trap 'echo int' INT; trap 'exit 5' TERM; echo began; while :; do sleep 0.02; done"));
  for (const [signal, said] of [
    ['SIGHUP', /hup/],
    ['SIGINT', /int/],
    ['SIGINT', /int\n.*int/s],
  ] as const) {
    traps.kill(signal);
    await traps.says(said);
  }
  traps.kill('SIGTERM');
  await finished(traps, 5);
  const plain = await begun(execIn(repo, STAYS));
  plain.kill('SIGTERM');
  await finished(plain, 143);
  await allGone(repo);
});

test('a signal while it waits for the lock ends the wait, and the command never runs', async (t) => {
  const repo = await tempRepo(t);
  await createGated(repo, 'p');
  const holds = startGated(repo, 'p');
  await holds.begun();
  const waits = execIn(repo, 'touch ran', 'p');
  await waits.says(/Waiting for/);
  waits.kill('SIGTERM');
  await finished(waits, 143);
  holds.letGo();
  await finished(holds.running);
  assert.equal(existsSync(join(repo.dir, 'ran')), false);
});

test('when swamp is killed, its command is, too: the lock is free at once', async (t) => {
  const repo = await tempRepo(t, { pending: 'allowed' });
  await createModel(repo, 'm');
  const holder = await begun(execIn(repo, STAYS));
  holder.kill('SIGKILL');
  await holder.exited;
  await allGone(repo);
  await finished(execIn(repo, 'true'));
});

test('what the command leaves in the background goes on without the lock', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const gate = join(repo.base, 'gate');
  await finished(execIn(repo, `(until [ -e ${gate} ]; do sleep 0.02; done; echo done > late) >/dev/null 2>&1 &`));
  assert.deepEqual(heldLocks(repo), []);
  writeFileSync(gate, '');
  await until('it went on', () => existsSync(join(repo.dir, 'late')));
});

test('on a terminal the command reads the keyboard, Ctrl-C reaches it once, and a lost lock ends its processes', onTerminal, async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const reads = startOnTerminal(repo, "exec swamp model exec m -- sh -c 'echo began; read line </dev/tty; echo got $line'");
  await reads.says(/began/);
  reads.write('hello\n');
  await finished(reads);
  assert.match(reads.stdout(), /got hello/);
  writeFileSync(join(repo.dir, 'counts.mjs'), COUNTS);
  const counts = startOnTerminal(repo, `exec swamp model exec m -- '${process.execPath}' counts.mjs`);
  await counts.says(/began/);
  for (const said of [/int 1/, /int 2/]) {
    counts.write('\x03');
    await counts.says(said);
  }
  await run(repo, ['datastore', 'lock', 'release', '--force', '--model', 'm']);
  await finished(counts, 75);
  assert.match(counts.stdout(), /ended after 2/);
  await allGone(repo);
});

/** Counts what Ctrl-C sends, and has a child that only SIGTERM or SIGKILL ends. */
const COUNTS = `
  import { spawn } from 'node:child_process';
  spawn('sh', ['-c', 'trap "" HUP INT; sleep 60; sleep 60'], { stdio: 'ignore', timeout: 90_000 });
  let count = 0;
  process.on('SIGINT', () => console.log('int', ++count));
  process.on('SIGTERM', () => { console.log('ended after', count); process.exit(); });
  console.log('began');
  setInterval(() => {}, 1000);
`;

test('--create makes a store once, whoever is first; what cannot be run leaves no lock behind', async (t) => {
  const repo = await tempRepo(t);
  const line = ['model', 'exec', 'new', '--create', '--', 'sh', '-c', 'echo x >> ran'];
  await Promise.all([1, 2, 3].map(() => finished(start(repo, line))));
  assert.equal(readFileSync(join(repo.dir, 'ran'), 'utf8'), 'x\nx\nx\n');
  writeFileSync(join(repo.dir, 'text'), 'no program');
  for (const [command, code, exit] of [
    ['/nonexistent', 'usage', 64],
    ['./text', 'io', 74],
    ['.', 'io', 74],
  ] as const)
    toldError(await run(repo, ['--json', 'model', 'exec', 'new', '--', command], { expect: exit, process: true }), code);
  assert.match((await run(repo, ['model', 'exec', 'new', 'ls'], { expect: 64 })).stderr, /write "--" before the command/);
  assert.deepEqual(heldLocks(repo), []);
});

test('the library runs the same, answers with a result, and ends the command when its signal fires', async (t) => {
  const repo = await tempRepo(t);
  const { model } = openRepo(repo.dir);
  const { exitCode, signal, modelName } = await model.exec({ model: 'lib', command: ['sh', '-c', 'exit 3'], create: true });
  assert.deepEqual([exitCode, signal, modelName], [3, null, 'lib']);
  const begins = join(repo.base, 'begins');
  const reason = new Error('enough');
  const aborter = new AbortController();
  const runs = model.exec({ model: 'lib', command: ['sh', '-c', `touch ${begins}; sleep 60; true`] }, { signal: aborter.signal });
  await until('it runs', () => existsSync(begins));
  aborter.abort(reason);
  await assert.rejects(runs, reason);
  assert.deepEqual(heldLocks(repo), []);
  await assert.rejects(model.exec({ model: 'lib', command: [] }), { code: 'usage' });
});
