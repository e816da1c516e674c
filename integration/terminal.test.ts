/** What a person at a terminal sees: progress that leaves nothing behind, whole questions, help that fits the window. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext } from 'node:test';
import { COMMANDS } from '../src/cli/table.js';
import { buildMutant } from './support/mutant.js';
import { type TestRepo, tempRepo } from './support/repo.js';
import { sampled, sampledTest } from './support/scale.js';
import { finished, run, start } from './support/swamp.js';
import { onTerminal, screenOf, startOnTerminal } from './support/terminal.js';

const test = sampledTest(2);

/** More than is read at once, by every reader. Bytes. */
const LARGE = 3_000_000;

/** The program, but it shows progress from the first report on. */
const EAGER = [
  { file: 'cli/progress.ts', from: 'const SILENT_MS = 500;', to: 'const SILENT_MS = 0;' },
  { file: 'cli/progress.ts', from: 'const INTERVAL_MS = 100;', to: 'const INTERVAL_MS = 0;' },
  { file: 'backup/verify/verify.ts', from: 'const TURN_MS = 50;', to: 'const TURN_MS = 0;' },
  { file: 'store/check/checker.ts', from: 'const BREATH_MS = 50;', to: 'const BREATH_MS = 0;' },
  { file: 'backup/restore/stage.ts', from: 'const TELL_EVERY_MS = 200;', to: 'const TELL_EVERY_MS = 0;' },
];

