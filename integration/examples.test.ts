/** The programs of examples/ do what they say, several at once where they are made for that. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { openRepo } from '../src/index.js';
import { type TestRepo, tempRepo } from './support/repo.js';
import { sampledTest } from './support/scale.js';
import { finished, launch, type Result, ROOT } from './support/swamp.js';

const test = sampledTest(2);

const TIMEOUT_MS = 60_000;

const PROGRAMS: Readonly<Record<string, string>> = { '.sh': 'sh', '.bash': 'bash', '.py': 'python3' };

/** Runs examples/<name> in the repository, by what its name ends with; the other ones with Node. */
function example(repo: TestRepo, name: string, ...args: string[]): Promise<Result> {
  const program = PROGRAMS[extname(name)] ?? process.execPath;
  return finished(launch(repo, program, [join(ROOT, 'examples', name), ...args], { timeoutMs: TIMEOUT_MS }));
}

test('the counters lose no increment, those in sh beside those in Node, each way by itself', async (t) => {
  const repo = await tempRepo(t);
  for (const way of ['counter', 'counter-exec']) {
    const values = await Promise.all(['sh', 'mjs', 'sh', 'mjs'].map((kind) => example(repo, `${way}.${kind}`, 'counts', way)));
    assert.deepEqual(values.map(({ stdout }) => Number(stdout)).sort(), [1, 2, 3, 4], way);
  }
});

test('each job of the queue is run by one of two workers, once', async (t) => {
  const repo = await tempRepo(t);
  for (const letter of ['a', 'b', 'c']) await example(repo, 'job-queue.sh', 'add', 'jobs', `echo ${letter} >> done`);
  await Promise.all([1, 2].map(() => example(repo, 'job-queue.sh', 'work', 'jobs')));
  assert.deepEqual(readFileSync(join(repo.dir, 'done'), 'utf8').split('\n').filter(Boolean).sort(), ['a', 'b', 'c']);
});

test('the cache runs the command once for each key', async (t) => {
  const repo = await tempRepo(t);
  const cached = async (): Promise<string> => (await example(repo, 'ci-cache.sh', 'cache', 'lock', 'out', 'sh', '-c', 'cp lock out; echo ran >> runs')).stdout;
  writeFileSync(join(repo.dir, 'lock'), 'one');
  assert.match(await cached(), /^miss /);
  writeFileSync(join(repo.dir, 'out'), 'stale');
  assert.match(await cached(), /^hit /);
  assert.equal(readFileSync(join(repo.dir, 'out'), 'utf8'), 'one');
  writeFileSync(join(repo.dir, 'lock'), 'two');
  assert.match(await cached(), /^miss /);
  assert.equal(readFileSync(join(repo.dir, 'runs'), 'utf8'), 'ran\nran\n');
});

test('the notebook keeps every note, and reads the newest of each topic', async (t) => {
  const repo = await tempRepo(t);
  for (const note of ['first', 'second']) await example(repo, 'notebook.mjs', 'write', 'plan', note, 'by=me');
  assert.equal((await example(repo, 'notebook.mjs', 'read')).stdout, 'plan: second\n');
  const { stdout } = await example(repo, 'notebook.mjs', 'read', 'plan');
  assert.match(stdout, /second\n.*first\n/);
});

for (const name of ['session.bash', 'session.py', 'session.mjs']) {
  const command = PROGRAMS[extname(name)] ?? process.execPath;
  const { error } = spawnSync(command, ['--version'], { timeout: TIMEOUT_MS });
  test(`${name} puts many values through one session, and reads the last`, { skip: error !== undefined && `${command} is missing` }, async (t) => {
    const repo = await tempRepo(t);
    assert.equal((await example(repo, name, 'values', '60')).stdout, 'value 60\n');
    assert.equal((await openRepo(repo.dir).data.list({ model: 'values' })).total, name === 'session.bash' ? 60 : 61);
  });
}
