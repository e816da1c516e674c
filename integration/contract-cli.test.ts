/** The conventions of every command, on the program as it is shipped: what goes where, exit codes, prompts, signals, a reader that goes away. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext } from 'node:test';
import { brokenRepo } from './support/broken.js';
import { refused, toldError } from './support/refused.js';
import { contentOf, createModel, heldLocks, put, type TestRepo, tempRepo, versionsOf } from './support/repo.js';
import { sampledTest } from './support/scale.js';
import { finished, launch, type Result, type Running, run, runJson, start } from './support/swamp.js';
import { onTerminal, startOnTerminal } from './support/terminal.js';
import { until } from './support/until.js';

const test = sampledTest(2);

/** More than a pipe holds. Bytes. */
const LARGE = 1_000_000;

/** A command of the shell, in which `swamp` is the program under test. */
function shell(repo: TestRepo, command: string): Promise<Result> {
  return finished(launch(repo, 'bash', ['-c', command]));
}

describe('a command that fails', () => {
  test('tells one error, as JSON or in words, and prints nothing', async (t) => {
    const repo = await tempRepo(t);
    await put2(repo);
    await refused(repo, ['data', 'fly'], 'usage');
    await refused(repo, ['data', 'get', 'm'], 'usage');
    await refused(repo, ['data', 'get', 'm', 'a', '--nope'], 'usage');
    await refused(repo, ['data', 'get', 'm', 'a', '--version', 'two'], 'usage');
    await refused(repo, ['data', 'put', 'm', 'a', '--tag', 'novalue'], 'usage');
    await refused(repo, ['repo', 'info', '--log-level', 'loud'], 'usage');
    await refused(repo, ['repo', 'info', '--lock-timeout', '-1'], 'usage');
    await refused(repo, ['data', 'put', 'new', 'a', '--create', '--expect-version', '5'], 'conflict');
    await refused(repo, ['model', 'get', 'new'], 'model_not_found');
    await refused(repo, ['data', 'get', 'm', 'b'], 'data_not_found');
    await refused(repo, ['data', 'get', 'm', 'a', '--version', '9'], 'version_not_found');
    await refused(repo, ['data', 'get', 'none', 'a'], 'model_not_found');
    await refused(repo, ['repo', 'info', '--repo-dir', repo.base], 'not_a_repo');
    await refused(repo, ['data', 'put', 'm', ''], 'usage');
    await refused(repo, ['data', 'put', 'm', 'a', '--read-only'], 'read_only');
    await refused(repo, ['repo', 'init', join(repo.base, 'other'), '--read-only'], 'read_only');
    assert.equal(existsSync(join(repo.base, 'other')), false);
    const words = await run(repo, ['data', 'gte', 'm', 'a'], { expect: 64 });
    assert.equal(words.stdout, '');
    assert.equal(words.stderr, 'swamp: There is no command "data gte".\nhint: Did you mean "data get"? See "swamp data --help".\n');
  });

  test('shows a stack with --verbose only', async (t) => {
    const repo = await tempRepo(t);
    const quiet = await run(repo, ['data', 'get', 'm', 'a'], { expect: 66 });
    assert.doesNotMatch(quiet.stderr, /\n {4}at /);
    const verbose = await run(repo, ['data', 'get', 'm', 'a', '--verbose', '--json'], { expect: 66 });
    assert.match(verbose.stderr, /\n {4}at .*src\/.*\.ts:/);
    assert.match(verbose.stderr, /\n\{"error":.*\}\n$/);
  });

  test('suggests the artifact that was meant, to a command that reads and to no other', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    for (const name of ['greeting', 'Grüße/an alle', 'x'.repeat(300)]) await put(repo, 'm', name, 'content');
    const cases = [
      [['get', 'm', 'grteing'], 'greeting'],
      [['versions', 'm', 'greetin'], 'greeting'],
      [['get', 'm', 'Grüsse/an alle'], 'Grüße/an alle'],
      [['get', 'm', 'weather'], undefined],
      [['get', 'm', 'x'.repeat(299)], undefined],
      [['delete', 'm', 'grteing', '--force'], undefined],
      [['rename', 'm', 'grteing', 'other'], undefined],
    ] as const;
    for (const [args, meant] of cases) {
      const { hint } = await refused(repo, ['data', ...args], 'data_not_found');
      assert.equal(hint, `${meant === undefined ? '' : `Did you mean "${meant}"? `}List what there is with "swamp data list".`, args.join(' '));
    }
  });

  test('on half a verb shows the help of the group, on stderr', async (t) => {
    const repo = await tempRepo(t);
    const { stdout, stderr } = await run(repo, ['data'], { expect: 64 });
    assert.equal(stdout, '');
    assert.match(stderr, /swamp data get MODEL NAME/);
    await refused(repo, ['data'], 'usage');
  });

  test('leaves no trace of a FILE that cannot be read', async (t) => {
    const repo = await tempRepo(t);
    await refused(repo, ['data', 'put', 'new', 'a', join(repo.base, 'none'), '--create'], 'io');
    const directory = await refused(repo, ['data', 'put', 'new', 'a', repo.base, '--create'], 'io');
    assert.equal(directory.data['errno'], 'EISDIR');
    const { total } = await runJson<{ total: number }>(repo, ['model', 'list']);
    assert.equal(total, 0);
  });
});