describe('progress', onTerminal, () => {
  const directory = mkdtempSync(join(tmpdir(), 'swamp-mutant-'));
  let bin: string;
  before(async () => {
    bin = await buildMutant(directory, EAGER);
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  /** With a model `m` that has one large artifact, `big`. */
  async function eagerRepo(t: TestContext): Promise<TestRepo> {
    const repo = await tempRepo(t, { bin });
    writeFileSync(join(repo.base, 'file'), Buffer.alloc(LARGE));
    await run(repo, ['data', 'put', 'm', 'big', join(repo.base, 'file'), '--create']);
    return repo;
  }

  test('of one large content says how much of how much, how fast and how long still, and is gone in the end', async (t) => {
    const repo = await eagerRepo(t);
    const [file, backup, archive] = [join(repo.base, 'file'), join(repo.base, 'backup'), join(repo.base, 'backup.tar.gz')];
    const BYTES = String.raw`[0-9.]+ [kM]B of 3\.0 MB, [0-9.]+ [kMG]?B/s, \d+ (s|min) left`;
    const works: readonly (readonly [verb: string, args: readonly string[], expected: string])[] = [
      ['Stored', ['data', 'put', 'm', 'more', file], BYTES],
      ['Verified', ['data', 'get', 'm', 'big', '--verify', '--metadata'], BYTES],
      ['Verified', ['data', 'get', 'm', 'big', '--verify', '-o', join(repo.base, 'out')], BYTES],
      ['Wrote', ['data', 'get', 'm', 'big', '-o', join(repo.base, 'out')], BYTES],
      ['Copied', ['backup', 'create', backup, '--exclude', 'm/more'], `[01] of 1 version, ${BYTES}`],
      ['Verified', ['backup', 'verify', backup], String.raw`\d files?, ${BYTES}`],
      ['Packed', ['backup', 'pack', backup, archive], String.raw`\d files?, ${BYTES}`],
      ['Restored', ['backup', 'restore', backup, '--mode', 'replace', '--force'], String.raw`\d files?, ${BYTES}`],
      ['Checked', ['datastore', 'check'], String.raw`\d versions?, \d artifacts?(, [0-9.]+ [kM]B)?(, [0-9.]+ [kMG]?B/s)?`],
    ];
    for (const [verb, args, expected] of works) {
      const { stdout } = await finished(startOnTerminal(repo, args));
      assert.match(stdout, new RegExp(`${verb} ${expected}\r\n`), args.join(' '));
      assert.doesNotMatch(screenOf(stdout).join('\n'), /B\/s/, args.join(' '));
    }
  });

  test('is shown to a person only: nothing with --quiet or --json, nothing of short work elsewhere', async (t) => {
    const repo = await eagerRepo(t);
    for (const flag of ['--quiet', '--json']) {
      const { stdout } = await finished(startOnTerminal(repo, ['data', 'get', 'm', 'big', '--verify', '--metadata', flag]));
      assert.doesNotMatch(stdout, /Verified/, flag);
    }
    assert.equal((await run(repo, ['data', 'get', 'm', 'big', '--verify', '--metadata'])).stderr, '');
  });

  test('leaves nothing on the line of a person who types Ctrl-C', async (t) => {
    const repo = await eagerRepo(t);
    const fifo = join(repo.base, 'fifo');
    assert.equal(spawnSync('mkfifo', [fifo], { timeout: 10_000 }).status, 0);
    // The shell keeps the other end of the pipe open, and goes on after the signal.
    const waiting = startOnTerminal(repo, `trap : INT; exec 3<>'${fifo}'; echo content >&3; swamp data put m a '${fifo}'; echo END $?`);
    await waiting.says(/Stored 8 B/);
    waiting.write('\u0003');
    assert.deepEqual(screenOf((await finished(waiting)).stdout), ['END 130']);
  });

  test('does not erase a question, and a question does not leave progress above it', async (t) => {
    const repo = await eagerRepo(t);
    const dir = join(repo.base, 'backup');
    await run(repo, ['backup', 'create', dir]);
    for (const answer of ['n', 'y']) {
      const asked = startOnTerminal(repo, ['backup', 'restore', dir, '--mode', 'replace']);
      await asked.says(/\[y\/N\] /);
      asked.write(`${answer}\n`);
      const [question, ...rest] = screenOf((await finished(asked)).stdout);
      assert.equal(question, `Replace 1 model, 1 artifact and 1 version by 1 model, 1 artifact and 1 version of ${dir}? [y/N] ${answer}`);
      assert.doesNotMatch(rest.join('\n'), /B\/s/);
      assert.match(rest[0] ?? '', answer === 'n' ? /^Nothing was restored\.$/ : /^Restored 1 model/);
    }
  });
});

test('Ctrl-C at a question, and while the terminal is read, ends the line', onTerminal, async (t) => {
  const repo = await tempRepo(t);
  await run(repo, ['data', 'put', 'm', 'a', '--create']);
  const cases = [
    ['data delete m a', /\[y\/N\] /, 'Delete "a" of m, 1 version? [y/N] ^C'],
    ['data put m a', /end with Ctrl-D/, '^C'],
  ] as const;
  for (const [command, says, left] of cases) {
    const waiting = startOnTerminal(repo, `trap : INT; swamp ${command}; echo END $?`);
    await waiting.says(says);
    waiting.write('\u0003');
    assert.deepEqual(screenOf((await finished(waiting)).stdout).slice(-2), [left, 'END 130'], command);
  }
});

test('help fits the window, and breaks neither a command nor a flag', onTerminal, async (t) => {
  const repo = await tempRepo(t);
  const whole = (await finished(start(repo, ['data', '--help']))).stdout.match(/^ {2}swamp( [a-z]+)+( [A-Z[\]-]+)*/gm) ?? [];
  assert.equal(whole.length, COMMANDS.filter(({ verb }) => verb.startsWith('data ')).length);
  for (const columns of [60, 80]) {
    for (const topic of sampled(['', 'data', 'data put', 'backup create', 'datastore check'], 2)) {
      const { stdout } = await finished(startOnTerminal(repo, `stty cols ${columns}; swamp ${topic} --help`));
      const lines = screenOf(stdout);
      for (const line of lines) assert.ok(line.length <= columns, `${columns} columns: ${line}`);
      if (topic === 'data')
        for (const command of whole)
          assert.ok(
            lines.some((line) => `${line}  `.startsWith(`${command}  `)),
            `${columns} columns: ${command}`,
          );
      if (topic === 'backup create') assert.match(lines.join('\n'), /^ {6}--include-incomplete-uploads( |$)/m);
    }
  }
});
