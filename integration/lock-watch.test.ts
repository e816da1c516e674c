/** `datastore lock status --watch`: who holds what and who waits, live, on a terminal, as lines, as documents; it takes no lock and wakes by itself (L11). */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { Pauses } from './support/failpoints.js';
import { createGated, startGated } from './support/gated.js';
import { createModel, entryOf, heldLocks, put, type TestRepo, tempRepo } from './support/repo.js';
import { sampledTest } from './support/scale.js';
import { snapshot } from './support/snapshot.js';
import { finished, launch, MARK, type Running, start } from './support/swamp.js';
import { until } from './support/until.js';

const test = sampledTest(2);

const WATCH = ['datastore', 'lock', 'status', '--watch'] as const;

interface Look {
  readonly at: string;
  readonly locks: readonly {
    readonly lock: string;
    readonly verdict: string;
    readonly waiters: readonly { readonly kind: string; readonly command: string }[];
  }[];
}

function looksOf({ stdout }: Running): Look[] {
  return stdout()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Look);
}

/** When the holder of the run fence last showed that it lives. Milliseconds. */
function heartbeat(repo: TestRepo, modelId: string): number {
  const lock = { kind: 'run', modelId } as const;
  return statSync(join(repo.layout.fence(lock), entryOf(repo, lock)?.name ?? '-')).mtimeMs;
}

describe('where stdout is no terminal', () => {
  test('--json prints one document for each change, at once, and nothing while nothing changes', async (t) => {
    const repo = await tempRepo(t);
    const modelId = await createGated(repo, 'm');
    await put(repo, 'm', 'a', 'x');
    const watching = start(repo, [...WATCH, '--json'], { timeoutMs: 40_000 });
    await until('the first look is told', () => looksOf(watching).length === 1);
    assert.deepEqual(looksOf(watching)[0]?.locks, []);
    const gate = startGated(repo, 'm', [], { env: { SWAMP_LOCK_TTL_MS: '2000' } });
    await until('the run is told', () => looksOf(watching).at(-1)?.locks[0]?.lock === 'run');
    const deleter = start(repo, ['data', 'delete', 'm', 'a', '--force']);
    await until('who waits for it is told', () => looksOf(watching).at(-1)?.locks[0]?.waiters[0]?.command === 'data delete m a');
    assert.equal(looksOf(watching).at(-1)?.locks[0]?.waiters[0]?.kind, 'drain');
    const told = looksOf(watching).length;
    const first = heartbeat(repo, modelId);
    await until('two heartbeats have passed', () => heartbeat(repo, modelId) > first + 1_000);
    assert.equal(looksOf(watching).length, told, 'something was told although nothing changed');
    gate.letGo();
    await finished(gate.running);
    await finished(deleter);
    await until('the end is told', () => looksOf(watching).at(-1)?.locks.length === 0);
    watching.kill('SIGINT');
    const { stderr } = await finished(watching, 130);
    assert.equal(stderr, '');
    for (const { at } of looksOf(watching)) assert.ok(!Number.isNaN(Date.parse(at)));
  });

  test('a line is printed for each fact that comes true or ceases to be', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const watching = start(repo, WATCH);
    await watching.says(/ {3}No lock is held\.\n/);
    const points = new Pauses(repo, ['write.entered']);
    const writer = start(repo, ['data', 'put', 'm', 'a'], { stdin: 'x', env: points.env });
    await watching.says(/Z \+ data of m: held by "data put m a" \(pid \d+ on .*\), live\n/);
    const structural = start(repo, ['data', 'delete', 'm', 'a', '--force']);
    await watching.says(/Z \+ data of m: "data delete m a" \(pid \d+ on .*\) waits for its holder to end since /);
    points.go('write.entered');
    await finished(writer);
    await finished(structural);
    await watching.says(/Z - data of m: held by "data put m a"/);
    watching.kill('SIGTERM');
    await finished(watching, 143);
  });

  test('a reader that goes away ends it with 141', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const piped = launch(repo, 'bash', ['-c', `swamp ${WATCH.join(' ')} --json | head -n 1 >first; echo "\${PIPESTATUS[0]}"`]);
    await until('the reader has gone', () => readFirst(repo).endsWith('\n'));
    // The next change finds nobody.
    const points = new Pauses(repo, ['write.entered']);
    const writer = start(repo, ['data', 'put', 'm', 'a'], { stdin: 'x', env: points.env });
    await points.at('write.entered', writer);
    assert.equal((await finished(piped)).stdout, '141\n');
    points.go('write.entered');
    await finished(writer);
  });
});

