/** Hostile and broken input: names, files, definitions, file systems, garbage in the store. It is kept faithfully or refused with the documented code, and nothing else is touched. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe } from 'node:test';
import { pathToFileURL } from 'node:url';
import { asSwampError, type ErrorCode } from '../src/errors.js';
import { initRepo, openRepo } from '../src/index.js';
import { type TreeModel, writeTree } from './support/backup-tree.js';
import { Pauses } from './support/failpoints.js';
import { garbage } from './support/garbage.js';
import { type MountedRepo, mountedRepo, onMounts } from './support/mounted.js';
import { refused, toldError } from './support/refused.js';
import { contentOf, createModel, put, type TestRepo, tempRepo, versionsOf } from './support/repo.js';
import { LONG, sampled, sampledTest } from './support/scale.js';
import { snapshot } from './support/snapshot.js';
import { stockedRepo } from './support/stocked.js';
import { finished, launch, markedProcesses, type Result, ROOT, type Running, run, runJson, SWAMP_BIN, start } from './support/swamp.js';
import { runUnprivileged, unprivileged } from './support/unprivileged.js';
import { until } from './support/until.js';

const test = sampledTest(2);

const ESCAPE = `swamp-escape-${process.pid}`;

/** Names that a store of plain files could get wrong. The first ones go through the program, all through the library. */
const NAMES: readonly string[] = [
  '..',
  '/etc/passwd',
  `../../../../../../../../../../tmp/${ESCAPE}`,
  'new\nline',
  'tab\there',
  '🐊 emoji',
  `${'s'.repeat(255)}/${'t'.repeat(255)}`,
  'x'.repeat(1024),
  'Twin',
  'twin',
  'a',
  'a/b',
  '%41',
  'A',
  '-rf',
  '--json',
  '.',
  'x'.repeat(255),
  'é'.repeat(512),
  'TWIN',
  'a/b/c',
  'a/',
  '/',
  '//',
  './a',
  'a/./b',
  '^a',
  '%2e%2e',
  '%~',
  '-',
  '--',
  ' ',
  ' a ',
  'artifact.json',
  '1',
  'content',
  '.env',
  'con',
  'a\\b',
  '\'"`$(touch pwned)*?~!&|;<>',
  'caf\u00e9',
  'cafe\u0301',
  '\u202egnp.exe',
  '\u0001\u001b[31m\u007f',
  '\ufeff',
];

describe('a name', () => {
  test('is stored as it was given, and leads nowhere outside the datastore', async (t) => {
    const repo = await tempRepo(t);
    const { data } = openRepo(repo.dir);
    await createModel(repo, 'm');
    const outside = snapshot(repo.base, ['repo/.swamp']);
    const typed = NAMES.slice(0, 12);
    for (const name of typed) {
      const { stdout } = await run(repo, ['data', 'put', '--json', '--', 'm', name], { stdin: `content of ${name}` });
      assert.equal((JSON.parse(stdout) as { name: string }).name, name);
    }
    for (const name of NAMES.slice(12)) await data.put({ model: 'm', name, source: [`content of ${name}`] });
    const listed = await runJson<{ groups: { items: { name: string }[] }[]; total: number }>(repo, ['data', 'list', 'm']);
    assert.deepEqual(new Set(listed.groups.flatMap(({ items }) => items.map(({ name }) => name))), new Set(NAMES));
    assert.equal(listed.total, NAMES.length);
    for (const name of typed) {
      const got = JSON.parse((await run(repo, ['data', 'get', '--json', '--verify', '--', 'm', name])).stdout) as { name: string; content: string };
      assert.deepEqual([got.name, got.content], [name, `content of ${name}`]);
    }
    for (const name of NAMES) {
      const { record, openContent } = await data.get({ model: 'm', name, verify: true });
      assert.deepEqual([record.name, await text(openContent())], [name, `content of ${name}`]);
      const { dataName, total } = await data.versions({ model: 'm', name });
      assert.deepEqual([dataName, total], [name, 1]);
    }
    // One after the other: no delete takes a twin along.
    for (const [i, name] of NAMES.entries()) {
      if (i < 3) await run(repo, ['data', 'delete', '--force', '--', 'm', name]);
      else await data.delete({ model: 'm', name });
      if (i % 6 === 0) assert.equal((await data.list({ model: 'm' })).total, NAMES.length - i - 1);
    }
    assert.equal((await data.put({ model: 'm', name: 'Twin', source: ['again'] })).version, 2);
    assert.deepEqual(snapshot(repo.base, ['repo/.swamp']), outside);
    assert.equal(existsSync(join(tmpdir(), ESCAPE)), false);
  });

  test('that is empty, too long, has a NUL or is no UTF-8 is refused by every verb, and nothing changes', async (t) => {
    const repo = await stockedRepo(t);
    const before = snapshot(repo.dir);
    for (const name of ['x'.repeat(1025), 'é'.repeat(513)]) await refused(repo, ['data', 'put', 'm', name], 'name_invalid');
    await refused(repo, ['data', 'put', 'm', ''], 'usage');
    const bytes = await finished(launch(repo, 'bash', ['-c', `swamp data put m $'a\\xffb' --json`]), 64);
    toldError(bytes, 'usage');
    // What no command line can carry goes through the library as it is shipped.
    const library = (await import(pathToFileURL(join(ROOT, 'dist/index.js')).href)) as { openRepo: typeof openRepo };
    const { data } = library.openRepo(repo.dir);
    for (const name of ['a\0b', '\0', '\ud800', 'a\udc00b', '\ufffd', '']) {
      const wrong = { code: 'name_invalid' };
      await assert.rejects(data.put({ model: 'm', name, source: ['x'] }), wrong);
      await assert.rejects(data.get({ model: 'm', name }), wrong);
      await assert.rejects(data.versions({ model: 'm', name }), wrong);
      await assert.rejects(data.delete({ model: 'm', name }), wrong);
    }
    await refused(repo, ['data', 'rename', 'm', 'a', ''], 'usage');
    assert.deepEqual(snapshot(repo.dir), before);
  });

  test('of a model that is no plain word is refused, and looked up without leaving models/', async (t) => {
    const repo = await stockedRepo(t);
    const before = snapshot(repo.base, ['repo/.swamp']);
    const { model, data } = openRepo(repo.dir);
    for (const name of ['', '.', '..', '../x', 'a/b', '.x', 'x'.repeat(101), 'a b', 'x\n', 'ü', '%41', '__proto__', 'a\0']) {
      await assert.rejects(model.create({ type: 'store', name }), { code: 'name_invalid' }, name);
      await assert.rejects(data.get({ model: name, name: 'a' }), { code: 'model_not_found' }, name);
      await assert.rejects(data.put({ model: name, name: 'a', source: ['x'], create: true }), { code: 'name_invalid' }, name);
    }
    await refused(repo, ['model', 'create', 'store', '../../escape'], 'name_invalid');
    await refused(repo, ['model', 'get', '../../../../etc/passwd'], 'model_not_found');
    for (const twin of ['M', 'SH']) await refused(repo, ['model', 'create', 'store', twin], 'model_exists');
    await refused(repo, ['model', 'rename', 'm', 'Sh'], 'conflict');
    assert.deepEqual(snapshot(repo.base, ['repo/.swamp']), before);
  });
});

