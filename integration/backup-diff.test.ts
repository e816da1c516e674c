/** `backup diff` and `backup prune`: what differs and what does not count (B2); what is removed, and what never is. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { BackupInFolder } from '../src/backup/folder.js';
import { scratchFor } from '../src/backup/scratch.js';
import { openRepo } from '../src/index.js';
import { type BackupDiffResult, backupDiff } from '../src/operations/backup-diff.js';
import { type BackupPruneResult, type Keep, planPrune, weekOf } from '../src/operations/backup-prune.js';
import { type TreeModel, writeTree } from './support/backup-tree.js';
import { deadHolder, NEVER } from './support/library-repo.js';
import { refused, toldError } from './support/refused.js';
import { type TestRepo, tempRepo } from './support/repo.js';
import { snapshot } from './support/snapshot.js';
import { run, runJson } from './support/swamp.js';

function folderFor(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'swamp-backups-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** `+ artifact m b`, one a difference. */
function lines({ differences }: BackupDiffResult): string[] {
  return differences.map(({ change, what, model, name, version, fields }) =>
    [change, what, model, name, version, ...fields].filter((word) => word !== null).join(' '),
  );
}

const M: TreeModel = { name: 'm', artifacts: { a: ['1', '2'], b: ['x'], c: ['y'] }, tombstones: ['gone'] };

describe('backup diff', () => {
  test('of one state at two times finds nothing, whatever the time, the repository and the epochs (B2)', async (t) => {
    const base = folderFor(t);
    const one = writeTree(join(base, 'one'), [M]);
    const later = { createdAt: '2027-01-01T00:00:00.000Z', repoId: '22222222-2222-4333-8444-555555555555', consistencyPoint: { global: 99, models: {} } };
    const two = writeTree(join(base, 'two'), [M], later);
    const result = await backupDiff({ dir: one.dir, other: two.dir }, NEVER);
    assert.deepEqual({ ...result, from: '', to: '' }, { from: '', to: '', equal: true, added: 0, removed: 0, changed: 0, differences: [] });
  });

  test('tells what was added, removed and changed, by model, artifact and version', async (t) => {
    const base = folderFor(t);
    const one = writeTree(join(base, 'one'), [M, { name: 'old', artifacts: { z: ['z'] } }]);
    const two = writeTree(join(base, 'two'), [
      { name: 'm', artifacts: { a: ['1', '2b', '3'], b: ['x'], d: ['new'] }, tombstones: ['c'] },
      { name: 'new', artifacts: {} },
    ]);
    const forth = await backupDiff({ dir: one.dir, other: two.dir }, NEVER);
    assert.deepEqual(lines(forth), [
      'changed version m a 2 size checksum',
      'added version m a 3',
      'removed artifact m c',
      'added artifact m d',
      'removed tombstone m gone',
      'added model new',
      'removed model old',
      'removed artifact old z',
    ]);
    const back = await backupDiff({ dir: two.dir, other: one.dir }, NEVER);
    assert.deepEqual([back.added, back.removed, back.changed], [forth.removed, forth.added, forth.changed]);
  });

  test('compares what both can hold: latest versions, and the models that were asked for', async (t) => {
    const base = folderFor(t);
    const all = writeTree(join(base, 'all'), [M, { name: 'other', artifacts: {} }]);
    const options = { ...all.manifest.options, allVersions: false, models: ['m'] };
    const some = writeTree(join(base, 'some'), [{ ...M, artifacts: { ...M.artifacts, a: ['2'] } }], { options });
    // There its number is 1, and so is its id another one.
    assert.deepEqual(lines(await backupDiff({ dir: all.dir, other: some.dir }, NEVER)), ['added version m a 1', 'removed version m a 2']);
  });

  test('takes a damaged backup for no backup', async (t) => {
    const base = folderFor(t);
    const one = writeTree(join(base, 'one'), [M]);
    cpSync(one.dir, join(base, 'two'), { recursive: true });
    writeFileSync(join(base, 'two/models/m/data/a'), '3');
    await assert.rejects(backupDiff({ dir: one.dir, other: join(base, 'two') }, NEVER), { code: 'checksum_mismatch' });
  });

  test('with a repository tells what has changed there, on stdout, and ends with 65', async (t) => {
    const repo = await tempRepo(t);
    const { model, data } = openRepo(repo.dir);
    await model.create({ type: 'store', name: 'm' });
    await data.put({ model: 'm', name: 'a', source: ['one'] });
    await data.put({ model: 'm', name: 'gone', source: ['one'] });
    await data.delete({ model: 'm', name: 'gone' });
    const { dir } = writeTree(join(repo.base, 'backup'), [{ name: 'm', artifacts: { b: ['x'] } }]);
    const before = snapshot(repo.dir);
    const result = await run(repo, ['backup', 'diff', dir, repo.dir, '--json'], { expect: 65 });
    assert.deepEqual(lines(JSON.parse(result.stdout) as BackupDiffResult), [
      'changed definition m',
      'added artifact m a',
      'removed artifact m b',
      'added tombstone m gone',
    ]);
    assert.equal(toldError(result, 'backup_mismatch').data['added'], 2);
    const text = await run(repo, ['backup', 'diff', dir, '.'], { expect: 65 });
    assert.match(text.stdout, /^~ definition m\n\+ artifact m a\n- artifact m b\n\+ tombstone m gone\n2 added, 1 removed, 1 changed\n$/);
    assert.deepEqual(snapshot(repo.dir), before, 'nothing is changed');
    const self = await runJson<BackupDiffResult>(repo, ['backup', 'diff', repo.dir, repo.dir]);
    assert.equal(self.equal, true);
  });
});