function readFirst({ dir }: TestRepo): string {
  try {
    return readFileSync(join(dir, 'first'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

test('watching takes no lock, writes nothing, and a read-only repository is watched, too', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'x');
  const before = snapshot(repo.dir);
  const watching = start(repo, [...WATCH, '--read-only']);
  await watching.says(/No lock is held/);
  assert.deepEqual(heldLocks(repo), []);
  assert.deepEqual(snapshot(repo.dir), before);
  watching.kill('SIGINT');
  await finished(watching, 130);
});

const tmux = spawnSync('tmux', ['-V'], { timeout: 10_000 });
const inWindow = { skip: tmux.status === 0 ? false : 'tmux is not installed' };

interface Window {
  type(...keys: string[]): void;
  resize(columns: number, rows: number): void;
  /** What stands in it now. */
  text(): string;
  /** `on` while the second screen shows, and whether there is a cursor. */
  state(): { readonly screen: 'first' | 'second'; readonly cursor: boolean };
}

/** A terminal of its own, with a shell in it, in which `swamp` is the program under test. */
function openWindow(repo: TestRepo, columns: number, rows: number): Window {
  const socket = join(repo.base, 'tmux');
  // The server outlives its socket: it ends as every process of the test, by its mark.
  const env = { ...process.env, [MARK]: repo.base };
  const call = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], { encoding: 'utf8', timeout: 10_000, env });
    assert.equal(status, 0, `tmux ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const environment = ['-u', 'NO_COLOR', `PATH=${repo.path}:${process.env['PATH']}`, 'PS1=> '];
  call('new-session', '-d', '-x', String(columns), '-y', String(rows), '-c', repo.dir, 'env', ...environment, 'sh');
  return {
    type: (...keys) => void call('send-keys', ...keys),
    resize: (width, height) => void call('resize-window', '-x', String(width), '-y', String(height)),
    text: () => call('capture-pane', '-p'),
    state: () => {
      const [screen, cursor] = call('display-message', '-p', '#{alternate_on} #{cursor_flag}').trim().split(' ');
      return { screen: screen === '1' ? 'second' : 'first', cursor: cursor === '1' };
    },
  };
}

describe('on a terminal', () => {
  for (const [columns, rows] of [
    [40, 16],
    [200, 30],
  ] as const) {
    test(`of ${columns} columns it is redrawn in place, follows the window, and leaves the terminal as it was`, { ...inWindow, timeout: 60_000 }, async (t) => {
      const repo = await tempRepo(t);
      await createGated(repo, 'nightly');
      await put(repo, 'nightly', 'totals', 'x');
      const gate = startGated(repo, 'nightly');
      await gate.begun();
      const deleter = start(repo, ['data', 'delete', 'nightly', 'totals', '--force']);
      const window = openWindow(repo, columns, rows);
      const shows = (pattern: RegExp): Promise<unknown> => until(`the window shows ${pattern}`, () => pattern.test(window.text()), { detail: window.text });
      const fits = (width: number): void => {
        for (const line of window.text().split('\n')) assert.ok([...line].length <= width, line);
      };
      await shows(/^>/);
      window.type(`swamp ${WATCH.join(' ')}`, 'Enter');
      await shows(/1 lock held \(1 live\); 1 waits.*run of nightly.*held.*<- "data delete nightly totals".*q quits/s);
      assert.deepEqual(window.state(), { screen: 'second', cursor: false });
      fits(columns);
      if (columns > 100) assert.match(window.text(), /LOCK +STATE +VERDICT +COMMAND +HOLDER +AGE +HEARTBEAT/);
      else assert.match(window.text(), /run of nightly: held, live\n {2}by "model method run nightly execute"\n/);
      window.resize(60, 7);
      await shows(/and \d+ more lines: the window is too low\n+q quits/);
      fits(60);
      window.resize(columns, rows);
      await shows(/<- "data delete nightly totals".*q quits/s);
      gate.letGo();
      await finished(gate.running);
      await finished(deleter);
      await shows(/^No lock is held\./);
      window.type(columns > 100 ? 'C-c' : 'q');
      await until('the first screen is back', () => window.state().screen === 'first');
      window.type('echo "ended with $?"', 'Enter');
      await shows(columns > 100 ? /^ended with 130/m : /^ended with 0/m);
      assert.deepEqual(window.state(), { screen: 'first', cursor: true });
      assert.match(window.text(), /No lock is held\.\n/);
      // The keys reach the shell again.
      window.type('echo $((6 * 7))', 'Enter');
      await shows(/^42$/m);
    });
  }

  test('it stops and goes on like any job, and a SIGTERM gives the terminal back', { ...inWindow, timeout: 60_000 }, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const window = openWindow(repo, 80, 20);
    const shows = (pattern: RegExp): Promise<unknown> => until(`the window shows ${pattern}`, () => pattern.test(window.text()), { detail: window.text });
    await shows(/^>/);
    window.type('set -m', 'Enter', `swamp ${WATCH.join(' ')}; echo "ended with $?"`, 'Enter');
    await shows(/No lock is held.*q quits/s);
    window.type('C-z');
    await shows(/[Ss]topped/);
    assert.deepEqual(window.state(), { screen: 'first', cursor: true });
    window.type('fg', 'Enter');
    await shows(/No lock is held.*q quits/s);
    assert.deepEqual(window.state(), { screen: 'second', cursor: false });
    window.type('q');
    await until('the first screen is back', () => window.state().screen === 'first');
    window.type(`sh -c 'echo $$ >pid; exec swamp ${WATCH.join(' ')}'; echo "ended with $?"`, 'Enter');
    await shows(/No lock is held.*q quits/s);
    process.kill(Number(readFileSync(join(repo.dir, 'pid'), 'utf8')), 'SIGTERM');
    await shows(/ended with 143/);
    assert.deepEqual(window.state(), { screen: 'first', cursor: true });
  });
});
