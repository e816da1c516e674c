/** `backup verify`: whole trees are accepted, every damage is told with its kind, and nothing is followed or waited for (B11, B15). */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, linkSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { verifyTree } from '../src/backup/verify/verify.js';
import type { BackupVerifyResult } from '../src/operations/backup-verify.js';
import { verifyCases } from './support/backup-property.js';
import { DAMAGES, type Tree, type TreeModel, writeTree } from './support/backup-tree.js';
import { NEVER } from './support/library-repo.js';
import { randomFrom, seedOfThisRun } from './support/random.js';
import { refused, toldError } from './support/refused.js';
import { type TestRepo, tempRepo } from './support/repo.js';
import { finished, launch, run, runJson } from './support/swamp.js';
import { runUnprivileged, unprivileged } from './support/unprivileged.js';

const MODELS: readonly TreeModel[] = [
  { name: 'm0', artifacts: { a: ['one', 'two'], 'a/b': ['three'], 'new\nline': ['four'], '..': ['five'], 'back\\slash': [''] }, tombstones: ['gone'] },
  { name: 'web', artifacts: { 'reports/2026/q3.txt': ['x'.repeat(600_000)] } },
];

function treeFor(t: TestContext, models: readonly TreeModel[] = MODELS): Tree {
  const base = mkdtempSync(join(tmpdir(), 'swamp-backup-'));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  return writeTree(join(base, 'backup'), models);
}

async function kindsIn(dir: string): Promise<string[]> {
  const { findings } = await verifyTree(dir, NEVER);
  return findings.map(({ kind, path }) => `${kind} ${path}`);
}

test('a tree of chance is whole; with one damage, that one is told (B1, B7, B9, B10, B11, B15)', async (t) => {
  const seed = seedOfThisRun();
  t.diagnostic(`SWAMP_SEED=${seed}`);
  const { files, damages } = await verifyCases(seed, 175);
  t.diagnostic(`${files} files, ${Object.keys(damages).length} of ${Object.keys(DAMAGES).length} damages`);
});

describe('every damage', () => {
  for (const [title, damage] of Object.entries(DAMAGES)) {
    test(`${title} is told, alone or with what follows from it (B15)`, async (t) => {
      const tree = treeFor(t);
      const wanted = damage(tree, randomFrom(title));
      assert.ok(wanted, 'this tree has room for every damage');
      const { findings } = await verifyTree(tree.dir, NEVER);
      assert.ok(findings.length > 0 && findings.length <= 25, JSON.stringify(findings));
      assert.ok(
        findings.some(({ kind, path }) => kind === wanted.kind && (wanted.path === '' || path === wanted.path)),
        JSON.stringify({ wanted, findings }),
      );
    });
  }

  test('of many at once is told in one run (B15)', async (t) => {
    const { dir } = treeFor(t);
    writeFileSync(join(dir, 'models/m0/data/a.swamp-leaf'), 'TWO');
    rmSync(join(dir, 'models/m0/data/a/b'));
    writeFileSync(join(dir, 'extra'), 'x');
    writeFileSync(join(dir, 'models/.DS_Store'), 'x');
    symlinkSync('/etc', join(dir, 'models/web/etc'));
    execFileSync('mkfifo', [join(dir, 'models/web/pipe')], { timeout: 10_000 });
    mkdirSync(join(dir, 'nothing'));
    linkSync(join(dir, 'models/web/_model.yaml'), join(dir, 'models/web/again'));
    assert.deepEqual(await kindsIn(dir), [
      'unlisted extra',
      'unlisted models/.DS_Store',
      'altered models/m0/data/a.swamp-leaf',
      'missing models/m0/data/a/b',
      'hardlink models/web/_model.yaml',
      'hardlink models/web/again',
      'symlink models/web/etc',
      'special_file models/web/pipe',
      'unlisted nothing',
    ]);
  });
});

test('a name that is no UTF-8 is told, and looked at no further (B15)', async (t) => {
  const { dir } = treeFor(t);
  const name = Buffer.concat([Buffer.from(`${dir}/x`), Buffer.from([0xff])]);
  try {
    writeFileSync(name, 'x');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EILSEQ') return t.skip('this file system has no such names');
    throw error;
  }
  const kinds = await kindsIn(dir);
  // What removes the directory afterwards does not find it.
  unlinkSync(name);
  assert.deepEqual(kinds, ['unlisted x\ufffd']);
});

