/** The compiled code that is kept between runs: used where it is safe, refused where it is not, and never needed. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, type TestContext } from 'node:test';
import { type TestRepo, tempRepo } from './support/repo.js';
import { sampled, sampledTest } from './support/scale.js';
import { type RunOptions, run } from './support/swamp.js';

const test = sampledTest(2);

const HEADER = 1024;
const LIST = ['data', 'list', 'm', '--names'];
const isRoot = process.geteuid?.() === 0;

interface Bed {
  readonly repo: TestRepo;
  /** The directory that XDG_CACHE_HOME names. */
  readonly home: string;
  /** Lists; fails unless that works. */
  readonly list: (env?: RunOptions['env']) => Promise<string>;
}

async function bedFor(t: TestContext): Promise<Bed> {
  const repo = await tempRepo(t);
  const home = join(repo.base, 'cache');
  mkdirSync(home);
  await run(repo, ['data', 'put', 'm', 'a', '--create'], { stdin: 'a', env: { NODE_DISABLE_COMPILE_CACHE: '1' } });
  return { repo, home, list: async (env) => (await run(repo, LIST, { env: { XDG_CACHE_HOME: home, ...env } })).stdout };
}

function kept(home: string): string[] {
  return readdirSync(join(home, 'swamp')).map((name) => join(home, 'swamp', name));
}

/** The one file that is kept, after enough runs. */
async function filled({ home, list }: Bed): Promise<string> {
  for (let i = 0; i < 3; i++) await list();
  const [file, ...others] = kept(home);
  assert.ok(file !== undefined && others.length === 0, 'one file, and nothing beside it');
  return file;
}

/** The same files in a place of their own. */
function copyOf({ repo, home }: Bed, title: string): { readonly home: string; readonly file: string } {
  const copy = join(repo.base, title);
  cpSync(home, copy, { recursive: true });
  const [file = ''] = kept(copy);
  return { home: copy, file };
}

function stateOf(path: string): string {
  const { ino, mtimeMs, size, mode } = statSync(path);
  return [ino, mtimeMs, size, (mode & 0o777).toString(8)].join(' ');
}

/** Code that V8 takes for that of the program, and that prints something else: what whoever can write to the place could make of it. */
function poison(file: string, program: string): void {
  const make = `
    const vm = require('node:vm'), fs = require('node:fs');
    const head = '(function (exports, require, module, __filename, __dirname) {', tail = '\\n})';
    const own = "exports.start = async () => { if (!globalThis.quiet) require('node:fs').writeSync(1, 'poisoned'); return 0; };";
    const length = fs.readFileSync(process.argv[1]).length;
    const script = new vm.Script(head + own.padEnd(length) + tail, { columnOffset: -head.length });
    const made = {};
    globalThis.quiet = true;
    script.runInThisContext()(made, require);
    made.start().then(() => process.stdout.write(script.createCachedData()));`;
  const code = execFileSync(process.execPath, ['-e', make, program], { timeout: 20_000 });
  writeFileSync(file, Buffer.concat([readFileSync(file).subarray(0, HEADER), code, code]), { mode: 0o600 });
}

const HOT = join(import.meta.dirname, '../../dist/hot.cjs');