const REPO_ID = '523ffdc3-8648-47ae-a1a2-1fb185d39bbc';
const marker = (rest: string): string => `formatVersion: 3\nrepoId: ${REPO_ID}\n${rest}`;

/** What may stand in .swamp.yaml, and what is told of it. */
const MARKERS: readonly (readonly [title: string, content: string | Buffer, told: RegExp])[] = [
  ['nothing', '', /mapping/],
  ['random bytes', randomBytes(400), /./],
  ['a list', '- a\n', /mapping/],
  ['a sequence that does not end', 'formatVersion: 3\nrepoId: [\n', /line 2|line 3/],
  ['a mapping in a text', 'formatVersion: 3\n  deeper: x\nrepoId: y\n', /line 1/],
  ['a tab', 'formatVersion: 3\n\trepoId: x\n', /line 2/],
  ['two documents', `${marker('')}---\na: 1\n`, /line 3/],
  ['an alias', `${marker('')}a: &a [x]\nb: *a\n`, /[Aa]lias/],
  ['a deep list', '['.repeat(100_000), /./],
  ['a format version that is text', `formatVersion: "3"\nrepoId: ${REPO_ID}\n`, /formatVersion/],
  ['no format version', `repoId: ${REPO_ID}\n`, /formatVersion/],
  ['a newer format', `formatVersion: 4\nrepoId: ${REPO_ID}\n`, /4.*reads 3/],
  ['an older format', `formatVersion: 2\nrepoId: ${REPO_ID}\n`, /2.*reads 3/],
  ['an id that is none', 'formatVersion: 3\nrepoId: ../..\n', /repoId/],
  ['an unknown kind of datastore', marker('datastore: { type: s3 }\n'), /datastore\.type/],
  ['a datastore path that is a number', marker('datastore: { path: 5 }\n'), /datastore\.path/],
  ['a datastore that is missing', marker('datastore: { path: ../nowhere }\n'), /missing/],
  ['a datastore that is a file', marker('datastore: { path: .gitignore }\n'), /not a directory/],
];

describe('a repository', () => {
  test('whose .swamp.yaml is wrong is config_invalid, with the line where it can be told', async (t) => {
    const repo = await stockedRepo(t);
    const path = join(repo.dir, '.swamp.yaml');
    const good = readFileSync(path);
    for (const [title, content, tells] of MARKERS) {
      writeFileSync(path, content);
      assert.throws(
        () => openRepo(repo.dir),
        (error) => {
          const { code, message, hint } = asSwampError(error);
          assert.equal(code, 'config_invalid', `${title}: ${message}`);
          // A new file would not say where the datastore is, and hide all data. Where only the datastore is missing, the file stays.
          if (title !== 'a datastore that is missing') assert.doesNotMatch(hint ?? '', /repo init/, title);
          assert.match(message, tells, title);
          return true;
        },
      );
      if (['random bytes', 'a sequence that does not end', 'a newer format', 'an older format', 'a datastore that is missing'].includes(title))
        await refused(repo, ['data', 'put', 'm', 'a'], 'config_invalid');
    }
    writeFileSync(path, good);
  });

  test('that names its datastore in another way, or whose .swamp.yaml is no file, is config_invalid too', async (t) => {
    const repo = await stockedRepo(t);
    const path = join(repo.dir, '.swamp.yaml');
    const good = readFileSync(path);
    try {
      for (const rest of ['datastore: ../elsewhere\n', 'datastore: [a]\n', 'datastore: { path: "a\\0b" }\n', 'datastore: 5\n']) {
        writeFileSync(path, marker(rest));
        assert.throws(
          () => openRepo(repo.dir),
          (error) => asSwampError(error).code === 'config_invalid',
          rest,
        );
      }
      rmSync(path);
      mkdirSync(path);
      await refused(repo, ['data', 'list'], 'config_invalid');
      rmSync(path, { recursive: true });
      execFileSync('mkfifo', [path], { timeout: 10_000 });
      await refused(repo, ['data', 'list'], 'config_invalid', { timeoutMs: 5_000 });
    } finally {
      rmSync(path, { recursive: true, force: true });
      writeFileSync(path, good);
    }
  });

  test('that is none is not_a_repo; one of another data format is config_invalid', async (t) => {
    const repo = await tempRepo(t);
    for (const args of [
      ['data', 'list'],
      ['datastore', 'check'],
      ['repo', 'info'],
    ])
      await refused(repo, args, 'not_a_repo', { cwd: repo.base });
    const newer = join(repo.base, 'newer');
    await run(repo, ['repo', 'init', newer]);
    for (const format of ['v2', 'v4']) {
      mkdirSync(join(newer, '.swamp', format), { recursive: true });
      assert.match((await refused(repo, ['data', 'list'], 'config_invalid', { cwd: newer })).message, new RegExp(`${format}.*reads v3`));
      rmSync(join(newer, '.swamp'), { recursive: true });
    }
  });
});

const DEFINITION = `id: ${REPO_ID}\nname: x\ntype: store\n`;

