/** `backup pack` and `backup unpack`: one file and back, the same every time; and nothing hostile gets out of an archive (B3, B8, B11, B13, B15). */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import { scratchFor } from '../src/backup/scratch.js';
import { verifyTree } from '../src/backup/verify/verify.js';
import { SwampError } from '../src/errors.js';
import { backupPack, backupPackTo } from '../src/operations/backup-pack.js';
import { backupUnpack } from '../src/operations/backup-unpack.js';
import { SILENT } from '../src/repo.js';
import { nastyModels, type Tree, type TreeModel, writeTree } from './support/backup-tree.js';
import { NEVER } from './support/library-repo.js';
import { randomFrom, seedOfThisRun } from './support/random.js';
import { refused } from './support/refused.js';
import { tempRepo } from './support/repo.js';
import { sampledTest } from './support/scale.js';
import { finished, launch, run, runJson, start } from './support/swamp.js';
import { until } from './support/until.js';

const test = sampledTest(2);

const OPTIONS = { ...NEVER, reporter: SILENT };
const MODELS: readonly TreeModel[] = [
  { name: 'm', artifacts: { a: ['1', '2'], 'a/b': ['x'.repeat(300_000)], 'new\nline': ['y'], [`${'long/'.repeat(60)}z`]: ['z'] } },
];

interface Bed {
  readonly base: string;
  readonly tree: Tree;
  readonly file: string;
}

function bedFor(t: TestContext, models = MODELS): Bed {
  const base = mkdtempSync(join(tmpdir(), 'swamp-pack-'));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  return { base, tree: writeTree(join(base, 'backup'), models), file: join(base, 'backup.tar.gz') };
}

/** Path, mode and content of every file. */
function contents(dir: string): string[] {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((path) => statSync(join(dir, path)).isFile());
  return files.sort().map((path) => `${path} ${(statSync(join(dir, path)).mode & 0o777).toString(8)} ${readFileSync(join(dir, path), 'latin1')}`);
}

describe('an archive', () => {
  test('gives back the tree, names and modes and all', async (t) => {
    const { base, tree, file } = bedFor(t);
    const packed = await backupPack({ dir: tree.dir, file }, OPTIONS);
    assert.equal(packed.files, tree.checksums.size + 1);
    const unpacked = await backupUnpack({ file, dir: join(base, 'again') }, OPTIONS);
    assert.equal(unpacked.files, packed.files);
    assert.deepEqual(contents(join(base, 'again')), contents(tree.dir));
    assert.deepEqual(readdirSync(base).sort(), ['again', 'backup', 'backup.tar.gz']);
    const chunks: Uint8Array[] = [];
    await backupPackTo(
      { dir: tree.dir },
      async (bytes) => {
        chunks.push(bytes);
      },
      OPTIONS,
    );
    assert.ok(Buffer.concat(chunks).equals(readFileSync(file)), 'on stdout it is the same');
  });

  test('of nasty names gives back the tree', async (t) => {
    const seed = seedOfThisRun();
    t.diagnostic(`SWAMP_SEED=${seed}`);
    for (let i = 0; i < 10; i++) {
      const { base, tree, file } = bedFor(t, nastyModels(randomFrom(`pack ${seed} ${i}`)));
      await backupPack({ dir: tree.dir, file }, OPTIONS);
      await backupUnpack({ file, dir: join(base, 'again') }, OPTIONS);
      assert.deepEqual(contents(join(base, 'again')), contents(tree.dir), `seed ${seed}, case ${i}`);
    }
  });

  test('is the same whenever and wherever it is made', async (t) => {
    const { base, tree, file } = bedFor(t);
    await backupPack({ dir: tree.dir, file }, OPTIONS);
    cpSync(tree.dir, join(base, 'copy'), { recursive: true });
    for (const { path } of walkOf(join(base, 'copy'))) utimesSync(path, 1, 1);
    await backupPack({ dir: join(base, 'copy'), file: join(base, 'other.tgz') }, OPTIONS);
    assert.deepEqual(readFileSync(join(base, 'other.tgz')), readFileSync(file));
  });

  test('is read by tar, MANIFEST.json first', async (t) => {
    const { base, tree, file } = bedFor(t);
    await backupPack({ dir: tree.dir, file }, OPTIONS);
    mkdirSync(join(base, 'by-tar'));
    execFileSync('tar', ['-xzf', file, '-C', join(base, 'by-tar')], { timeout: 20_000 });
    assert.deepEqual((await verifyTree(join(base, 'by-tar'), NEVER)).findings, []);
    const listed = execFileSync('tar', ['-tzf', file], { timeout: 20_000, encoding: 'utf8' }).split('\n');
    assert.deepEqual(listed.slice(0, 3), ['MANIFEST.json', 'CHECKSUMS', 'KEYMAP.jsonl']);
  });

  test('is made of whole backups only, never over something, never in the backup itself, and is named as what it is', async (t) => {
    const { base, tree, file } = bedFor(t);
    await assert.rejects(backupPack({ dir: tree.dir, file: join(base, 'x.zip') }, OPTIONS), { code: 'usage' });
    await assert.rejects(backupPack({ dir: tree.dir, file: join(tree.dir, 'models/x.tar.gz') }, OPTIONS), { code: 'usage' });
    if (Reflect.get(await import('node:zlib'), 'createZstdCompress') === undefined) {
      await assert.rejects(backupPack({ dir: tree.dir, file: join(base, 'x.tar.zst') }, OPTIONS), { code: 'usage' });
    }
    writeFileSync(file, 'precious');
    await assert.rejects(backupPack({ dir: tree.dir, file }, OPTIONS), { code: 'conflict' });
    assert.equal(readFileSync(file, 'utf8'), 'precious');
    rmSync(file);
    writeFileSync(join(tree.dir, 'models/m/data/a.swamp-leaf'), '3');
    await assert.rejects(backupPack({ dir: tree.dir, file }, OPTIONS), { code: 'checksum_mismatch' });
    assert.deepEqual(readdirSync(base), ['backup']);
  });
});