test('a command that waits for what never comes ends as a bug, not as done', async (t) => {
  const repo = await brokenRepo(t, {
    file: 'operations/repo-info.ts',
    from: 'await modelsOrWarn(repo)',
    to: 'await new Promise<never>(() => modelsOrWarn)',
  });
  const { stdout } = await run(repo, ['repo', 'info'], { expect: 70 });
  assert.equal(stdout, '');
});

describe('help and version', () => {
  test('go to stdout and end with 0', async (t) => {
    const repo = await tempRepo(t);
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    assert.deepEqual(pick(await run(repo, ['--version'])), { stdout: `${version}\n`, stderr: '' });
    assert.deepEqual(pick(await run(repo, ['repo', 'info', '--version'])), { stdout: `${version}\n`, stderr: '' });
    for (const args of [[], ['--help'], ['data', '-h'], ['data', 'get', '--help']]) {
      const { stdout, stderr } = await run(repo, args, { cwd: repo.base });
      assert.match(stdout, /^swamp .*COMMAND|^swamp data get MODEL NAME/);
      assert.equal(stderr, '');
    }
  });
});

describe('names and values', () => {
  test('reach the store as they were given', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const names = ['--json', '--', 'true', '007', '-5', "'q'", 'a\nb', '🐊', 'A', 'a', '../up', '..'];
    for (const name of names) await run(repo, ['data', 'put', '--', 'm', name], { stdin: name });
    for (const name of names) assert.equal(await contentOfName(repo, name), name);
    const { groups, total } = await runJson<{ groups: { items: { name: string }[] }[]; total: number }>(repo, ['data', 'list', 'm']);
    assert.equal(total, names.length);
    assert.deepEqual(new Set(groups.flatMap(({ items }) => items.map(({ name }) => name))), new Set(names));
    const people = await run(repo, ['data', 'list', 'm']);
    assert.match(people.stdout, /a\\nb/);
  });

  test('in place of positionals leave the rest to FILE', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    writeFileSync(join(repo.base, 'file'), 'from a file');
    await run(repo, ['data', 'put', join(repo.base, 'file'), '--name', 'n', '--model', 'm', '--tag', '-k=--v', '--tag', 'l=1']);
    const record = await runJson<{ content: string; tags: object }>(repo, ['data', 'get', 'n', '--model=m']);
    assert.equal(record.content, 'from a file');
    assert.deepEqual(record.tags, { '-k': '--v', l: '1' });
  });

  test('that are no UTF-8 come as base64 in JSON, and as they are otherwise', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x0a]);
    writeFileSync(join(repo.base, 'bytes'), bytes);
    await run(repo, ['data', 'put', 'm', 'a', join(repo.base, 'bytes')]);
    const record = await runJson<{ content: string; contentEncoding?: string }>(repo, ['data', 'get', 'm', 'a']);
    assert.equal(record.contentEncoding, 'base64');
    assert.deepEqual(Buffer.from(record.content, 'base64'), bytes);
    await run(repo, ['data', 'get', 'm', 'a', '-o', join(repo.base, 'out')]);
    assert.deepEqual(readFileSync(join(repo.base, 'out')), bytes);
    await put(repo, 'm', 'text', '\ufeffä\n');
    assert.equal((await runJson<{ content: string }>(repo, ['data', 'get', 'm', 'text'])).content, '\ufeffä\n');
  });
});