/** What may stand in models/store/x.yaml, and the line that is told. */
const DEFINITIONS: readonly (readonly [title: string, content: string | Buffer, line: number | undefined])[] = [
  ['random bytes', Buffer.concat([Buffer.from([0xff]), randomBytes(300)]), undefined],
  ['nothing', '', 1],
  ['a quote that does not end', `${DEFINITION}description: "never\n`, 5],
  ['a tab', `${DEFINITION}tags:\n\ta: b\n`, 5],
  ['a field twice', `${DEFINITION}type: store\n`, 4],
  ['an unknown field', `${DEFINITION}tgas: { a: b }\n`, 4],
  ['a tag that is a list', `${DEFINITION}tags:\n  a: b\n  c: [d]\n`, 6],
  ['an id that leads away', DEFINITION.replace(REPO_ID, '../../x'), 1],
  ['a prototype', `${DEFINITION}tags:\n  __proto__: { polluted: 1 }\n`, 5],
  ['aliases that multiply', `${DEFINITION}a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n`, 4],
  ['a deep list', `${DEFINITION}tags: ${'['.repeat(50_000)}`, 4],
  ['two MiB', `${DEFINITION}description: ${'x'.repeat(2 * 1024 * 1024)}\n`, undefined],
  ['two documents', `${DEFINITION}---\n${DEFINITION}`, 4],
];

describe('a definition', () => {
  test('that is wrong is model_invalid, with file and line, and keeps nobody from the other models', async (t) => {
    const repo = await stockedRepo(t);
    const path = join(repo.dir, 'models/store/x.yaml');
    const { model, data } = openRepo(repo.dir);
    for (const [title, content, line] of DEFINITIONS) {
      writeFileSync(path, content);
      await assert.rejects(
        model.get({ model: 'x' }),
        (error) => {
          const { code, data } = asSwampError(error);
          const [problem] = data['problems'] as { path: string; line?: number }[];
          assert.deepEqual([code, problem?.path, problem?.line], ['model_invalid', 'models/store/x.yaml', line], title);
          return true;
        },
        title,
      );
      assert.equal((await model.list()).total, 2);
      await data.put({ model: 'm', name: 'other', source: ['x'] });
      if (!['random bytes', 'a tab'].includes(title)) continue;
      await refused(repo, ['data', 'put', 'x', 'a'], 'model_invalid');
      const listed = await run(repo, ['data', 'list', '--json']);
      assert.match(listed.stderr, /"level":"warning".*models\/store\/x\.yaml/, 'a listing tells whom it leaves out');
    }
    rmSync(path);
  });

  test('that is a directory, a FIFO or a link is model_invalid, and is neither followed nor waited for', async (t) => {
    const repo = await stockedRepo(t);
    const path = join(repo.dir, 'models/store/x.yaml');
    const secret = join(repo.base, 'secret.yaml');
    writeFileSync(secret, DEFINITION);
    const make: Readonly<Record<string, () => void>> = {
      directory: () => mkdirSync(path),
      FIFO: () => void execFileSync('mkfifo', [path], { timeout: 10_000 }),
      link: () => symlinkSync(secret, path),
    };
    for (const [title, act] of Object.entries(make)) {
      act();
      await refused(repo, ['model', 'get', 'x'], 'model_invalid', { timeoutMs: 10_000 });
      const { stderr } = await run(repo, ['model', 'list'], { timeoutMs: 10_000 });
      assert.match(stderr, /warning: models\/store\/x\.yaml/, title);
      rmSync(path, { recursive: true });
    }
  });
});