function walkOf(dir: string): { readonly path: string }[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((path) => ({ path: join(dir, path) }));
}

type Entry = Partial<Header> & { readonly name: string; readonly content?: string };

async function archiveOf(file: string, entries: readonly Entry[]): Promise<void> {
  const archive = pack();
  for (const { content = '', ...header } of entries)
    archive.entry({ ...header, ...(header.type === undefined ? {} : { size: 0 }) }, header.type === undefined ? content : '');
  archive.finalize();
  writeFileSync(file, gzipSync(await buffer(archive)));
}

describe('a hostile archive', () => {
  /** The files of a whole backup in their order. */
  function entriesOf({ dir, checksums }: Tree): Entry[] {
    const paths = ['MANIFEST.json', 'CHECKSUMS', ...[...checksums.keys()].filter((path) => path !== 'MANIFEST.json').sort()];
    return paths.map((name) => ({ name, content: readFileSync(join(dir, name), 'utf8') }));
  }

  const path = 'models/m/data/evil';
  const CASES: Readonly<Record<string, readonly [kind: string, edit: (entries: readonly Entry[]) => readonly Entry[]]>> = {
    'a symbolic link': ['symlink', (entries) => [...entries, { name: path, type: 'symlink', linkname: '/etc' }]],
    'a hard link': ['hardlink', (entries) => [...entries, { name: path, type: 'link', linkname: 'MANIFEST.json' }]],
    'a device': ['special_file', (entries) => [...entries, { name: path, type: 'character-device', devmajor: 1, devminor: 3 }]],
    'a FIFO': ['special_file', (entries) => [...entries, { name: path, type: 'fifo' }]],
    'a directory': ['special_file', (entries) => [...entries, { name: path, type: 'directory' }]],
    'a path that leads upwards': ['traversal', (entries) => [...entries, { name: '../evil', content: 'x' }]],
    'a path that leads upwards from below': ['traversal', (entries) => [...entries, { name: 'models/m/data/../../../../evil', content: 'x' }]],
    'an absolute path': ['traversal', (entries) => [...entries, { name: '/tmp/evil', content: 'x' }]],
    'a path twice': ['manifest', (entries) => [...entries, entries[3] ?? { name: '' }]],
    'a file in the place of a directory': ['unlisted', (entries) => [...entries, { name: 'models/m/data', content: 'x' }]],
    'a file below a file': ['manifest', (entries) => [...entries, { name: 'models/m/data/new\nline/x', content: '' }]],
    'more content than the manifest tells': ['manifest', (entries) => [...entries, { name: path, content: 'x'.repeat(500_000) }]],
    'more files than the manifest tells': [
      'manifest',
      (entries) => [...entries, ...Array.from({ length: 50 }, (_, i) => ({ name: `${path}${i}`, content: '' }))],
    ],
    'an upload that the manifest does not tell of': ['unlisted', (entries) => [...entries, { name: 'uploads/m/u/part-1', content: 'x' }]],
    'a file that has no place': ['unlisted', (entries) => [...entries, { name: 'evil', content: 'x' }]],
    'an unlisted file': ['unlisted', (entries) => [...entries, { name: path, content: '' }]],
    'no manifest in front': ['manifest', (entries) => entries.toReversed()],
    'a newer format': ['format_version', (entries) => [{ name: 'MANIFEST.json', content: '{"formatVersion":3}' }, ...entries.slice(1)]],
    'a missing file': ['missing', (entries) => entries.slice(0, -1)],
    'other content': ['altered', (entries) => entries.map((entry) => (entry.content === 'y' ? { ...entry, content: 'z' } : entry))],
  };

  for (const [title, [kind, edit]] of Object.entries(CASES)) {
    test(`with ${title} is refused, and leaves nothing`, async (t) => {
      const { base, tree, file } = bedFor(t);
      await archiveOf(file, edit(entriesOf(tree)));
      await assert.rejects(backupUnpack({ file, dir: join(base, 'out') }, OPTIONS), (error) => {
        assert.ok(error instanceof SwampError, String(error));
        assert.equal(error.code, kind === 'altered' ? 'checksum_mismatch' : 'backup_invalid', error.message);
        const { findings } = error.data as { findings: { kind: string }[] };
        assert.ok(
          findings.some((found) => found.kind === kind),
          JSON.stringify(findings),
        );
        return true;
      });
      assert.deepEqual(readdirSync(base).sort(), ['backup', 'backup.tar.gz']);
      assert.equal(existsSync('/tmp/evil'), false);
    });
  }

  test('that is cut off, is no archive, or does not end in time is refused', async (t) => {
    const { base, tree, file } = bedFor(t);
    await backupPack({ dir: tree.dir, file }, OPTIONS);
    const whole = readFileSync(file);
    for (const length of [0, 5, 100, whole.length - 9]) {
      writeFileSync(file, whole);
      truncateSync(file, length);
      await assert.rejects(backupUnpack({ file, dir: join(base, 'out') }, OPTIONS), { code: 'backup_invalid' }, `${length} bytes`);
    }
    writeFileSync(file, 'this is not an archive');
    await assert.rejects(backupUnpack({ file, dir: join(base, 'out') }, OPTIONS), { code: 'backup_invalid' });
    writeFileSync(file, gzipSync('nor is this'.repeat(1_000)));
    await assert.rejects(backupUnpack({ file, dir: join(base, 'out') }, OPTIONS), { code: 'backup_invalid' });
    assert.deepEqual(readdirSync(base).sort(), ['backup', 'backup.tar.gz']);
  });
});