describe('the code that is compiled', () => {
  test('is kept by the first three runs of a verb, for this account alone, and used from then on', async (t) => {
    const bed = await bedFor(t);
    const file = await filled(bed);
    const state = stateOf(file);
    assert.match(state, / 600$/);
    assert.equal(statSync(dirname(file)).mode & 0o777, 0o700);
    // Code that V8 refuses is made anew.
    assert.equal(await bed.list(), 'a\n');
    assert.equal(stateOf(file), state);
    const other = await run(bed.repo, ['data', 'get', 'm', 'a'], { env: { XDG_CACHE_HOME: bed.home } });
    assert.equal(other.stdout, 'a');
    assert.equal(kept(bed.home).length, 2);
  });

  const UNSAFE: Readonly<Record<string, { readonly only?: 'root'; readonly make: (file: string, home: string) => void }>> = {
    'a directory that others may write to': { make: (file) => chmodSync(dirname(file), 0o777) },
    'a directory that its group may write to': { make: (file) => chmodSync(dirname(file), 0o770) },
    'a directory above that others may write to': { make: (_, home) => chmodSync(home, 0o777) },
    'a file that others may read': { make: (file) => chmodSync(file, 0o644) },
    'a link': {
      make: (file) => {
        renameSync(file, `${file}-`);
        symlinkSync(`${file}-`, file);
      },
    },
    'a file of another account': { only: 'root', make: (file) => chownSync(file, 12_345, 12_345) },
    'a directory of another account': { only: 'root', make: (file) => chownSync(dirname(file), 12_345, 12_345) },
    'a directory above of another account': { only: 'root', make: (_, home) => chownSync(home, 12_345, 12_345) },
  };
  test('is not run from a place that another account could have written to', async (t) => {
    const bed = await bedFor(t);
    poison(await filled(bed), HOT);
    for (const [title, { only, make }] of sampled(Object.entries(UNSAFE), 3)) {
      if (only === 'root' && !isRoot) continue;
      const { home, file } = copyOf(bed, title);
      assert.equal(await bed.list({ XDG_CACHE_HOME: home }), 'poisoned', `before it was ${title}`);
      make(file, home);
      assert.equal(await bed.list({ XDG_CACHE_HOME: home }), 'a\n', title);
    }
  });

  test('is not written where others may write', async (t) => {
    const bed = await bedFor(t);
    mkdirSync(join(bed.home, 'swamp'));
    chmodSync(bed.home, 0o777);
    await bed.list();
    assert.deepEqual(kept(bed.home), []);
  });

  const DAMAGED: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
    'is empty': () => Buffer.alloc(0),
    'ends in its header': (bytes) => bytes.subarray(0, HEADER - 1),
    'has a header and nothing else': (bytes) => bytes.subarray(0, HEADER),
    'ends early': (bytes) => bytes.subarray(0, bytes.length - 2),
    'has one wrong bit': (bytes) => changed(bytes, HEADER + ((bytes.length - HEADER) >> 2)),
    'has one wrong bit in its second half': (bytes) => changed(bytes, bytes.length - 100),
    'is of another program, runtime or flags': (bytes) => changed(bytes, 8),
    'has zeros where the disk had not written yet': (bytes) => Buffer.concat([bytes.subarray(0, HEADER), Buffer.alloc(bytes.length - HEADER)]),
  };
  test('that is larger than can be read means a plain start, and is replaced', async (t) => {
    const bed = await bedFor(t);
    const file = await filled(bed);
    truncateSync(file, 3 * 2 ** 30);
    assert.equal(await bed.list(), 'a\n');
    assert.ok(statSync(file).size < 2 ** 26);
  });

  test('is not kept, and not missed, when the file of the runtime is gone', async (t) => {
    const { repo, home } = await bedFor(t);
    const [runtime, gone] = [join(repo.base, 'node'), join(repo.base, 'gone.cjs')];
    copyFileSync(process.execPath, runtime);
    writeFileSync(gone, "require('node:fs').unlinkSync(process.execPath);");
    const env = { ...process.env, XDG_CACHE_HOME: home, NODE_V8_COVERAGE: '' };
    const args = ['--require', gone, repo.bin, ...LIST, '--repo-dir', repo.dir];
    assert.equal(execFileSync(runtime, args, { encoding: 'utf8', timeout: 20_000, env }), 'a\n');
    assert.deepEqual(readdirSync(home), []);
  });

  test('leaves nothing in the home of another account, where root would make a .cache that its owner cannot use', { skip: !isRoot }, async (t) => {
    const { repo, list } = await bedFor(t);
    const home = join(repo.base, 'home');
    mkdirSync(home);
    chownSync(home, 12_345, 12_345);
    const env = { XDG_CACHE_HOME: undefined, HOME: home };
    assert.equal(await list(env), 'a\n');
    assert.deepEqual(readdirSync(home), []);
    mkdirSync(join(home, '.cache'));
    chownSync(join(home, '.cache'), 12_345, 12_345);
    assert.equal(await list(env), 'a\n');
    assert.deepEqual(readdirSync(join(home, '.cache')), []);
  });

  test('that is damaged means a plain start, and is replaced', async (t) => {
    const bed = await bedFor(t);
    const good = readFileSync(await filled(bed));
    for (const [title, damage] of sampled(Object.entries(DAMAGED), 3)) {
      const { home, file } = copyOf(bed, title);
      writeFileSync(file, damage(good));
      assert.equal(await bed.list({ XDG_CACHE_HOME: home }), 'a\n', title);
      const now = readFileSync(file);
      assert.equal(now.toString('utf8', 0, now.indexOf(0)), `1${good.toString('utf8', 1, good.indexOf(0))}`, title);
    }
  });

  test('names its runtime and its flags: with others, other code is kept', async (t) => {
    const bed = await bedFor(t);
    const file = await filled(bed);
    const state = stateOf(file);
    await bed.list({ NODE_OPTIONS: '--max-old-space-size=500' });
    assert.equal(stateOf(file), state);
    assert.equal(kept(bed.home).length, 2);
  });

  test('is of one installation: a copy in another place has its own', async (t) => {
    const bed = await bedFor(t);
    await filled(bed);
    const copy = join(bed.repo.base, 'copy');
    for (const part of ['bin', 'dist']) cpSync(join(import.meta.dirname, '../..', part), join(copy, part), { recursive: true });
    const { stdout } = await run({ ...bed.repo, bin: join(copy, 'bin/swamp.js') }, LIST, { env: { XDG_CACHE_HOME: bed.home } });
    assert.equal(stdout, 'a\n');
    assert.equal(kept(bed.home).length, 2);
  });

  test('is whole whoever writes it: eight at once, nothing left beside it', async (t) => {
    const bed = await bedFor(t);
    mkdirSync(join(bed.home, 'swamp'), { mode: 0o700 });
    const outputs = await Promise.all(Array.from({ length: 8 }, () => bed.list()));
    assert.deepEqual(new Set(outputs), new Set(['a\n']));
    await filled(bed);
    const state = kept(bed.home).map(stateOf);
    await bed.list();
    assert.deepEqual(kept(bed.home).map(stateOf), state);
  });

  test('does not fill the disk: of many files the oldest are removed', async (t) => {
    const bed = await bedFor(t);
    mkdirSync(join(bed.home, 'swamp'), { mode: 0o700 });
    for (let i = 0; i < 60; i++) writeFileSync(join(bed.home, 'swamp', `other-${i}`), '');
    await bed.list();
    const names = readdirSync(join(bed.home, 'swamp'));
    assert.equal(names.length, 40);
    assert.ok(names.some((name) => name.startsWith('data-list-')));
  });

  test('is not needed: no home, one that is not there or is not a directory, and no wish for it', async (t) => {
    const { repo, home, list } = await bedFor(t);
    const [missing, file] = [join(repo.base, 'missing'), join(repo.base, 'file')];
    writeFileSync(file, '');
    for (const env of [
      { XDG_CACHE_HOME: undefined, HOME: undefined },
      { XDG_CACHE_HOME: '', HOME: '' },
      { XDG_CACHE_HOME: 'relative', HOME: 'relative' },
      { XDG_CACHE_HOME: undefined, HOME: missing },
      { XDG_CACHE_HOME: file },
      { XDG_CACHE_HOME: '/proc' },
      { NODE_DISABLE_COMPILE_CACHE: '1' },
    ])
      assert.equal(await list(env), 'a\n', JSON.stringify(env));
    assert.deepEqual(readdirSync(home), []);
    assert.deepEqual(
      readdirSync(repo.base).filter((name) => name === 'missing'),
      [],
    );
    rmSync(file);
  });

  test('says the same of an error, and --verbose shows the lines of the source', async (t) => {
    const { repo, home } = await bedFor(t);
    const refusedIn = (env: RunOptions['env'], args: readonly string[]) => run(repo, args, { env: { XDG_CACHE_HOME: home, ...env }, expect: 'any' });
    for (const args of [
      ['data', 'get', 'm', 'none', '--json'],
      ['data', 'put', 'none', 'a'],
      ['data', 'list', '--nonsense'],
    ]) {
      // A first run that succeeds, so that there is code.
      await run(repo, ['data', 'list', 'm'], { env: { XDG_CACHE_HOME: home } });
      const [plain, compiled] = [await refusedIn({ NODE_DISABLE_COMPILE_CACHE: '1' }, args), await refusedIn({}, args)];
      assert.deepEqual([compiled.code, compiled.stdout, compiled.stderr], [plain.code, plain.stdout, plain.stderr]);
    }
    const { stderr } = await refusedIn({}, ['data', 'get', 'm', 'none', '--verbose']);
    assert.match(stderr, /SwampError: There is no data named "none"/);
    assert.match(stderr, /src\/operations\/data-get\.ts:\d+:\d+/);
  });
});

function changed(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