describe('FILE', () => {
  test('that is missing or a directory is io, and leaves no trace', async (t) => {
    const repo = await stockedRepo(t);
    const before = snapshot(repo.dir, ['.swamp/v3/staging', '.swamp/v3/trash']);
    assert.equal((await refused(repo, ['data', 'put', 'new', 'a', join(repo.base, 'none'), '--create'], 'io')).data['errno'], 'ENOENT');
    const text = await refused(repo, ['data', 'put', 'm', 'it is', "it's text"], 'io');
    assert.match(`${text.message} ${text.hint}`, /no file "it's text"\. To store this text: printf %s 'it'\\''s text' \| swamp data put m 'it is'$/);
    assert.equal((await refused(repo, ['data', 'put', 'm', 'a', repo.base], 'io')).data['errno'], 'EISDIR');
    assert.equal((await refused(repo, ['data', 'get', 'm', 'a', '-o', repo.base], 'io')).data['errno'], 'EISDIR');
    assert.equal((await refused(repo, ['data', 'get', 'm', 'a', '-o', join(repo.base, 'no/dir')], 'io')).data['errno'], 'ENOENT');
    assert.deepEqual(snapshot(repo.dir, ['.swamp/v3/staging', '.swamp/v3/trash']), before);
  });

  test('to write to is none in the datastore, not even through a link', async (t) => {
    const repo = await stockedRepo(t);
    const { contentPath } = await runJson<{ contentPath: string }>(repo, ['data', 'put', 'm', 'other'], { stdin: 'stored' });
    symlinkSync(join(repo.dir, contentPath), join(repo.base, 'link'));
    for (const inside of [contentPath, join(repo.base, 'link'), '.swamp/new']) await refused(repo, ['data', 'get', 'm', 'a', '-o', inside], 'usage');
    assert.equal((await run(repo, ['data', 'get', 'm', 'other', '--verify'])).stdout, 'stored');
  });

  test('that names an open descriptor is written to where that is, and never replaced', async (t) => {
    const repo = await stockedRepo(t);
    await run(repo, ['data', 'put', 'm', 'b'], { stdin: 'content\n' });
    const paths: readonly (readonly [path: string, redirect: string])[] = [
      ['/dev/stdout', '>'],
      ['/dev/fd/1', '>'],
      ['/proc/self/fd/1', '>'],
      ['/dev/stderr', '2>'],
      ['/dev/fd/7', '7>'],
      ['link', '>'],
      ['link', '>>'],
    ];
    symlinkSync('/dev/stdout', join(repo.base, 'link'));
    for (const [path, redirect] of paths) {
      const say = (word: string): string => `echo ${word} ${path.includes('7') ? '>&7' : path.includes('stderr') ? '>&2' : ''}`;
      await finished(
        launch(repo, 'bash', ['-c', `rm -f log; { ${say('a')}; swamp data get m b --repo-dir repo -o ${path}; ${say('c')}; } ${redirect} log`], {
          cwd: repo.base,
        }),
      );
      assert.equal(readFileSync(join(repo.base, 'log'), 'utf8'), 'a\ncontent\nc\n', `${redirect} ${path}`);
    }
    const piped = await finished(
      launch(repo, 'bash', ['-c', '{ echo a; swamp data get m b -o /dev/stdout; } | cat; swamp data get m b -o >(cat >&2); wait $!']),
    );
    assert.deepEqual([piped.stdout, piped.stderr], ['a\ncontent\n', 'content\n']);
    // A descriptor of another process: nothing of its file is lost.
    await finished(
      launch(repo, 'bash', ['-c', 'echo a > log; exec 7>>log; bash -c "swamp data get m b --repo-dir repo -o /proc/$$/fd/7"; echo c >&7'], { cwd: repo.base }),
    );
    assert.equal(readFileSync(join(repo.base, 'log'), 'utf8'), 'a\ncontent\nc\n');
    assert.equal((await refused(repo, ['data', 'get', 'm', 'b', '-o', '/dev/fd/99'], 'io')).data['errno'], 'EBADF');
    const { content } = await runJson<{ content: string }>(repo, ['data', 'get', 'm', 'b', '-o', '/dev/stdout']);
    assert.equal(content, 'content\n');
  });

  test('that may not be read is io with its errno', unprivileged, async (t) => {
    const repo = await stockedRepo(t);
    const file = join(repo.base, 'unreadable');
    writeFileSync(file, 'secret');
    chmodSync(file, 0o000);
    const result = await runUnprivileged(repo, ['data', 'put', 'm', 'a', file, '--json'], 74);
    assert.equal(result.stdout, '');
    assert.equal(toldError(result, 'io').data['errno'], 'EACCES');
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1, 2]);
  });

  test('cannot go to its place: nothing of it stays, neither in the staging nor in the lock, however often it is tried (P8)', unprivileged, async (t) => {
    const repo = await stockedRepo(t);
    const { id } = await openRepo(repo.dir).model.get({ model: 'm' });
    const artifact = repo.layout.artifact(id, 'a');
    chmodSync(artifact, 0o555);
    for (let i = 0; i < 2; i++) {
      const result = await runUnprivileged(repo, ['data', 'put', 'm', 'a', '/etc/passwd', '--json'], 74);
      assert.equal(toldError(result, 'io').data['errno'], 'EACCES');
      const fence = repo.layout.fence({ kind: 'data', modelId: id });
      assert.deepEqual(readdirSync(join(fence, readdirSync(fence)[0] ?? '')), ['holder.json']);
      for (const dir of [repo.layout.stagings, repo.layout.trashes]) assert.deepEqual(readdirSync(dir), []);
    }
    chmodSync(artifact, 0o755);
    await put(repo, 'm', 'a', 'three');
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1, 2, 3]);
  });

  test('that is a FIFO is read to its end, and Ctrl-C ends the wait for either end of one', async (t) => {
    const repo = await stockedRepo(t);
    const fifo = join(repo.base, 'fifo');
    execFileSync('mkfifo', [fifo], { timeout: 10_000 });
    const [putting, writing] = [
      start(repo, ['data', 'put', 'm', 'piped', fifo]),
      launch(repo, 'sh', ['-c', `(printf 'first '; sleep 0.2; printf last) >'${fifo}'`]),
    ];
    await finished(writing);
    await finished(putting);
    assert.equal(await contentOf(repo, 'm', 'piped'), 'first last');
    const [getting, reading] = [start(repo, ['data', 'get', 'm', 'piped', '-o', fifo]), launch(repo, 'cat', [fifo])];
    await finished(getting);
    assert.equal((await finished(reading)).stdout, 'first last');
    // Nobody ever opens the other end; then somebody does, and says nothing.
    for (const args of [
      ['data', 'put', 'm', 'never', fifo],
      ['data', 'get', 'm', 'piped', '-o', fifo],
    ]) {
      const stuck = start(repo, args);
      await opens(stuck, fifo);
      stuck.kill('SIGINT');
      await finished(stuck, 130);
    }
    const half = start(repo, ['data', 'put', 'm', 'never', fifo]);
    const silent = launch(repo, 'sh', ['-c', `exec 3>'${fifo}'; printf part >&3; exec cat`], { stdin: 'open' });
    await staged(repo, half);
    half.kill('SIGINT');
    await finished(half, 130);
    silent.closeStdin();
    await finished(silent);
    assert.deepEqual(await versionsOf(repo, 'm', 'never'), []);
    assert.deepEqual(readdirSync(repo.layout.stagings), []);
  });
});