describe('a destructive command', () => {
  test('refuses where there is no terminal, whether there is something to delete or not', async (t) => {
    const repo = await tempRepo(t);
    await put2(repo);
    for (const args of [['a'], ['nothing'], ['--all'], ['--prefix', 'x']]) {
      const { hint } = await refused(repo, ['data', 'delete', 'm', ...args], 'usage');
      assert.match(hint ?? '', /--force/);
    }
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1, 2]);
    await run(repo, ['data', 'delete', 'm', 'a', '--dry-run', '--read-only']);
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1, 2]);
    await run(repo, ['data', 'delete', 'm', 'a', '--version', '1', '-y']);
    await run(repo, ['data', 'delete', 'm', 'a', '-f']);
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), []);
  });

  test('asks on a terminal, and takes nothing but y and yes for a yes', onTerminal, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    for (const answer of ['n\n', '\n', 'yesterday\n', '\u0004', 'y\n', 'YES\n']) {
      const agreed = /^y(es)?\n$/i.test(answer);
      const { version } = await put(repo, 'm', 'a', 'content');
      const asked = startOnTerminal(repo, ['data', 'delete', 'm', 'a', '--json']);
      await asked.says(/\[y\/N\]/);
      asked.write(answer);
      const { stdout } = await finished(asked);
      const result = JSON.parse(/\{.*\}/.exec(stdout)?.[0] ?? '') as { cancelled?: boolean; versionsDeleted: number };
      assert.equal(result.cancelled, agreed ? undefined : true, JSON.stringify(answer));
      assert.equal(result.versionsDeleted > 0, agreed);
      assert.equal((await versionsOf(repo, 'm', 'a')).includes(version), !agreed);
    }
  });

  test('holds no lock while it waits for the answer, and goes back on what was not shown', onTerminal, async (t) => {
    const repo = await tempRepo(t);
    await put2(repo);
    const asked = startOnTerminal(repo, ['data', 'delete', 'm', 'a', '--json']);
    await asked.says(/\[y\/N\]/);
    assert.deepEqual(heldLocks(repo), []);
    await put(repo, 'm', 'a', 'three');
    asked.write('y\n');
    const { stdout } = await finished(asked, 73);
    assert.match(stdout, /"code":"conflict"/);
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1, 2, 3]);
  });

  test('asks nothing on a terminal when there is nothing to delete', onTerminal, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const { stdout } = await finished(startOnTerminal(repo, ['data', 'delete', 'm', 'never']), 66);
    assert.doesNotMatch(stdout, /\[y\/N\]/);
  });

  test('takes what never existed for deleted with --if-exists', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    for (const args of [
      ['data', 'delete', 'm', 'never'],
      ['data', 'delete', 'm', 'never', '--version', '3'],
      ['data', 'delete', 'm', 'never', '--dry-run'],
      ['model', 'delete', 'never'],
    ]) {
      await refused(repo, [...args, '--force'], args[0] === 'data' ? 'data_not_found' : 'model_not_found');
      const { alreadyDeleted } = await runJson<{ alreadyDeleted: boolean }>(repo, [...args, '--force', '--if-exists']);
      assert.equal(alreadyDeleted, true, args.join(' '));
    }
    await refused(repo, ['data', 'delete', 'm', 'never', '--if-exists'], 'usage');
  });
});

describe('a signal', () => {
  // At an exit code, even 130, bash takes the signal for handled, and goes on; so do other shells at a prompt.
  for (const command of ['data put m a', 'model exec m -- sh -c "touch working; exec sleep 60"']) {
    test(`of Ctrl-C ends a loop of swamp ${command}`, async (t) => {
      const repo = await tempRepo(t);
      await createModel(repo, 'm');
      const looping = launch(repo, 'bash', ['-c', `for i in 1 2 3; do swamp ${command}; echo "ended with $?"; done`], { stdin: 'open' });
      looping.write('half');
      if (command.startsWith('data')) await staged(repo, looping);
      else await until('the command runs', () => existsSync(join(repo.dir, 'working')), { detail: looping.stderr });
      // As a terminal does: to everything in the foreground.
      process.kill(-looping.pid, 'SIGINT');
      const { stdout, signal } = await looping.exited;
      assert.deepEqual([stdout, signal], ['', 'SIGINT']);
      assert.deepEqual(heldLocks(repo), []);
    });
  }

  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    test(`${name} ends a put that waits for its input, and leaves nothing`, async (t) => {
      const repo = await tempRepo(t);
      await createModel(repo, 'm');
      const putting = start(repo, ['data', 'put', 'm', 'a', '--log-level', 'debug'], { stdin: 'open' });
      putting.write('half');
      await staged(repo, putting);
      putting.kill(name);
      const { stdout, stderr } = await finished(putting, code);
      assert.equal(stdout, '');
      assert.doesNotMatch(stderr, /error|Unexpected|at .*:\d+/i);
      assert.deepEqual(await versionsOf(repo, 'm', 'a'), []);
      assert.deepEqual(heldLocks(repo), []);
    });
  }
});