describe('swamp backup verify', () => {
  async function bed(t: TestContext): Promise<{ readonly repo: TestRepo; readonly tree: Tree }> {
    const repo = await tempRepo(t);
    return { repo, tree: writeTree(join(repo.base, 'backup'), MODELS) };
  }

  test('tells a whole backup with exit 0, without a repository', async (t) => {
    const { repo, tree } = await bed(t);
    const result = await runJson<BackupVerifyResult>(repo, ['backup', 'verify', tree.dir], { cwd: repo.base });
    assert.deepEqual(result.findings, []);
    assert.deepEqual(result.counts, tree.manifest.counts);
    assert.equal(result.dir, tree.dir);
    assert.equal(result.formatVersion, 2);
    const { stdout, stderr } = await run(repo, ['backup', 'verify', 'backup'], { cwd: repo.base });
    assert.match(stdout, /Checked [0-9]+ files, 600 kB: whole\n$/);
    assert.equal(stderr, '');
  });

  test('prints findings on stdout, the error on stderr, and ends with 65 (B15)', async (t) => {
    const { repo, tree } = await bed(t);
    writeFileSync(join(tree.dir, 'models/web/data/reports/2026/q3.txt'), 'x');
    const altered = await run(repo, ['backup', 'verify', tree.dir, '--json'], { expect: 65 });
    assert.equal(toldError(altered, 'checksum_mismatch').data['dir'], tree.dir);
    assert.deepEqual(
      (JSON.parse(altered.stdout) as BackupVerifyResult).findings.map(({ path, kind }) => ({ path, kind })),
      [{ path: 'models/web/data/reports/2026/q3.txt', kind: 'altered' }],
    );
    rmSync(join(tree.dir, 'models/m0/data/a/b'));
    const invalid = await run(repo, ['backup', 'verify', tree.dir], { expect: 65 });
    assert.match(invalid.stdout, /^missing: models\/m0\/data\/a\/b .*\naltered: /);
    assert.match(invalid.stderr, /^swamp: .* is not a whole backup: models\/m0\/data\/a\/b .*, and 1 more\.\nhint: /);
    toldError(await run(repo, ['backup', 'verify', tree.dir, '--json'], { expect: 65 }), 'backup_invalid');
    await refused(repo, ['backup', 'verify', join(repo.base, 'nothing')], 'io');
    const sound = writeTree(join(repo.base, 'sound'), MODELS);
    const based = await run(repo, ['backup', 'verify', sound.dir, '--base', tree.dir], { expect: 65 });
    assert.match(based.stdout, /^missing: \/.*\/backup\/models\/m0\/data\/a\/b .*\naltered: /);
    // What is not a backup is not read.
    const other = JSON.parse((await run(repo, ['backup', 'verify', repo.base, '--json'], { expect: 65 })).stdout) as BackupVerifyResult;
    assert.deepEqual([other.findings.map(({ path }) => path), other.checked.files], [['CHECKSUMS', 'MANIFEST.json'], 0]);
    await refused(repo, ['backup', 'verify', join(tree.dir, 'CHECKSUMS')], 'io');
  });

  test('tells each file and directory that cannot be read, and goes on (B15)', unprivileged, async (t) => {
    const { repo, tree } = await bed(t);
    const unreadable = ['models/m0/data/a.swamp-leaf', 'models/web/data/reports', 'models/web/_model.yaml'];
    for (const path of unreadable) chmodSync(join(tree.dir, path), 0o000);
    writeFileSync(join(tree.dir, 'models/m0/data/a/b'), 'THREE');
    const { stdout } = await runUnprivileged(repo, ['backup', 'verify', tree.dir, '--json'], 65);
    chmodSync(join(tree.dir, 'models/web/data/reports'), 0o755);
    assert.deepEqual(
      (JSON.parse(stdout) as BackupVerifyResult).findings.map(({ kind, path }) => `${kind} ${path}`).filter((one) => /^(unreadable|altered)/.test(one)),
      ['unreadable models/m0/data/a.swamp-leaf', 'altered models/m0/data/a/b', 'unreadable models/web/_model.yaml', 'unreadable models/web/data/reports'],
    );
  });

  test('neither follows nor waits, whatever stands in the place of a control file or a directory, and needs few descriptors (B11, B13)', async (t) => {
    const { repo, tree } = await bed(t);
    const places = [
      'MANIFEST.json',
      'CHECKSUMS',
      'KEYMAP.jsonl',
      'models/m0/_model.yaml',
      'models/m0/_tombstones.jsonl',
      'models/web/data/reports/2026/q3.txt.swamp-meta.json',
    ];
    const forms: Readonly<Record<string, (path: string) => void>> = {
      fifo: (path) => execFileSync('mkfifo', [path], { timeout: 10_000 }),
      link: (path) => symlinkSync(`${path}.moved`, path),
      directory: (path) => mkdirSync(path),
    };
    await Promise.all(
      places.flatMap((place, i) =>
        Object.entries(forms).map(async ([form, make]) => {
          const dir = join(repo.base, `${form}-${i}`);
          cpSync(tree.dir, dir, { recursive: true });
          renameSync(join(dir, place), join(repo.base, `${form}-${i}.moved`));
          make(join(dir, place));
          const { ms } = await finished(launch(repo, 'bash', ['-c', `ulimit -n 64; exec swamp backup verify '${dir}' --json`], { timeoutMs: 20_000 }), 65);
          assert.ok(ms < 15_000);
        }),
      ),
    );
  });

  test('sha256sum -c accepts what it accepts (B1)', async (t) => {
    const { tree } = await bed(t);
    const { status, stderr } = spawnSync('sha256sum', ['--strict', '--quiet', '-c', 'CHECKSUMS'], { cwd: tree.dir, encoding: 'utf8', timeout: 20_000 });
    assert.equal(status, 0, stderr);
    const listed = readFileSync(join(tree.dir, 'CHECKSUMS'), 'utf8').trimEnd().split('\n').length;
    assert.equal(listed, tree.checksums.size);
  });
});