describe('content', () => {
  test('comes back byte for byte, whatever it is', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const contents: Readonly<Record<string, Buffer>> = {
      nothing: Buffer.alloc(0),
      'every byte': every,
      'a mark, CRLF, and no newline at the end': Buffer.from('\ufeffä\r\nb\rc'),
      'half a character after 70,000 NULs': Buffer.concat([Buffer.alloc(70_000), Buffer.from([0xc3])]),
      'a megabyte of noise': randomBytes(1_000_003),
    };
    for (const [name, bytes] of Object.entries(contents)) {
      const file = join(repo.base, 'in');
      writeFileSync(file, bytes);
      const { size, checksum } = await runJson<{ size: number; checksum: string }>(repo, ['data', 'put', 'm', name, file]);
      assert.deepEqual([size, checksum], [bytes.length, createHash('sha256').update(bytes).digest('hex')]);
      await finished(launch(repo, 'sh', ['-c', `swamp data get m '${name}' >'${repo.base}/out'`]));
      assert.ok(readFileSync(join(repo.base, 'out')).equals(bytes), name);
      const json = await runJson<{ content: string; contentEncoding?: 'base64' }>(repo, ['data', 'get', 'm', name]);
      assert.ok(Buffer.from(json.content, json.contentEncoding ?? 'utf8').equals(bytes), name);
    }
  });

  test('of 100 MB goes in and out in bounded memory', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const [large, out, hook, told] = ['large', 'out', 'hook.cjs', 'memory'].map((name) => join(repo.base, name)) as [string, string, string, string];
    writeFileSync(large, '');
    truncateSync(large, 100_000_000);
    writeFileSync(hook, `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(told)}, String(process.resourceUsage().maxRSS)));`);
    const env = { NODE_OPTIONS: `--require=${hook}` };
    const memoryOf = async (args: readonly string[]): Promise<number> => {
      await run(repo, args, { env });
      return Number(readFileSync(told, 'utf8')) / 1024;
    };
    const little = await memoryOf(['data', 'put', 'm', 'little', '/dev/null']);
    const most = little + 64;
    assert.ok(little > 20, `${little} MiB is not what a process takes`);
    for (const args of [
      ['data', 'put', 'm', 'large', large],
      ['data', 'get', 'm', 'large', '--verify', '-o', out],
    ]) {
      const taken = await memoryOf(args);
      assert.ok(taken < most, `${args.join(' ')} took ${Math.round(taken)} MiB, with hardly any content it is ${Math.round(little)} MiB`);
    }
    assert.equal(statSync(out).size, 100_000_000);
    const { stdout } = await finished(launch(repo, 'sh', ['-c', 'swamp data put m piped <"$0" && swamp data get m piped | wc -c', large], { env }));
    assert.match(stdout, /100000000\n$/);
    assert.ok(Number(readFileSync(told, 'utf8')) / 1024 < most);
  });

  /** What stdin can be, in bash; what is stored, or the code, with the system's own. */
  const inputs: readonly (readonly [title: string, command: string, expected: string | readonly [ErrorCode, string?]])[] = [
    ['a file', 'swamp data put m s < file', 'from a file'],
    ['the rest of a file', '{ read -r -N 5 _; swamp data put m s; } < file', 'a file'],
    ['the rest of a file, named', '{ read -r -N 5 _; swamp data put m s /dev/stdin; } < file', 'a file'],
    ['a pipe', 'printf piped | swamp data put m s', 'piped'],
    ['a pipe, named', 'printf piped | swamp data put m s /proc/self/fd/0', 'piped'],
    ['nothing', 'swamp data put m s < /dev/null', ''],
    ['a device', 'head -c 9 /dev/zero | swamp data put m s', '\0'.repeat(9)],
    ['a stream socket', 'node -e "$SOCKET" stream', 'from a socket'],
    ['a directory', 'swamp data put m s < .', ['io', 'EISDIR']],
    ['closed', 'swamp data put m s <&-', ['usage']],
    ['open for writing only', 'swamp data put m s 0> other', ['io', 'EBADF']],
  ];
  /** Starts swamp with one end of a pair of sockets as its stdin. */
  const SOCKET = `
    const net = require('node:net');
    const server = net.createServer((socket) => socket.end('from a socket')).listen(0, () => {
      const client = net.connect(server.address().port, () => {
        const { spawn } = require('node:child_process');
        spawn(process.env.SWAMP_BIN_UNDER_TEST, ['data', 'put', 'm', 's', '--json'], { stdio: [client, 'inherit', 'inherit'], timeout: 20_000 }).on('exit', (code) => process.exit(code));
      });
    });`;

  test('on stdin is read, or refused, whatever stdin is; nothing is stored in its place', async (t) => {
    const repo = await stockedRepo(t);
    writeFileSync(join(repo.base, 'file'), 'from a file');
    const env = { SOCKET, SWAMP_BIN_UNDER_TEST: SWAMP_BIN, SWAMP_REPO_DIR: repo.dir };
    for (const [title, command, expected] of inputs) {
      const result = await launch(repo, 'bash', ['-c', command.replace('swamp data put m s', 'swamp data put m s --json')], { cwd: repo.base, env }).exited;
      if (typeof expected !== 'string') {
        const [code, errno] = expected;
        assert.equal(toldError(result, code).data['errno'], errno, title);
        assert.deepEqual(await versionsOf(repo, 'm', 's'), [], title);
        continue;
      }
      assert.equal(result.code, 0, `${title}: ${result.stderr}`);
      assert.equal(await contentOf(repo, 'm', 's'), expected, title);
      await openRepo(repo.dir).data.delete({ model: 'm', name: 's' });
    }
  });

  test('on stdin may end late: others go first, and it is whole', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const late = start(repo, ['data', 'put', 'm', 'a', '--json'], { stdin: 'open' });
    late.write('first ');
    await staged(repo, late);
    assert.equal((await put(repo, 'm', 'a', 'early')).version, 1);
    await run(repo, ['data', 'delete', 'm', 'a', '--force']);
    late.write('last');
    late.closeStdin();
    const { stdout } = await finished(late);
    assert.equal((JSON.parse(stdout) as { version: number }).version, 2);
    assert.equal(await contentOf(repo, 'm', 'a'), 'first last');
  });

  test('that a signal cut off leaves nothing but what a sweep clears', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const begin = async (): Promise<Running> => {
      const putting = start(repo, ['data', 'put', 'm', 'a'], { stdin: 'open' });
      putting.write('half');
      await staged(repo, putting);
      return putting;
    };
    const interrupted = await begin();
    interrupted.kill('SIGINT');
    const { stdout, stderr } = await finished(interrupted, 130);
    assert.deepEqual([stdout, stderr], ['', '']);
    assert.deepEqual(readdirSync(repo.layout.stagings), []);
    const killed = await begin();
    killed.kill('SIGKILL');
    await killed.exited;
    assert.equal(readdirSync(repo.layout.stagings).length, 1);
    const { removed } = await runJson<{ removed: { kind: string }[] }>(repo, ['datastore', 'sweep']);
    assert.deepEqual(
      removed.map(({ kind }) => kind),
      ['staging'],
    );
    assert.deepEqual(readdirSync(repo.layout.stagings), []);
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), []);
  });

  test('that a command prints is stored when the command ends with 0, and nothing of it otherwise', async (t) => {
    const repo = await stockedRepo(t);
    const words = (script: string): string[] => ['data', 'put', 'm', 'c', '--command', '--', 'sh', '-c', script];
    const large = await run(repo, words('cat; printf %s "$0"; echo note >&2; head -c 300000 /dev/zero | tr "\\0" x'), { stdin: 'in ' });
    assert.match(large.stderr, /^note$/m);
    assert.equal(await contentOf(repo, 'm', 'c'), `in sh${'x'.repeat(300_000)}`);
    const failures: readonly (readonly [string[], RegExp])[] = [
      [words('echo half; exit 3'), /The command "sh" exited with 3\./],
      [words('echo half; kill -9 $$'), /The command "sh" was ended by SIGKILL\./],
      [['data', 'put', 'm', 'c', '--command', '--', 'no-such-command'], /"no-such-command" exited with 127\./],
    ];
    for (const [args, message] of failures) assert.match((await refused(repo, ['--json', ...args], 'method_failed')).message, message);
    assert.deepEqual(await versionsOf(repo, 'm', 'c'), [1]);
    await run(repo, ['data', 'put', 'm', 'none', '--no-empty', '--command', '--', 'true'], { expect: 64 });
    assert.deepEqual(await versionsOf(repo, 'm', 'none'), []);
    assert.deepEqual(readdirSync(repo.layout.stagings), []);
  });

  test('that a command prints until a signal ends the put is not stored, and the command has ended with it', async (t) => {
    const repo = await stockedRepo(t);
    const putting = start(repo, ['data', 'put', 'm', 'c', '--command', '--', 'sh', '-c', 'echo half; sleep 300 & echo begun >&2; wait']);
    await putting.says(/begun\n/);
    putting.kill('SIGTERM');
    await finished(putting, 143);
    assert.deepEqual(markedProcesses(repo.base), []);
    assert.deepEqual(await versionsOf(repo, 'm', 'c'), []);
    assert.deepEqual(readdirSync(repo.layout.stagings), []);
  });

  test('whose tags are too large to be read again is refused; what is accepted is readable', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const tags = (count: number): string[] => Array.from({ length: count }, (_, i) => ['--tag', `k${i}=${'x'.repeat(60_000)}`]).flat();
    await run(repo, ['data', 'put', 'm', 'large', ...tags(4)]);
    const { record } = await openRepo(repo.dir).data.get({ model: 'm', name: 'large' });
    assert.equal(Object.values(record.tags).join('').length, 240_000);
    const { message } = await refused(repo, ['data', 'put', 'm', 'huge', ...tags(20)], 'usage');
    assert.match(message, /[Tt]ags/);
    const { data } = openRepo(repo.dir);
    for (const wrong of [{ tags: { a: 5 } }, { contentType: 5 }, { tags: { a: null } }])
      await assert.rejects(data.put({ model: 'm', name: 'x', source: ['x'], ...(wrong as object) }), { code: 'usage' });
    await assert.rejects(data.put({ model: 'm', name: 'x', source: ['x'], tags: { a: 'ü'.repeat(600_000) } }), { code: 'usage' });
    assert.deepEqual(await versionsOf(repo, 'm', 'x'), []);
  });
});