test('a listing gives names as they are, says on stderr that there is nothing or more, and a dry run says which', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const none = await run(repo, ['data', 'list', 'm']);
  assert.deepEqual([none.stdout, none.stderr], ['', 'No data.\n']);
  for (const name of ['a', 'b\nc', 'd']) await put(repo, 'm', name, 'x');
  assert.equal((await run(repo, ['data', 'list', 'm', '--names', '-0', '--prefix', ''])).stdout, 'a\0b\nc\0d\0');
  assert.equal((await run(repo, ['data', 'list', 'm', '--names', '--after', 'b'])).stdout, 'b\nc\nd\n');
  const limited = await run(repo, ['data', 'list', 'm', '--names', '--limit', '2']);
  assert.deepEqual([limited.stdout, /There is more/.test(limited.stderr)], ['a\nb\nc\n', true]);
  assert.equal((await run(repo, ['data', 'list', 'm', '--limit', '3'])).stderr, '');
  assert.equal((await runJson<{ more: boolean }>(repo, ['data', 'list', '--limit', '2'])).more, true);
  await refused(repo, ['data', 'list', 'm', '-0'], 'usage');
  const { items } = await runJson<{ items: unknown }>(repo, ['data', 'delete', 'm', '--all', '--dry-run']);
  assert.deepEqual(
    items,
    ['a', 'b\nc', 'd'].map((dataName) => ({ dataName, versions: 1 })),
  );
  assert.match((await run(repo, ['data', 'delete', 'm', '--all', '--dry-run'])).stdout, /^Would delete 3 artifacts.*\n {2}a: 1 version\n {2}b\\nc: /);
});

test('--quiet leaves out what only confirms, and nothing that was asked for', async (t) => {
  const repo = await tempRepo(t);
  await put2(repo);
  const quiet: readonly (readonly [args: readonly string[], stdout: RegExp])[] = [
    [['data', 'put', 'm', 'b', '/dev/null'], /^$/],
    [['data', 'rename', 'm', 'b', 'c'], /^$/],
    [['data', 'delete', 'm', 'c', '--dry-run'], /Would delete/],
    [['data', 'delete', 'm', 'c', '--force'], /^$/],
    [['data', 'list', 'm'], /NAME/],
    [['data', 'put', 'm', 'b', '/dev/null', '--json'], /"version":/],
    [['data', 'upload', 'begin', 'm', 'u'], /^\S+\n$/],
  ];
  for (const [args, stdout] of quiet) {
    const told = await run(repo, [...args, '-q']);
    assert.match(told.stdout, stdout, args.join(' '));
    assert.equal(told.stderr, '', args.join(' '));
  }
});

describe('stdout', () => {
  test('that nobody reads any more ends the command with 141, in silence', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    await put(repo, 'm', 'large', 'x'.repeat(LARGE));
    const { stdout, stderr } = await shell(repo, `swamp data get m large | head -c 1; echo " \${PIPESTATUS[0]}"`);
    assert.equal(stdout, 'x 141\n');
    assert.equal(stderr, '');
    assert.equal((await shell(repo, '(sleep 0.3; swamp --version; echo $? >&2) | true')).stderr, '141\n');
    const listed = await shell(repo, '(sleep 0.3; swamp repo info; echo $? >&2) | true');
    assert.equal(listed.stderr, '141\n');
  });

  test('on a full disk is an error, not a short file and exit 0', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    await put(repo, 'm', 'large', 'x'.repeat(LARGE));
    // A limit on the size of files makes writes short, as a full disk does.
    const { stdout, stderr } = await shell(repo, `ulimit -f 100; swamp data get m large --json > '${repo.base}/out'; echo $?`);
    assert.equal(stdout, '74\n');
    assert.match(stderr, /"code":"io"/);
    if (!existsSync('/dev/full')) return;
    for (const command of ['repo info', 'repo info --help', '--version', 'data get m large']) {
      const full = await shell(repo, `swamp ${command} > /dev/full; echo $?`);
      assert.equal(full.stdout, '74\n');
      assert.match(full.stderr, /Standard output cannot be written to \(ENOSPC\)/, command);
    }
    // After the commit it says that there is nothing to repeat, and what was done.
    const stored = await shell(repo, 'echo x | swamp data put m large --json > /dev/full; echo $?');
    assert.equal(stored.stdout, '74\n');
    const error = toldError(stored);
    assert.match(`${error.message} ${error.hint}`, /"data put" is done.*Do not repeat/);
    assert.equal((error.data['result'] as { version: number }).version, 2);
    assert.deepEqual(await versionsOf(repo, 'm', 'large'), [1, 2]);
  });

  test('takes large content whole, through a slow pipe and into a file', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    await put(repo, 'm', 'large', 'x'.repeat(LARGE));
    assert.equal((await shell(repo, 'swamp data get m large | (sleep 0.5; wc -c)')).stdout.trim(), String(LARGE));
    assert.equal((await shell(repo, `swamp data get m large > '${repo.base}/out'; wc -c < '${repo.base}/out'`)).stdout.trim(), String(LARGE));
  });
});

