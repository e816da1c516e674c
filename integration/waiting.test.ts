/**
 * L9, L10, L12, L13 and N1 to N4: who waits for whom, and who does not. A question holds no lock, a method holds up nobody but
 * other runs of its model and those that would remove what it writes, and a command inside a method never hangs.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describe } from 'node:test';
import { ENDING_SIGNALS } from '../src/cli/signals.js';
import { openRepo } from '../src/index.js';
import { GLOBAL } from '../src/layout/layout.js';
import { currentProcess, formatHolder, newNonce } from '../src/locks/holder.js';
import { type Facts, SILENT } from '../src/repo.js';
import { timingFrom } from '../src/timing.js';
import { Pauses } from './support/failpoints.js';
import { createGated, openGate, runGated, startGated } from './support/gated.js';
import { hold, libraryRepo, newModel, putAll } from './support/library-repo.js';
import { contentOf, createModel, heldLocks, put, type TestRepo, tempRepo, ticketsOf, versionsOf } from './support/repo.js';
import { sampled, sampledTest } from './support/scale.js';
import { finished, launch, markedProcesses, type Running, run, runJson, start } from './support/swamp.js';
import { onTerminal, startOnTerminal } from './support/terminal.js';
import { until } from './support/until.js';

const test = sampledTest(2);

describe('a wait is reported (L13)', () => {
  test('after 1 s to a terminal and after 2 s to a log, unless SWAMP_NOTICE_MS says otherwise', () => {
    assert.deepEqual(
      [timingFrom({}, undefined, 'terminal'), timingFrom({})].map(({ noticeMs }) => noticeMs),
      [1_000, 2_000],
    );
    assert.equal(timingFrom({ SWAMP_NOTICE_MS: '7' }).noticeMs, 7);
  });

  test("by the model's name, with the time until a holder without a heartbeat is put out", async (t) => {
    const notices: string[] = [];
    const facts: Facts[] = [];
    const info = (line: string, of: Facts): void => {
      notices.push(line);
      facts.push(of);
    };
    const reporter = { ...SILENT, info };
    const repo = await libraryRepo(t, { reporter, timing: { ...timingFrom({}, '600'), noticeMs: 50 } });
    const modelId = await newModel(repo, 'm');
    const holder = formatHolder({ ...currentProcess(), pidNamespace: '1', pid: 77, nonce: newNonce() });
    const entry = hold(repo, { kind: 'data', modelId }, holder);
    const wait = (): Promise<unknown> => assert.rejects(putAll(repo, 'm', 'a', 'x'), { code: 'lock_timeout' });
    await wait();
    utimesSync(entry, new Date(), new Date(Date.now() - 20_000));
    await wait();
    assert.equal(notices[0], 'Waiting for the data lock of "m": held by pid 77.');
    assert.match(
      notices[1] ?? '',
      /^Waiting for the data lock of "m": held by pid 77\. Its heartbeat is 20 s old: unless it moves, the lock is taken over in 30 s\.$/,
    );
    assert.equal(notices.length, 2);
    const { waitedMs, ...known } = facts[0] as Facts;
    assert.ok(Number(waitedMs) >= 50, String(waitedMs));
    assert.deepEqual(known, { topic: 'lock', lock: 'data', modelId, modelName: 'm', holder: basename(entry), verdict: known['verdict'] });
  });
});

interface Run {
  readonly dataArtifacts: readonly { readonly version: number }[];
}

/** In a trash that somebody else left. */
const FILES = 400;

const DRAINING = /Waiting for running writers/;