describe('the commands', () => {
  test('pack and unpack, tell it, and refuse what stands there', async (t) => {
    const repo = await tempRepo(t);
    const { dir } = writeTree(join(repo.base, 'backup'), MODELS);
    const packed = await runJson<{ file: string; size: number }>(repo, ['backup', 'pack', dir, 'b.tar.gz'], { cwd: repo.base });
    assert.equal(packed.size, statSync(join(repo.base, 'b.tar.gz')).size);
    await refused(repo, ['backup', 'pack', dir, packed.file], 'conflict');
    mkdirSync(join(repo.base, 'out'));
    await run(repo, ['backup', 'unpack', packed.file, join(repo.base, 'out')]);
    await run(repo, ['backup', 'verify', join(repo.base, 'out')]);
    await refused(repo, ['backup', 'unpack', packed.file, join(repo.base, 'out')], 'conflict');
    const orphan = await refused(repo, ['backup', 'unpack', packed.file, join(repo.base, 'no/such/parent')], 'io');
    assert.equal(orphan.message, `${join(repo.base, 'no/such')} is not a directory.`);
    const overFile = await refused(repo, ['backup', 'unpack', packed.file, packed.file], 'conflict');
    assert.equal(overFile.message, `${packed.file} is a file.`);
    // What a variable that is not set gives: never the working directory, where every command would find something to do.
    for (const args of [
      ['verify', ''],
      ['restore', ''],
      ['diff', '', dir],
      ['diff', dir, ''],
      ['pack', '', 'x.tar.gz'],
      ['prune', '', '--keep-daily', '1', '-f'],
    ]) {
      await refused(repo, ['backup', ...args, '--repo-dir', repo.dir], 'usage', { cwd: dir });
    }
    mkdirSync(join(repo.base, 'empty'));
    await refused(repo, ['backup', 'unpack', packed.file, ''], 'usage', { cwd: join(repo.base, 'empty') });
    execFileSync('mkfifo', [join(repo.base, 'pipe.tar.gz')], { timeout: 10_000 });
    await refused(repo, ['backup', 'unpack', join(repo.base, 'pipe.tar.gz'), join(repo.base, 'new')], 'io');
    await refused(repo, ['backup', 'unpack', join(repo.base, 'none.tar.gz'), join(repo.base, 'new')], 'io');
    assert.equal(existsSync(join(repo.base, 'new')), false);
  });

  test('leave nothing when they are interrupted or the disk is full, and clear up after one that was killed (B13)', async (t) => {
    const repo = await tempRepo(t);
    const random = randomFrom('incompressible');
    const content = Array.from({ length: 400_000 }, () => String.fromCharCode(33 + random.below(90))).join('');
    const { dir } = writeTree(join(repo.base, 'backup'), [{ name: 'm', artifacts: { a: [content] } }]);
    const file = join(repo.base, 'b.tar.gz');
    const before = readdirSync(repo.base).sort();
    // A limit on the size of files is a full disk for one.
    await finished(launch(repo, 'bash', ['-c', `ulimit -f 100; exec swamp backup pack '${dir}' '${file}'`]), 74);
    assert.deepEqual(readdirSync(repo.base).sort(), before);
    const points = join(repo.base, 'points');
    mkdirSync(points);
    const interrupted = start(repo, ['backup', 'pack', dir, file], { env: { SWAMP_FAILPOINTS: 'fs.sync=pause', SWAMP_FAILPOINT_DIR: points } });
    await until('it is about to sync', () => existsSync(join(points, 'fs.sync.reached')), { detail: interrupted.stderr });
    interrupted.kill('SIGINT');
    // Let go sooner, it may come to its end first: Node looks at a signal after everything else that has happened.
    await until('it has the signal', () => hasNoPendingSignal(interrupted.pid));
    writeFileSync(join(points, 'fs.sync.go'), '');
    await finished(interrupted, 130);
    rmSync(points, { recursive: true });
    assert.deepEqual(readdirSync(repo.base).sort(), before);
    const large = writeTree(join(repo.base, 'large'), [{ name: 'm', artifacts: { a: [content.repeat(60)] } }]);
    const halfway = start(repo, ['backup', 'pack', large.dir, file]);
    const written = (): boolean =>
      readdirSync(repo.base).some((name) => name.startsWith('.b.tar.gz') && (statSync(join(repo.base, name), { throwIfNoEntry: false })?.size ?? 0) > 0);
    await until('some of the content is in the archive', written, { detail: halfway.stderr });
    halfway.kill('SIGINT');
    await finished(halfway, 130);
    rmSync(large.dir, { recursive: true });
    assert.deepEqual(readdirSync(repo.base).sort(), before);
    const killed = await run(repo, ['backup', 'pack', dir, file], { expect: 'any', env: { SWAMP_FAILPOINTS: 'fs.sync=kill' } });
    assert.equal(killed.signal, 'SIGKILL');
    assert.equal(readdirSync(repo.base).length, before.length + 1);
    assert.equal(existsSync(file), false);
    mkdirSync(scratchFor(join(repo.base, 'alive')));
    await run(repo, ['backup', 'pack', dir, file]);
    assert.equal(readdirSync(repo.base).length, before.length + 2, 'the archive, and scratch of a process that lives');
    for (const point of ['fs.write#3', 'fs.rename']) {
      const broken = await run(repo, ['backup', 'unpack', file, join(repo.base, 'out')], { expect: 'any', env: { SWAMP_FAILPOINTS: `${point}=kill` } });
      assert.equal(broken.signal, 'SIGKILL');
      assert.equal(existsSync(join(repo.base, 'out')), false);
    }
    await run(repo, ['backup', 'unpack', file, join(repo.base, 'out')]);
    assert.deepEqual((await verifyTree(join(repo.base, 'out'), NEVER)).findings, []);
    assert.equal(readdirSync(repo.base).filter((name) => name.endsWith('.swamp-scratch')).length, 1);
  });
});

/** proc_pid_status(5): no bit of the masks of pending signals is set. */
function hasNoPendingSignal(pid: number): boolean {
  return (readFileSync(`/proc/${pid}/status`, 'utf8').match(/^(SigPnd|ShdPnd):\s+0+$/gm) ?? []).length === 2;
}