describe('a file system', () => {
  test('that is full is no_space: nothing is left, nothing is lost, no lock stays, and it works again with space', onMounts, async (t) => {
    const repo = await mountedRepo(t, 'size=4m');
    await repo.swamp(['model', 'create', 'store', 'm']);
    await repo.swamp(['data', 'put', 'm', 'a'], { stdin: 'one' });
    const large = join(repo.base, 'large');
    writeFileSync(large, randomBytes(6_000_000));
    await refusedInside(repo, ['data', 'put', 'm', 'a', large], 'no_space');
    await nothingLeft(repo);
    await repo.swamp(['model', 'create', 'command/shell', 'prints', '--run', 'head -c 6000000 /dev/zero; sleep 60']);
    await refusedInside(repo, ['model', 'run', 'prints'], 'no_space');
    await nothingLeft(repo);
    await repo.sh('cat /dev/zero >../filler');
    const writing = [
      ['data', 'put', 'm', 'a', '/etc/passwd'],
      ['data', 'put', 'm', 'new', '/etc/passwd'],
      ['model', 'create', 'store', 'more'],
    ];
    for (const args of writing) {
      const { message } = await refusedInside(repo, args, 'no_space');
      assert.equal(message, `The disk, or your quota on it, is full: "${args.join(' ')}" could not be finished.`);
    }
    await nothingLeft(repo);
    assert.equal((await repo.swamp(['data', 'get', 'm', 'a', '--verify'])).stdout, 'one');
    await repo.sh('rm ../filler');
    for (const args of writing) await repo.swamp(args);
    assert.match((await repo.swamp(['data', 'list', 'm', '--json'])).stdout, /"total":2/);
    await nothingLeft(repo);
  });

  test(
    'that a backup does not fit into is no_space for its restore: nothing has changed, nothing is left, and it works again with space (B16)',
    onMounts,
    async (t) => {
      const repo = await mountedRepo(t, 'size=4m,nr_inodes=400');
      await repo.swamp(['model', 'create', 'store', 'm']);
      await repo.swamp(['data', 'put', 'm', 'a'], { stdin: 'mine' });
      const files = async (): Promise<string> => (await repo.sh('find . -type f -exec sha256sum {} + | sort')).stdout;
      const restoring = (name: string, artifacts: TreeModel['artifacts']): string[] => {
        const { dir } = writeTree(join(repo.base, name), [{ name: 'm', artifacts }]);
        return ['backup', 'restore', dir, '--mode', 'replace', '--force'];
      };
      const many = (count: number, bytes: number): TreeModel['artifacts'] =>
        Object.fromEntries(Array.from({ length: count }, (_, i) => [`x${i}`, ['x'.repeat(bytes)]]));
      const BYTES = [
        ['large', { large: ['x'.repeat(6_000_000)] }],
        ['small', many(60, 100_000)],
      ] as const;
      const before = await files();
      for (const [name, artifacts] of [...sampled(BYTES, 2), ['inodes', many(200, 1)] as const]) {
        const args = restoring(name, artifacts);
        await refusedInside(repo, args, 'no_space');
        assert.equal(await files(), before, args.join(' '));
        await nothingLeft(repo);
      }
      // It fits, and the disk is full when it has been published: whoever comes next with space finishes it.
      const pauses = new Pauses(repo, ['restore.published']);
      const args = restoring('fits', { a: ['restored'], b: ['brought'] });
      const published = repo.swamp([...args, '--json'], { expect: 'any', env: pauses.env });
      await until('the restore is published', () => pauses.reached('restore.published'));
      await repo.sh('mkdir ../filler && i=0 && while : >../filler/$i; do i=$((i+1)); done');
      pauses.go('restore.published');
      const { stderr } = await published;
      toldError({ stderr }, 'no_space');
      assert.match(stderr, /The restore is published/);
      await repo.sh('rm -r ../filler');
      assert.equal((await repo.swamp(['data', 'get', 'm', 'b', '--verify'])).stdout, 'brought');
      assert.equal((await repo.swamp(['data', 'get', 'm', 'a', '--verify'])).stdout, 'restored');
      await repo.swamp(['datastore', 'sweep']);
      await nothingLeft(repo);
    },
  );

  test('that is read-only is io for who writes, and serves who reads', onMounts, async (t) => {
    const repo = await mountedRepo(t, 'size=4m');
    await repo.swamp(['model', 'create', 'command/shell', 'sh', '--run', 'touch ran']);
    await repo.swamp(['data', 'put', 'sh', 'a'], { stdin: 'one' });
    await repo.sh('mount -o remount,ro ..');
    for (const args of [
      ['data', 'put', 'sh', 'a', '/etc/passwd'],
      ['data', 'delete', 'sh', 'a', '--force'],
      ['model', 'create', 'store', 'more'],
      ['model', 'run', 'sh'],
    ])
      assert.equal((await refusedInside(repo, args, 'io')).data['errno'], 'EROFS');
    for (const args of ['data list', 'repo info', 'datastore status', 'data delete sh a --dry-run', 'datastore sweep'].map((line) => line.split(' ')))
      await repo.swamp(args);
    assert.equal((await repo.swamp(['data', 'get', 'sh', 'a'])).stdout, 'one');
    await nothingLeft(repo);
  });

  test('for the locks and another one for the data is config_invalid, at once, and heals with one', onMounts, async (t) => {
    const repo = await mountedRepo(t, 'size=4m');
    await repo.swamp(['model', 'create', 'store', 'm']);
    await repo.swamp(['model', 'create', 'command/shell', 'sh', '--run', 'true']);
    await repo.swamp(['data', 'put', 'm', 'a'], { stdin: 'one' });
    const { stderr } = await repo.sh('cd .swamp/v3 && cp -r data ../../saved && mount -t tmpfs tmpfs data && cp -r ../../saved/. data');
    assert.equal(stderr, '');
    for (const args of [
      ['data', 'put', 'm', 'a', '/etc/passwd'],
      ['data', 'put', 'm', 'new', '/etc/passwd'],
      ['data', 'delete', 'm', 'a', '--force'],
      ['model', 'run', 'sh'],
    ])
      assert.match((await refusedInside(repo, args, 'config_invalid', 8_000)).hint, /one writable file system/);
    // The outputs are published, and cannot go where they belong: a sweep must not say that it finished them.
    const swept = await repo.swamp(['datastore', 'sweep', '--json']);
    assert.match(swept.stderr, /It stays pending/);
    assert.doesNotMatch(JSON.stringify((JSON.parse(swept.stdout) as { removed: unknown }).removed), /"kind":"intent"/);
    assert.equal((await repo.swamp(['data', 'get', 'm', 'a', '--verify'])).stdout, 'one');
    assert.match((await repo.swamp(['datastore', 'lock', 'status', '--json'])).stdout, /"locks":\[\]/);
    await repo.sh('umount .swamp/v3/data');
    await repo.swamp(['data', 'put', 'm', 'a'], { stdin: 'two' });
    await repo.swamp(['datastore', 'sweep']);
    assert.equal((await repo.swamp(['data', 'get', 'sh', 'log'])).stdout, '');
    await nothingLeft(repo);
  });
});