describe('a question', { concurrency: 2 }, () => {
  test('that is not answered holds no lock: others write and delete meanwhile; "no" changes nothing', onTerminal, async (t) => {
    const repo = await storeRepo(t);
    const asking = startOnTerminal(repo, ['data', 'delete', 'm', 'a']);
    await asking.says(/\[y\/N\]/);
    assert.deepEqual(heldLocks(repo), []);
    await put(repo, 'm', 'b', 'meanwhile');
    await run(repo, ['data', 'delete', 'm', 'b', '--force']);
    assert.equal(asking.hasExited(), false);
    asking.write('n\n');
    await finished(asking);
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1]);
  });

  test('answered with "yes" deletes what was shown, and nothing when that has changed since', onTerminal, async (t) => {
    const repo = await storeRepo(t);
    const late = startOnTerminal(repo, ['data', 'delete', 'm', 'a']);
    await late.says(/\[y\/N\]/);
    await put(repo, 'm', 'a', 'meanwhile');
    late.write('y\n');
    await finished(late, 73);
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1, 2]);
    const now = startOnTerminal(repo, ['data', 'delete', 'm', 'a']);
    await now.says(/\[y\/N\]/);
    now.write('y\n');
    await finished(now);
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), []);
  });
});

describe('a method that runs', { concurrency: 2 }, () => {
  test('holds up neither writes to its model, nor to others, nor reads (L9)', async (t) => {
    const repo = await gatedRepo(t);
    const gated = startGated(repo, 'p');
    await gated.begun();
    await put(repo, 'p', 'beside', 'own model');
    await put(repo, 'm', 'a', 'other model');
    await run(repo, ['data', 'delete', 'm', 'a', '--force']);
    await run(repo, ['model', 'create', 'store', 'n']);
    await run(repo, ['repo', 'info']);
    await run(repo, ['data', 'get', 'p', 'log']);
    assert.equal(gated.running.hasExited(), false, 'none of them waited for it');
    gated.letGo();
    await finished(gated.running);
  });

  test('is waited for by a delete of its model, which names it, tells once and once more at the end, and removes what it wrote (L13)', async (t) => {
    const repo = await gatedRepo(t);
    const gated = startGated(repo, 'p');
    await gated.begun();
    const deleter = start(repo, ['data', 'delete', 'p', 'result', '--force', '--json']);
    await deleter.says(DRAINING);
    gated.letGo();
    await finished(gated.running);
    const { stdout, stderr } = await finished(deleter);
    const notices = stderr.trimEnd().split('\n');
    assert.equal(notices.length, 2, stderr);
    assert.match(notices[0] ?? '', new RegExp(`held by \\\\?"model (method )?run.*pid ${gated.running.pid} on .*for [0-9.]+ s`));
    assert.match(notices[1] ?? '', /[0-9.]+ s/);
    assert.equal((JSON.parse(stdout) as { versionsDeleted: number }).versionsDeleted, 2);
    assert.deepEqual(await versionsOf(repo, 'p', 'result'), []);
    assert.deepEqual(await versionsOf(repo, 'p', 'log'), [1, 2]);
  });

  test('is waited for by another run of its model, in order of arrival', async (t) => {
    const repo = await gatedRepo(t);
    const first = startGated(repo, 'p');
    await first.begun();
    const others = [];
    for (let i = 0; i < 3; i++) {
      const gated = startGated(repo, 'p', ['--json']);
      await gated.running.says(/Waiting for the run lock/);
      gated.letGo();
      others.push(gated.running);
    }
    first.letGo();
    await finished(first.running);
    const versions: (number | undefined)[] = [];
    for (const running of others) versions.push((JSON.parse((await finished(running)).stdout) as Run).dataArtifacts[0]?.version);
    assert.deepEqual(versions, [3, 4, 5]);
  });
});

type Nested = readonly (readonly [command: string, code: number])[];

/** What a method does: commands, each with the exit code that it must end with. */
const NESTED: Readonly<Record<string, Nested>> = {
  'puts to its own and to another model, a run of another model, and a run of itself, which fails as deadlock': [
    ['echo nested | swamp data put p nested', 0],
    ['echo nested | swamp data put m nested', 0],
    ['swamp model method run q execute', 0],
    ['swamp model method run p execute --input GATE=/nowhere --json', 75],
  ],
  'a delete in its own model': [['swamp data delete p old --force', 0]],
  'a delete in another model': [['swamp data delete m a --force', 0]],
  'a model create': [['swamp model create store made', 0]],
};

