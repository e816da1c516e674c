/** Who reads what a method prints may fall behind, or go away: the program holds no more than a little of it, and goes on. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, closeSync, constants, existsSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { createModel, heldLocks, type TestRepo, tempRepo } from './support/repo.js';
import { finished, launch, type Running, runJson } from './support/swamp.js';
import { until } from './support/until.js';

const MIB = 1024 * 1024;
/** What a pipe of Linux holds. */
const PIPE = 64 * 1024;
/** Far more than pipes and buffers on the way hold. */
const MUCH = 64 * MIB;
const PRINTS = `echo $$ >pid; head -c ${MUCH} /dev/zero; touch printed`;

/** A pipe in place of stderr; the test has it open, and reads when it wants to. */
function stderrPipe(repo: TestRepo): { readonly path: string; readonly file: number } {
  const path = join(repo.base, 'stderr');
  execFileSync('mkfifo', [path], { timeout: 10_000 });
  return { path, file: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK) };
}

function startInto(repo: TestRepo, path: string, args: readonly string[]): Running {
  return launch(repo, 'sh', ['-c', `exec "$0" "$@" 2>'${path}'`, process.execPath, repo.bin, ...args], { timeoutMs: 60_000 });
}

/** Reads on until the program has ended as expected. */
async function readOut(file: number, running: Running, expect: number): Promise<void> {
  const reader = new Socket({ fd: file, readable: true, writable: false }).resume();
  await finished(running, expect);
  reader.destroy();
}

/** What the log of the run has so far: each chunk goes there before it is shown. */
function stagedBytes({ layout }: TestRepo): number {
  if (!existsSync(layout.stagings)) return 0;
  const files = readdirSync(layout.stagings, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('/content'));
  return files.reduce((sum, path) => sum + statSync(join(layout.stagings, path)).size, 0);
}

async function isGone(repo: TestRepo): Promise<void> {
  await until('the command has begun', () => existsSync(join(repo.dir, 'pid')) && readFileSync(join(repo.dir, 'pid'), 'utf8') !== '');
  const pid = Number(readFileSync(join(repo.dir, 'pid'), 'utf8'));
  await until('the command has ended', () => !existsSync(`/proc/${pid}`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
}

const LINUX = { skip: process.platform === 'linux' ? false : 'looks at /proc' };

for (const [what, args, expect] of [
  ['a method', ['model', 'run', 'm', '--timeout', '2000'], 1],
  ['a teardown', ['model', 'delete', 'm', '--force'], 1],
] as const) {
  test(`what ${what} prints waits for a reader who stands still: it does not pile up, and the time limit ends it`, LINUX, async (t) => {
    const repo = await tempRepo(t, { pending: 'allowed' });
    await runJson(repo, ['model', 'create', 'command/shell', 'm', '--run', PRINTS, '--delete-run', PRINTS]);
    // `timeout` beside the last `run`, which is that of `delete`.
    const definition = join(repo.dir, 'models/command/shell/m.yaml');
    appendFileSync(definition, `${/^ *(?=run:)/m.exec(readFileSync(definition, 'utf8'))?.[0] ?? ''}timeout: 2000\n`);
    const { path, file } = stderrPipe(repo);
    const running = startInto(repo, path, args);
    await isGone(repo);
    assert.equal(existsSync(join(repo.dir, 'printed')), false, 'everything was taken although nobody read it');
    await until('the locks are released, though nobody reads', () => heldLocks(repo).length === 0);
    await readOut(file, running, expect);
  });
}

test('SIGINT ends a method whose reader stands still, and the program: nobody is waited for', LINUX, async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm', PRINTS);
  const { path, file } = stderrPipe(repo);
  const running = startInto(repo, path, ['model', 'run', 'm']);
  await until('more is printed than the pipe takes', () => stagedBytes(repo) > PIPE);
  running.kill('SIGINT');
  await finished(running, 130);
  closeSync(file);
  await isGone(repo);
  assert.deepEqual(heldLocks(repo), []);
});

test('a method whose reader goes away runs to its end, and its log is whole', LINUX, async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm', `echo $$ >pid; while ! test -e go; do sleep 0.01; done; head -c ${MIB} /dev/zero; touch printed`);
  const { path, file } = stderrPipe(repo);
  const running = startInto(repo, path, ['model', 'run', 'm', '--json']);
  await until('the command has begun', () => existsSync(join(repo.dir, 'pid')));
  closeSync(file);
  appendFileSync(join(repo.dir, 'go'), '');
  await finished(running);
  const { size } = await runJson<{ size: number }>(repo, ['data', 'get', 'm', 'log']);
  assert.deepEqual([existsSync(join(repo.dir, 'printed')), size], [true, MIB]);
});