describe('backup prune', () => {
  /** `at`: in local time. */
  function item(at: string, other: Partial<BackupInFolder> = {}): BackupInFolder {
    return {
      path: `/b/${at}`,
      repoId: 'r',
      createdAt: new Date(at).toISOString(),
      bytes: 1,
      models: null,
      excluded: [],
      exclude: [],
      damaged: 0,
      tags: {},
      ...other,
    };
  }

  const keptOf = (items: readonly BackupInFolder[], keep: Keep): string[] =>
    planPrune(items, keep).kept.map(({ path, keeps }) => `${path.slice(3)} ${keeps.join(' ')}`);

  test('keeps the newest ones, and the newest of each of the last days, weeks and months that have one, in local time', () => {
    const days = [
      '2026-11-20T23:59:59',
      '2026-11-20T01:00:00',
      '2026-11-19T12:00:00',
      '2026-11-15T12:00:00',
      '2026-11-09T00:00:00',
      '2026-11-08T23:59:59.900',
      '2026-10-01T00:00:00',
    ].map((day) => item(day));
    assert.deepEqual(keptOf(days, { keepDaily: 2 }), ['2026-11-20T23:59:59 2026-11-20', '2026-11-19T12:00:00 2026-11-19']);
    assert.deepEqual(keptOf(days, { keepWeekly: 3 }), ['2026-11-20T23:59:59 2026-W47', '2026-11-15T12:00:00 2026-W46', '2026-11-08T23:59:59.900 2026-W45']);
    assert.deepEqual(keptOf(days, { keepMonthly: 5 }), ['2026-11-20T23:59:59 2026-11', '2026-10-01T00:00:00 2026-10']);
    assert.deepEqual(keptOf(days, { keepLast: 2, keepDaily: 1, keepWeekly: 1 }), ['2026-11-20T23:59:59 last 2026-11-20 2026-W47', '2026-11-20T01:00:00 last']);
  });

  test('counts the backups of each repository apart, and those that hold different kinds of things', () => {
    const [late, early] = ['2026-11-20T13:00:00', '2026-11-20T12:00:00'] as const;
    const pairs: readonly (readonly [string, BackupInFolder, BackupInFolder])[] = [
      ['another repository', item(late, { repoId: 'other' }), item(early)],
      ['one model beside all', item(late, { models: ['a'] }), item(early)],
      ['one model beside another', item(late, { models: ['a'] }), item(early, { models: ['b'] })],
      ['latest versions beside all', item(late, { excluded: ['older-versions'] }), item(early)],
    ];
    for (const [title, ...pair] of pairs) assert.equal(planPrune(pair, { keepDaily: 1, keepLast: 1 }).removed.length, 0, title);
    const same = [item(late, { models: ['a', 'b'] }), item(early, { models: ['b', 'a'] })];
    assert.deepEqual(
      planPrune(same, { keepDaily: 1 }).removed.map(({ path }) => path),
      [`/b/${early}`],
    );
  });

  test('counts weeks as ISO 8601 does', () => {
    for (const [day, week] of [
      ['2026-12-31', '2026-W53'],
      ['2027-01-03', '2026-W53'],
      ['2027-01-04', '2027-W01'],
      ['2024-12-30', '2025-W01'],
      ['2021-01-03', '2020-W53'],
    ])
      assert.equal(weekOf(new Date(`${day}T23:00:00`)), week);
  });

  test('a backup of one model does not push out one of everything; the plan shows what each holds; days are local', async (t) => {
    const repo = await tempRepo(t);
    await openRepo(repo.dir).model.create({ type: 'store', name: 'a' });
    const folder = join(repo.base, 'folder');
    mkdirSync(folder);
    await run(repo, ['backup', 'create', join(folder, 'full')]);
    await run(repo, ['backup', 'create', join(folder, 'one'), '--model', 'a', '--latest-only']);
    const plan = await run(repo, ['backup', 'prune', folder, '--keep-daily', '7', '--dry-run']);
    assert.match(plan.stdout, /keep .* model a; latest versions +\/.*\/one\nkeep .* all models +\/.*\/full\nWould remove 0 backups/);
    assert.match((await run(repo, ['backup', 'list', folder])).stdout, /CREATED.*\n.* model a; latest versions +\/.*\/one\n.* all models +\/.*\/full\n$/);
    const evening = join(repo.base, 'evening');
    for (const at of ['2026-11-19T23:00:00.000Z', '2026-11-20T03:00:00.000Z']) writeTree(join(evening, at), [M], { createdAt: at });
    const keptIn = async (TZ: string): Promise<number> => {
      const { stdout } = await run(repo, ['backup', 'prune', evening, '--keep-daily', '7', '--dry-run', '--json'], { env: { TZ } });
      return (JSON.parse(stdout) as BackupPruneResult).kept.length;
    };
    assert.deepEqual([await keptIn('UTC'), await keptIn('America/New_York')], [2, 1]);
  });

  /** Three days of backups, and what is none. */
  async function bed(t: TestContext): Promise<{ readonly repo: TestRepo; readonly folder: string }> {
    const repo = await tempRepo(t);
    const folder = join(repo.base, 'backups');
    for (const day of ['18', '19', '20']) writeTree(join(folder, `day-${day}`), [M], { createdAt: `2026-11-${day}T12:00:00.000Z` });
    mkdirSync(join(folder, 'no-backup'));
    writeFileSync(join(folder, 'no-backup/precious'), 'x');
    writeTree(join(folder, 'broken'), [M], { createdAt: '2020-01-01T00:00:00.000Z' });
    writeFileSync(join(folder, 'broken/MANIFEST.json'), '{');
    // The newest of them, half copied: were it counted, a whole one would go for it.
    writeTree(join(folder, 'half'), [M], { createdAt: '2026-11-20T13:00:00.000Z' });
    rmSync(join(folder, 'half/CHECKSUMS'));
    symlinkSync('day-18', join(folder, 'latest'));
    writeFileSync(join(folder, 'notes.txt'), 'x');
    return { repo, folder };
  }

  test('removes nothing but backups, and tells first what it would do', async (t) => {
    const { repo, folder } = await bed(t);
    const before = snapshot(folder);
    const planned = await runJson<BackupPruneResult>(repo, ['backup', 'prune', folder, '--keep-daily', '1', '--dry-run']);
    const { kept } = await runJson<BackupPruneResult>(repo, ['backup', 'prune', folder, '--keep-last', '2', '--keep-monthly', '1', '--dry-run']);
    assert.deepEqual(
      kept.map(({ keeps }) => keeps),
      [['last', '2026-11'], ['last']],
    );
    assert.deepEqual(snapshot(folder), before);
    const done = await runJson<BackupPruneResult>(repo, ['backup', 'prune', folder, '--keep-daily', '1', '--force']);
    assert.deepEqual({ ...planned, dryRun: false }, done);
    assert.deepEqual(
      done.removed.map(({ path }) => path),
      [join(folder, 'day-19'), join(folder, 'day-18')],
    );
    assert.deepEqual(
      done.skipped.map(({ path, reason }) => `${path.slice(folder.length)} ${reason}`),
      ['/broken MANIFEST.json is damaged: it is not JSON', '/half CHECKSUMS is missing', '/no-backup MANIFEST.json is missing'],
    );
    assert.deepEqual(readdirSync(folder).sort(), ['broken', 'day-20', 'half', 'latest', 'no-backup', 'notes.txt']);
    assert.equal(existsSync(join(folder, 'no-backup/precious')), true);
    const text = await run(repo, ['backup', 'prune', folder, '--keep-weekly', '1', '--force']);
    assert.match(text.stdout, /\nRemoved 0 backups, 0 B; 1 backup kept\n$/);
  });

  test('asks, or refuses without a terminal; wants to know what to keep; and takes no backup for a folder of them', async (t) => {
    const { repo, folder } = await bed(t);
    const before = snapshot(folder);
    await refused(repo, ['backup', 'prune', folder, '--keep-daily', '1'], 'usage');
    await refused(repo, ['backup', 'prune', folder, '--force'], 'usage');
    await refused(repo, ['backup', 'prune', folder, '--keep-daily', '0', '--force'], 'usage');
    await refused(repo, ['backup', 'prune', join(folder, 'day-20'), '--keep-daily', '1', '--force'], 'usage');
    await refused(repo, ['backup', 'prune', folder, '--keep-daily', '1', '--force', '--read-only'], 'read_only');
    assert.deepEqual(snapshot(folder), before);
  });

  test('that was killed while it removed is finished by the next one (B13)', async (t) => {
    const { repo, folder } = await bed(t);
    const killed = await run(repo, ['backup', 'prune', folder, '--keep-daily', '1', '--force'], {
      expect: 'any',
      env: { SWAMP_FAILPOINTS: 'fs.unlink#3=kill' },
    });
    assert.equal(killed.signal, 'SIGKILL');
    assert.equal(existsSync(join(folder, 'day-19')), false, 'it is not a backup any more');
    assert.equal(readdirSync(folder).filter((name) => name.endsWith('.swamp-scratch')).length, 1);
    // Not ours to remove: its maker may live, or the name is nobody's.
    const foreign = [scratchFor(join(folder, 'x')), join(folder, '.x.swamp-scratch')];
    for (const path of foreign) mkdirSync(path);
    const link = scratchFor(join(folder, 'link')).replace(/[^.]*(?=\.swamp-scratch$)/, deadHolder);
    symlinkSync(join(folder, 'no-backup'), link);
    const { reclaimed, removed } = await runJson<BackupPruneResult>(repo, ['backup', 'prune', folder, '--keep-daily', '1', '--force']);
    assert.equal(reclaimed.length, 1);
    assert.deepEqual(
      removed.map(({ path }) => path),
      [join(folder, 'day-18')],
    );
    for (const path of foreign) assert.equal(existsSync(path), true);
    assert.equal(existsSync(join(folder, 'no-backup/precious')), true);
  });
});