/** A method of the model `deeper` runs the commands, a level further down. */
function oneLevelDown(commands: Nested): string {
  return `swamp model method run deeper execute --input 'THEN=${linesOf(commands)}'`;
}

function linesOf(commands: Nested): string {
  return commands.map(([command]) => `${command}; echo "nested: $?"`).join('\n');
}

const CASES: readonly (readonly [what: string, codes: readonly number[], lines: string])[] = [
  ...Object.entries(NESTED).map(([what, commands]) => [what, codesOf(commands), linesOf(commands)] as const),
  ['all of this two levels down', codesOf(Object.values(NESTED).flat()), oneLevelDown(Object.values(NESTED).flat())],
];

function codesOf(commands: Nested): number[] {
  return commands.map(([, code]) => code);
}

for (const other of ['nobody', 'a delete in its first drain', 'a delete in its second drain'] as const) {
  describe(`while ${other} waits for the parent's model, a method does (L10, N1 to N4)`, { concurrency: 2 }, () => {
    for (const [what, codes, lines] of sampled(CASES, 3)) {
      test(what, async (t) => {
        const repo = await gatedRepo(t);
        await createModel(repo, 'q', 'true');
        await createModel(repo, 'deeper', 'eval "$THEN"');
        await put(repo, 'p', 'old', 'old');
        const points = new Pauses(repo, ['restructure.after-first-drain']);
        const startDelete = (): Running => start(repo, ['data', 'delete', 'p', 'result', '--force'], { env: points.env });
        const early = other === 'a delete in its second drain' ? startDelete() : undefined;
        if (early !== undefined) await points.at('restructure.after-first-drain', early);
        const gated = startGated(repo, 'p');
        await gated.begun();
        points.go('restructure.after-first-drain');
        const deleter = early ?? (other === 'nobody' ? undefined : startDelete());
        await deleter?.says(DRAINING);
        gated.letGo(lines);
        const { stderr } = await finished(gated.running);
        assert.deepEqual(nestedCodes(stderr), codes);
        assert.equal(/"code":"deadlock"/.test(stderr), nestedCodes(stderr).includes(75));
        if (deleter !== undefined) await finished(deleter);
        // The delete waited for the method, and took what it wrote (P9).
        assert.deepEqual(await versionsOf(repo, 'p', 'result'), deleter === undefined ? [1, 2] : []);
      });
    }
  });
}

/** The exit codes that a method told of its nested commands. */
function nestedCodes(stderr: string): number[] {
  return [...stderr.matchAll(/^nested: ([0-9]+)$/gm)].map(([, code]) => Number(code));
}

describe('methods that run each other', { concurrency: 2 }, () => {
  for (const names of [
    ['x', 'y'],
    ['x', 'y', 'z'],
  ]) {
    test(`in a circle of ${names.length}: one fails as deadlock, at once, and the others go on (N4)`, async (t) => {
      const repo = await tempRepo(t);
      for (const name of names) await createGated(repo, name);
      const open = openGate(repo);
      const runs = names.map((name) => startGated(repo, name));
      await Promise.all(runs.map((gated) => gated.begun()));
      for (const [i, gated] of runs.entries())
        gated.letGo(`swamp model method run ${names[(i + 1) % names.length]} execute --input GATE=${open}; echo "nested: $?"`);
      const results = await Promise.all(runs.map(({ running }) => finished(running)));
      const codes = results.flatMap(({ stderr }) => nestedCodes(stderr)).sort();
      assert.deepEqual(codes, [...names.slice(1).map(() => 0), 75]);
    });
  }
});

const withProc = { skip: process.platform === 'linux' ? false : 'processes are found through /proc' };