describe('stderr', () => {
  test('gets all that a method prints, however slowly it is read', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm', `head -c ${LARGE} /dev/zero | tr '\\0' x`);
    const { stdout } = await shell(repo, 'swamp model run m 2>&1 >/dev/null | (sleep 1; tr -cd x | wc -c)');
    assert.equal(stdout.trim(), String(LARGE));
  });

  test('that nobody reads any more does not stop the work', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm', 'for i in 1 2 3 4 5; do echo line; sleep 0.1; done');
    const { stdout } = await shell(repo, '{ swamp model run m --json 2>&1 >&3 | true; } 3>&1');
    assert.equal((JSON.parse(stdout) as { status: string }).status, 'succeeded');
    assert.equal(await contentOf(repo, 'm', 'log'), 'line\n'.repeat(5));
  });
});

describe('completion', () => {
  test('offers verbs, flags, models, methods and artifacts', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'store-1');
    await createModel(repo, 'shell-1', 'true');
    await put(repo, 'store-1', 'a/b', 'x');
    await put(repo, 'store-1', 'a\nb', 'x');
    const offered = async (...words: string[]): Promise<string[]> =>
      (await run(repo, ['--complete', ...words])).stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => line.replace(/\t.*/, ''));
    assert.deepEqual(await offered('da'), ['data', 'datastore']);
    assert.deepEqual(await offered('data', 'l'), ['list']);
    assert.deepEqual(await offered('datastore', 'lock', ''), ['status', 'release']);
    assert.deepEqual(await offered('data', 'get', ''), ['shell-1', 'store-1']);
    assert.deepEqual(await offered('data', 'get', 'sto'), ['store-1']);
    assert.deepEqual(await offered('data', 'get', 'store-1', ''), ['a/b']);
    assert.deepEqual(await offered('data', 'get', '--model', 'st'), ['store-1']);
    assert.deepEqual(await offered('data', 'get', '--model', 'store-1', 'a'), ['a/b']);
    assert.deepEqual(await offered('model', 'run', 'shell-1', ''), ['execute']);
    assert.deepEqual(await offered('data', 'delete', 'm', '--dr'), ['--dry-run']);
    assert.deepEqual(await offered('datastore', 'check', '--repa'), ['--repair']);
    assert.deepEqual(await offered('datastore', 'lock', 'status', '--w'), ['--watch']);
    assert.deepEqual(await offered('completion', 'z'), ['zsh']);
    assert.deepEqual(await offered('data', 'get', '--model=st'), ['--model=store-1']);
    assert.deepEqual(await offered('data', 'get', 'store-1', 'a/b', '--version', ''), ['1']);
    assert.deepEqual(await offered('data', 'get', 'store-1', 'a/b', '--version='), ['--version=1']);
    assert.deepEqual(await offered('backup', 'restore', 'dir', '--mode', 'm'), ['merge']);
    assert.deepEqual(await offered('data', 'list', '--log-format', ''), ['text', 'json']);
    assert.deepEqual(await offered('nope', ''), []);
    assert.deepEqual(await offered('data', 'get', 'nope', ''), []);
    assert.deepEqual(await offered('data', 'upload', ''), ['begin', 'part', 'complete', 'abort', 'list']);
    const { uploadId } = await runJson<{ uploadId: string }>(repo, ['data', 'upload', 'begin', 'm', 'x', '--create']);
    assert.deepEqual(await offered('data', 'upload', 'part', ''), [uploadId]);
    assert.equal((await run(repo, ['--complete', 'data', 'get', ''], { cwd: repo.base })).stdout, '');
  });

  test('works in bash: after a quote, after an escape, and behind a "="', async (t) => {
    const repo = await wordyRepo(t);
    const ask = (line: string): string => `COMP_LINE=${quoted(line)}; COMP_POINT=\${#COMP_LINE}; _swamp; printf '%s|' "\${COMPREPLY[@]}"; echo`;
    const { stdout } = await shell(repo, ['source <(swamp completion bash)', ...LINES.map(([line]) => ask(line))].join('\n'));
    assert.deepEqual(
      stdout.split('\n').slice(0, -1),
      LINES.map(([, inBash]) => `${inBash}|`),
    );
  });

  test('says in zsh what a candidate is', installed('zsh'), async (t) => {
    const repo = await wordyRepo(t);
    const ask = (words: string, prefix: string): string => `words=(${words}); CURRENT=$#words; PREFIX=${quoted(prefix)}; _swamp`;
    const { stdout } = await finished(
      launch(repo, 'zsh', [
        '-fc',
        `compdef() { }; _describe() { print -rl -- "\${(P@)2}" }; source <(swamp completion zsh)
         ${ask('swamp dem', 'dem')}; ${ask('swamp data get m two\\\\\\ w', 'two\\ w')}; ${ask('swamp data get m a:', 'a:')}; ${ask('swamp data get --model=m', '--model=m')}`,
      ]),
    );
    assert.equal(stdout, 'demo:Writers against a deleter in a throw-away repository; a verdict\ntwo words\na\\:b\n--model=m\n');
  });

  test('says in fish what a candidate is', installed('fish'), async (t) => {
    const repo = await wordyRepo(t);
    const line = ['dem', 'data get m "tw', 'data get m two\\ w', 'data get --model=m'].map((words) => `complete -C ${quoted(`swamp ${words}`)}`).join('; ');
    const { stdout } = await finished(launch(repo, 'fish', ['--no-config', '-c', `swamp completion fish | source; ${line}`], { env: { HOME: repo.base } }));
    assert.match(stdout, /^demo\tWriters against a deleter in a throw-away repository; a verdict\n/);
    assert.equal(stdout.match(/^("?)two(\\)? words"?$/gm)?.length, 2, stdout);
    assert.match(stdout, /^--model=m$/m);
  });
});