describe('garbage in the store', () => {
  test('is never a bug of ours, never stands still, leads nowhere, and is found by datastore check (in the short form every eighth kind)', async (t) => {
    await garbage(t, { every: LONG ? 1 : 8 });
  });

  test("in the place of a holder's details is neither followed nor waited for", async (t) => {
    const repo = await stockedRepo(t);
    const { id } = await openRepo(repo.dir).model.get({ model: 'm' });
    const fence = repo.layout.fence({ kind: 'data', modelId: id });
    const details = (): string => join(fence, readdirSync(fence)[0] ?? '', 'holder.json');
    const victim = join(repo.base, 'victim');
    writeFileSync(victim, 'somebody else owns this');
    rmSync(details());
    try {
      symlinkSync(victim, details());
      await put(repo, 'm', 'a', 'three');
      assert.equal(readFileSync(victim, 'utf8'), 'somebody else owns this');
      rmSync(details());
      execFileSync('mkfifo', [details()], { timeout: 10_000 });
      await run(repo, ['data', 'put', 'm', 'a'], { stdin: 'four', timeoutMs: 5_000 });
    } finally {
      rmSync(details(), { force: true });
    }
  });

  test("in the place of a holder's details does not keep the lock for ever", async (t) => {
    const repo = await stockedRepo(t);
    const { data, model } = openRepo(repo.dir, { lockTimeoutMs: 500 });
    const { id } = await model.get({ model: 'm' });
    const fence = repo.layout.fence({ kind: 'data', modelId: id });
    const details = (): string => join(fence, readdirSync(fence)[0] ?? '', 'holder.json');
    rmSync(details());
    mkdirSync(details());
    await data.put({ model: 'm', name: 'a', source: ['x'] }).catch((error: unknown) => assert.equal(asSwampError(error).code, 'io'));
    rmSync(details(), { recursive: true });
    await data.put({ model: 'm', name: 'a', source: ['x'] });
  });

  test('is told by the program as one error with the path, and other artifacts are not touched', async (t) => {
    const repo = await stockedRepo(t);
    const { id } = await openRepo(repo.dir).model.get({ model: 'm' });
    const record = join(repo.layout.artifact(id, 'a'), '2/metadata.json');
    const good = readFileSync(record);
    for (const bytes of [randomBytes(300), Buffer.from('{"size":"x"}'), Buffer.alloc(0)]) {
      writeFileSync(record, bytes);
      assert.equal((await refused(repo, ['data', 'get', 'm', 'a'], 'corrupt')).data['path'], record);
    }
    assert.match((await refused(repo, ['data', 'versions', 'm', 'a'], 'corrupt')).message, /metadata\.json/);
    assert.equal(await contentOf(repo, 'm', 'b/c'), 'nested');
    assert.equal(await contentOf(repo, 'm', 'a', 1), 'one');
    writeFileSync(record, good);
  });
});