test('--no-wait and a lock timeout of 0 try once: 75 while another holds the lock, and no failure under a dead holder (L5)', async (t) => {
  const repo = await gatedRepo(t);
  const gated = startGated(repo, 'p');
  await gated.begun();
  const gate = openGate(repo);
  for (const [flags, env] of [
    [['--no-wait'], {}],
    [['--lock-timeout', '0'], {}],
    [[], { SWAMP_LOCK_TIMEOUT_MS: '0' }],
  ] as const) {
    const refused = await run(repo, ['model', 'run', 'p', '--input', `GATE=${gate}`, ...flags], { env, expect: 75 });
    assert.match(refused.stderr, /run/);
    assert.ok(refused.ms < 5_000, `${refused.ms} ms`);
  }
  await run(repo, ['data', 'put', 'p', 'other', '--no-wait'], { stdin: 'x' });
  gated.running.kill('SIGKILL');
  await gated.running.exited;
  await run(repo, ['model', 'run', 'p', '--input', `GATE=${gate}`, '--no-wait']);
  gated.letGo();
  await run(repo, ['datastore', 'sweep']);
});

describe('a signal that ends a process (L12)', { concurrency: 2 }, () => {
  test('each of them ends a method with all its processes, releases its lock, leaves nothing, exits with 128 and its number', withProc, async (t) => {
    const repo = await gatedRepo(t);
    const { model } = openRepo(repo.dir);
    const { methods } = await model.get({ model: 'p' });
    for (const signal of ENDING_SIGNALS) await model.create({ type: 'command/shell', name: signal, run: methods['execute']?.arguments.run ?? '' });
    const gates = ENDING_SIGNALS.map((signal) => ({ signal, gated: startGated(repo, signal, [], { timeoutMs: 60_000 }) }));
    for (const { gated } of gates) gated.letGo('echo last words; sleep 300 & sleep 300; sleep 300');
    await until('the commands and their two children each run', () => markedProcesses(repo.base).length === 4 * gates.length, { timeoutMs: 40_000 });
    for (const { signal, gated } of gates) {
      gated.running.kill(signal);
      const { stderr } = await finished(gated.running, 128 + constants.signals[signal]);
      assert.doesNotMatch(stderr, /Debugger|[Ee]rror/, signal);
    }
    assert.deepEqual(markedProcesses(repo.base), []);
    assert.deepEqual(heldLocks(repo), []);
    for (const signal of ENDING_SIGNALS) assert.deepEqual(await versionsOf(repo, signal, 'log'), [1], `what it printed until ${signal} is kept`);
    assert.match(await contentOf(repo, 'SIGINT', 'log'), /last words/);
  });

  test('a write past the limit on the size of files is io: the method ends with all its processes, and its lock is free', withProc, async (t) => {
    const repo = await tempRepo(t);
    await run(repo, ['model', 'create', 'command/shell', 'loud', '--run', 'head -c 300000 /dev/zero; sleep 20 & sleep 20']);
    const limited = launch(repo, 'bash', ['-c', 'ulimit -f 100; exec swamp model run loud'], { timeoutMs: 60_000 });
    const { stderr } = await finished(limited, 74);
    assert.match(stderr, /\(EFBIG\)\.\nhint: .*ulimit -f/);
    assert.deepEqual(markedProcesses(repo.base), []);
    assert.deepEqual(heldLocks(repo), []);
  });

  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    const code = 128 + constants.signals[signal];
    test(`${signal} ends a command that waits, with its place in the queue, and exits ${code}`, async (t) => {
      const repo = await gatedRepo(t);
      const modelId = (await runJson<{ id: string }>(repo, ['model', 'get', 'p'])).id;
      const gated = startGated(repo, 'p');
      await gated.begun();
      const deleter = start(repo, ['data', 'delete', 'p', 'result', '--force']);
      await deleter.says(DRAINING);
      const waiter = startGated(repo, 'p');
      await waiter.running.says(/Waiting for/);
      for (const running of [deleter, waiter.running]) {
        running.kill(signal);
        await finished(running, code);
      }
      assert.deepEqual(heldLocks(repo), ['run']);
      const lock = { kind: 'run', modelId } as const;
      assert.deepEqual([...ticketsOf(repo, lock, 'a'), ...ticketsOf(repo, lock, 'd'), ...ticketsOf(repo, GLOBAL, 'a')], []);
      gated.letGo();
      await finished(gated.running);
    });
  }

  test('a signal ends a put that reads stdin, and nothing of it is left', async (t) => {
    const repo = await storeRepo(t);
    const putting = start(repo, ['data', 'put', 'm', 'b'], { stdin: 'open' });
    putting.write('half of it');
    await until('it is staging', () => (existsSync(repo.layout.stagings) && readdirSync(repo.layout.stagings).length > 0 ? true : undefined));
    putting.kill('SIGTERM');
    await finished(putting, 143);
    assert.deepEqual(await versionsOf(repo, 'm', 'b'), []);
  });

  for (const [what, args, point] of [
    ['a delete that sweeps what it removed', ['data', 'delete', 'm', 'a', '--force'], 'sweep.one'],
    ['a model create that clears what others left', ['model', 'create', 'store', 'n'], 'sweep.one'],
    ['a sweep in the middle of a tree', ['datastore', 'sweep'], 'fs.unlink'],
  ] as const) {
    test(`SIGINT ends ${what}: what is left of the trash stays pending, and the exit code is 130`, async (t) => {
      const repo = await storeRepo(t);
      const orphaned = join(repo.layout.trash('00000000-0000-4000-8000-000000000000', 1, 'abcdefabcdef'), 'x');
      mkdirSync(orphaned, { recursive: true });
      for (let i = 0; i < FILES; i++) writeFileSync(join(orphaned, String(i)), 'x');
      utimesSync(dirname(orphaned), 1, 1);
      const points = new Pauses(repo, [point]);
      const sweeping = start(repo, args, { env: points.env });
      await points.at(point, sweeping);
      sweeping.kill('SIGINT');
      points.go(point);
      await finished(sweeping, 130);
      assert.ok(existsSync(orphaned) && readdirSync(orphaned).length > 0, 'the whole tree has gone');
      assert.deepEqual(heldLocks(repo), []);
      await run(repo, ['datastore', 'sweep']);
    });
  }

  test('a second signal ends a command at once, and its lock is released all the same', async (t) => {
    const repo = await storeRepo(t, 'allowed');
    const points = new Pauses(repo, ['write.entered']);
    const stuck = start(repo, ['data', 'put', 'm', 'a'], { stdin: 'x', env: points.env });
    await points.at('write.entered', stuck);
    assert.deepEqual(heldLocks(repo), ['data']);
    stuck.kill('SIGTERM');
    stuck.kill('SIGINT');
    await finished(stuck, [143, 130]);
    assert.deepEqual(heldLocks(repo), []);
  });
});

test('a second signal does not leave the method behind that runs under the lock, also one that heeds no signal', withProc, async (t) => {
  const repo = await gatedRepo(t, 'allowed');
  const gated = startGated(repo, 'p');
  gated.letGo('trap "" TERM INT; touch "$GATE/deaf"; sleep 300');
  await gated.has('deaf');
  gated.running.kill('SIGTERM');
  gated.running.kill('SIGINT');
  await finished(gated.running, [143, 130]);
  await until('all its processes are gone', () => markedProcesses(repo.base).length === 0);
  assert.deepEqual(heldLocks(repo), []);
});

async function storeRepo(t: Parameters<typeof tempRepo>[0], pending?: 'allowed'): Promise<TestRepo> {
  const repo = await tempRepo(t, pending === undefined ? {} : { pending });
  await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'seed');
  return repo;
}

/** As storeRepo, and a gated model `p` that has run once. */
async function gatedRepo(t: Parameters<typeof tempRepo>[0], pending?: 'allowed'): Promise<TestRepo> {
  const repo = await storeRepo(t, pending);
  await createGated(repo, 'p');
  await runGated(repo, 'p');
  return repo;
}