/** A line of bash up to the cursor, and what takes the place of its last word, or of what is behind the last break in it. */
const LINES = [
  ['swamp data ver', 'versions'],
  ['swamp data get m tw', 'two\\ words'],
  ['swamp data get m two\\ w', 'two\\ words'],
  ['swamp data get m "tw', 'two words'],
  ["swamp data get m 'two w", 'two words'],
  ['swamp data get m a:', 'b'],
  ['swamp data get m "a:', 'a:b'],
  ['swamp data get --model=', 'm'],
  ['swamp data get --model="', 'm'],
  ['swamp data get m a:b --version=', '1'],
  ['swamp backup restore dir --mode me', 'merge'],
] as const;

/** A store `m` whose artifacts have names that a shell takes apart. */
async function wordyRepo(t: TestContext): Promise<TestRepo> {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  await put(repo, 'm', 'two words', 'x');
  await put(repo, 'm', 'a:b', 'x');
  return repo;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function installed(shell: string): { readonly skip: string | false } {
  return { skip: spawnSync(shell, ['--version'], { timeout: 10_000 }).status === 0 ? false : `${shell} is not installed` };
}

function pick({ stdout, stderr }: Result): { stdout: string; stderr: string } {
  return { stdout, stderr };
}

/** A store `m` with two versions of `a`. */
async function put2(repo: TestRepo): Promise<void> {
  await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'one');
  await put(repo, 'm', 'a', 'two');
}

async function contentOfName(repo: TestRepo, name: string): Promise<string> {
  return name.startsWith('-') ? (await run(repo, ['data', 'get', '--verify', '--', 'm', name])).stdout : contentOf(repo, 'm', name);
}

/** Waits until the command has begun to stage its input. */
async function staged(repo: TestRepo, running: Running): Promise<void> {
  const begun = (): boolean => readdirSync(repo.layout.stagings).some((name) => readdirSync(join(repo.layout.stagings, name)).length > 0);
  await until('the put stages its input', () => existsSync(repo.layout.stagings) && begun(), { detail: running.stderr });
}