describe('the environment', () => {
  test('with nonsense in it is a usage error, or changes nothing', async (t) => {
    const repo = await stockedRepo(t);
    const wrong: readonly (readonly [Record<string, string>, ErrorCode])[] = [
      [{ SWAMP_LOCK_TIMEOUT_MS: 'abc' }, 'usage'],
      [{ SWAMP_LOCK_TTL_MS: '-5' }, 'usage'],
      [{ SWAMP_LOG_LEVEL: 'loud' }, 'usage'],
      [{ SWAMP_REPO_DIR: '/dev/null' }, 'not_a_repo'],
      // Not "the nearest upwards": the variable it was taken from was not set.
      [{ SWAMP_REPO_DIR: '' }, 'usage'],
    ];
    for (const [env, code] of wrong) await refused(repo, ['data', 'put', 'm', 'a'], code, { env });
    for (const env of [
      { SWAMP_ANCESTORS: 'garbage:../../x/17.free-x:::/' },
      { SWAMP_LOCK_TIMEOUT_MS: '', SWAMP_LOG_LEVEL: '', SWAMP_READ_ONLY: '0' },
      { TMPDIR: '/nonexistent', HOME: '/nonexistent', LANG: 'xx', TZ: 'Nowhere/Land', COLUMNS: 'wide' },
    ])
      await run(repo, ['data', 'put', 'm', 'a'], { env });
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1, 2, 3, 4, 5]);
  });

  test('with a path that is not UTF-8, in a variable, as the working directory or behind a link, is a usage error, and nothing is made elsewhere', async (t) => {
    const repo = await tempRepo(t);
    // The directory that Node would take for the one whose name it cannot decode.
    mkdirSync(join(repo.base, 'p\ufffd'));
    const script = `cd "$1" && mkdir $'p\\xe9' && ln -s $'p\\xe9' link || exit 1
      (cd $'p\\xe9' && swamp repo init --json); echo "$?"
      (cd $'p\\xe9' && swamp data list --json --repo-dir "$1/repo"); echo "$?"
      SWAMP_REPO_DIR=$'p\\xe9' swamp repo init --json; echo "$?"
      SWAMP_REPO_DIR=$'p\\xe9' swamp data list --json; echo "$?"
      swamp repo init link --json; echo "$?"
      cp repo/.swamp.yaml link/ && swamp data list --json --repo-dir link; echo "$?"`;
    const { stdout, stderr } = await finished(launch(repo, 'bash', ['-c', script, 'bash', repo.base]));
    assert.equal(stdout, '64\n'.repeat(6), stderr);
    for (const line of stderr.trimEnd().split('\n')) assert.match(line, /"code":"usage".*is not valid UTF-8/);
    assert.deepEqual(readdirSync(join(repo.base, 'p\ufffd')), []);
  });

  test('with a failpoint that is none is a usage error, too', async (t) => {
    const repo = await tempRepo(t);
    await refused(repo, ['model', 'create', 'store', 'm'], 'usage', { env: { SWAMP_FAILPOINTS: 'garbage' } });
  });
});

describe('the library', () => {
  test('throws nothing but SwampErrors', async (t) => {
    const repo = await stockedRepo(t);
    const { data } = openRepo(repo.dir);
    const io = { name: 'SwampError', code: 'io' };
    await assert.rejects(data.put({ model: 'm', name: 'a', source: { file: '/nonexistent' } }), io);
    await assert.rejects(initRepo('/dev/null/x'), io);
    const store = join(repo.dir, '.swamp/v3/data');
    renameSync(store, join(repo.base, 'data'));
    writeFileSync(store, 'no directory');
    try {
      await assert.rejects(data.list(), io);
    } finally {
      rmSync(store);
      renameSync(join(repo.base, 'data'), store);
    }
  });
});

/** Waits until the process has asked for the FIFO: its thread stands in open(2) then, or is about to. */
async function opens(running: Running, fifo: string): Promise<void> {
  const waits = (): boolean =>
    readdirSync(`/proc/${running.pid}/task`).some((thread) => /wait_for_partner|fifo_open/.test(wchan(`/proc/${running.pid}/task/${thread}/wchan`)));
  await until(`${running.title} waits for ${fifo}`, () => (process.platform === 'linux' ? waits() : true), { detail: running.stderr });
}

function wchan(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** Waits until the first bytes are staged. */
async function staged(repo: TestRepo, running: Running): Promise<void> {
  const root = repo.layout.stagings;
  const sizes = (): number[] =>
    readdirSync(root)
      .map((name) => join(root, name, 'v/content'))
      .map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  await until('the first bytes are staged', () => existsSync(root) && sizes().some((size) => size > 0), { detail: running.stderr });
}

async function refusedInside(repo: MountedRepo, args: readonly string[], code: ErrorCode, timeoutMs = 20_000): Promise<ReturnType<typeof toldError>> {
  const result: Result = await repo.swamp([...args, '--json'], { expect: 'any', timeoutMs });
  assert.equal(result.stdout, '');
  const error = toldError(result, code);
  assert.equal(result.code, { no_space: 74, io: 74, config_invalid: 78 }[code as 'io']);
  return error;
}

/** No lock is held, nothing is staged or in the trash, and `datastore check` is clean. */
async function nothingLeft(repo: MountedRepo): Promise<void> {
  const { stdout } = await repo.sh(
    "swamp datastore check --json && find .swamp/v3/staging .swamp/v3/trash -mindepth 1 && find .swamp/v3/fences -name '[0-9]*.*' ! -name '*.free-*'",
  );
  assert.match(stdout, /^\{"findings":\[\],"pending":\[\][^\n]*\n$/);
}

describe('a source that may not be what was meant', () => {
  test('is told: a file that changes while it is read, and standard input that is empty', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const file = join(repo.base, 'file');
    const changing = async (...flags: readonly string[]): Promise<Result> => {
      writeFileSync(file, 'before');
      const points = new Pauses(repo, ['stage.complete']);
      const writer = start(repo, ['data', 'put', 'm', 'a', file, ...flags], { env: points.env });
      await points.at('stage.complete', writer);
      writeFileSync(file, 'after it was read');
      points.go('stage.complete');
      return finished(writer, flags.length === 0 ? 0 : 73);
    };
    assert.match((await changing('--if-stable')).stderr, /changed while it was read: 6 bytes of .*, then 17 bytes of/);
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), []);
    assert.match((await changing()).stderr, /warning: .*changed while it was read/);
    assert.equal((await run(repo, ['data', 'put', 'm', 'a', file, '--if-stable'])).stderr, '');
    assert.match((await run(repo, ['data', 'put', 'm', 'b'], { stdin: '' })).stderr, /input was empty/);
    assert.equal((await run(repo, ['data', 'put', 'm', 'b', '-q'], { stdin: '' })).stderr, '');
    await refused(repo, ['data', 'put', 'm', 'b', '--no-empty'], 'usage');
    assert.deepEqual(await versionsOf(repo, 'm', 'b'), [1, 2]);
  });
});
