/** `backup create`: what stands in a backup, that it shows one moment whatever happens meanwhile, and that there is a whole one or none. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe } from 'node:test';
import { openRepo } from '../src/index.js';
import { idOf } from './support/backup-tree.js';
import { backup, filesIn, inShort, manifestOf, nothingLeft, pins, savedIn, scratchBeside, trash, whole } from './support/backups.js';
import type { Edit } from './support/edits.js';
import { Pauses } from './support/failpoints.js';
import { mountedRepo, onMounts } from './support/mounted.js';
import { buildMutant } from './support/mutant.js';
import { refused } from './support/refused.js';
import { check, createModel, heldLocks, type TestRepo, tempRepo } from './support/repo.js';
import { sampled, sampledTest } from './support/scale.js';
import { finished, launch, run, shellCode, start } from './support/swamp.js';
import { runUnprivileged, unprivileged } from './support/unprivileged.js';

const test = sampledTest(2);

/** Model `m` with `a` (two versions), `b`, `deep/er`, and one that was deleted; model `n` with `c`. */
async function stock(repo: TestRepo): Promise<void> {
  const { model, data } = openRepo(repo.dir);
  for (const name of ['m', 'n']) await model.create({ type: 'store', name, tags: { name } });
  for (const text of ['a one', 'a two']) await data.put({ model: 'm', name: 'a', source: [text], tags: { text } });
  for (const name of ['b', 'deep/er', 'gone']) await data.put({ model: 'm', name, source: [name] });
  await data.delete({ model: 'm', name: 'gone' });
  await data.put({ model: 'n', name: 'c', source: ['c'] });
}

const STOCKED = ['models/m a.1=a one', 'models/m a.2=a two', 'models/m b.1=b', 'models/m deep/er.1=deep/er', 'models/n c.1=c'];

function idOfModel(repo: TestRepo, name: string): Promise<string> {
  return openRepo(repo.dir)
    .model.get({ model: name })
    .then(({ id }) => id);
}

const LATER = ['models/m a.1=a one', 'models/m a.2=a two', 'models/m a.3=a three', 'models/m deep/er.1=deep/er', 'models/n c.1=c'];

/** Stops a backup between its listing ahead and its lock, and changes something there. */
async function betweenListings(repo: TestRepo): Promise<{ readonly code: number | null; readonly saved: readonly string[] }> {
  await stock(repo);
  const dir = join(repo.base, 'between');
  const pauses = new Pauses(repo, ['restructure.after-first-drain']);
  const running = start(repo, ['backup', 'create', dir], { env: pauses.env });
  await pauses.at('restructure.after-first-drain', running);
  await openRepo(repo.dir).data.put({ model: 'm', name: 'a', source: ['a three'] });
  await openRepo(repo.dir).data.delete({ model: 'm', name: 'b' });
  pauses.go('restructure.after-first-drain');
  const { code } = await running.exited;
  return { code, saved: code === 0 ? inShort(savedIn(dir)).sort() : [] };
}

/** Stops a backup after its listing, and deletes something by the program itself, which sweeps. */
async function deletedAfterListing(repo: TestRepo, model: string, name: string): Promise<{ readonly code: number | null; readonly saved: readonly string[] }> {
  const dir = join(repo.base, 'after');
  const pauses = new Pauses(repo, ['backup.listed']);
  const running = start(repo, ['backup', 'create', dir], { env: pauses.env });
  await pauses.at('backup.listed', running);
  await run(repo, ['data', 'delete', model, name, '--force']);
  pauses.go('backup.listed');
  const { code } = await running.exited;
  return { code, saved: code === 0 ? inShort(savedIn(dir)) : [] };
}

describe('a backup', () => {
  test('is a tree that sha256sum -c and find can read, with a manifest that tells what it is (B1, B14)', async (t) => {
    const repo = await tempRepo(t);
    await stock(repo);
    const dir = join(repo.base, 'backup');
    const result = await backup(repo, dir);
    assert.deepEqual([result.models, result.artifacts, result.versions, result.bytes], [2, 4, 5, 19]);
    assert.deepEqual(inShort(await whole(repo, dir)).sort(), STOCKED);
    assert.deepEqual(filesIn(join(dir, 'models/m')), [
      '_model.yaml',
      '_tombstones.jsonl',
      'data/a',
      'data/a.swamp-meta.json',
      'data/a.swamp-v1',
      'data/b',
      'data/b.swamp-meta.json',
      'data/deep/er',
      'data/deep/er.swamp-meta.json',
    ]);
    assert.equal(readFileSync(join(dir, 'models/m/_model.yaml'), 'utf8'), readFileSync(join(repo.dir, 'models/store/m.yaml'), 'utf8'));
    for (const path of filesIn(dir).filter((path) => !path.includes('/data/') || path.endsWith('.swamp-meta.json')))
      assert.equal(statSync(join(dir, path)).mode & 0o777, 0o600, path);
    const manifest = manifestOf(dir);
    assert.equal(manifest.formatVersion, 2);
    assert.match(manifest.createdAt, /^20[0-9]{2}-[0-9]{2}-[0-9]{2}T.*Z$/);
    assert.deepEqual(Object.keys(manifest.consistencyPoint.models).sort(), (await Promise.all(['m', 'n'].map((name) => idOfModel(repo, name)))).sort());
    assert.ok(manifest.consistencyPoint.global > 0);
    assert.deepEqual(manifest.excluded, ['incomplete-uploads', 'orphans', 'deleted-models', 'kept-outputs']);
  });

  test('holds the latest versions alone, and only the models asked for, where that is wanted; what is left out is counted (B18)', async (t) => {
    const repo = await tempRepo(t);
    await stock(repo);
    const dir = join(repo.base, 'backup');
    const { excluded } = await backup(repo, dir, '--latest-only', '--model', await idOfModel(repo, 'm'));
    assert.deepEqual(manifestOf(dir).options.models, ['m']);
    assert.deepEqual(inShort(await whole(repo, dir)).sort(), ['models/m a.2=a two', 'models/m b.1=b', 'models/m deep/er.1=deep/er']);
    assert.deepEqual(excluded, { olderVersions: 1, incompleteUploads: 0, orphans: 0, otherModels: 1, deletedModels: 0, keptOutputs: 0, excludedArtifacts: 0 });
    assert.deepEqual(manifestOf(dir).excluded, ['older-versions', 'incomplete-uploads', 'orphans', 'other-models', 'deleted-models', 'kept-outputs']);
    await refused(repo, ['backup', 'create', join(repo.base, 'x'), '--model', 'none'], 'model_not_found');
    await refused(repo, ['backup', 'create', join(repo.base, 'x'), '--latest-only', '--all-versions'], 'usage');
    await backup(repo, join(repo.base, 'x'), '--all-versions');
    assert.deepEqual(inShort(savedIn(join(repo.base, 'x'))).sort(), STOCKED);
  });

  test('of the same state is the same, byte for byte, but for the time and the point in time (B2)', async (t) => {
    const repo = await tempRepo(t);
    await stock(repo);
    const [one, two] = ['one', 'two'].map((name) => join(repo.base, name)) as [string, string];
    for (const dir of [one, two]) await backup(repo, dir);
    const differing = filesIn(one).filter((path) => !readFileSync(join(one, path)).equals(readFileSync(join(two, path))));
    assert.deepEqual(filesIn(one), filesIn(two));
    assert.deepEqual(differing, ['CHECKSUMS', 'MANIFEST.json']);
    const same = (dir: string): string[] =>
      readFileSync(join(dir, 'CHECKSUMS'), 'utf8')
        .split('\n')
        .filter((line) => !line.endsWith('  MANIFEST.json'));
    assert.deepEqual(same(one), same(two));
    const { createdAt: _, consistencyPoint: __, ...rest } = manifestOf(one);
    const { createdAt: ___, consistencyPoint: ____, ...others } = manifestOf(two);
    assert.deepEqual(rest, others);
  });

  test('is planned by --dry-run, which takes no lock and writes nothing; only that is allowed with --read-only', async (t) => {
    const repo = await tempRepo(t);
    await stock(repo);
    const dir = join(repo.base, 'backup');
    const before = execFileSync('find', ['.', '-newermt', '2000-01-01', '-printf', '%p %T@ %s\\n'], { cwd: repo.base, encoding: 'utf8', timeout: 20_000 });
    const plan = await backup(repo, dir, '--dry-run', '--read-only');
    assert.equal(
      execFileSync('find', ['.', '-newermt', '2000-01-01', '-printf', '%p %T@ %s\\n'], { cwd: repo.base, encoding: 'utf8', timeout: 20_000 }),
      before,
    );
    await refused(repo, ['backup', 'create', dir, '--read-only'], 'read_only');
    const real = await backup(repo, dir);
    const plain = ({ backupDir, models, artifacts, versions, bytes, excluded, renamed }: typeof real) => ({
      backupDir,
      models,
      artifacts,
      versions,
      bytes,
      excluded,
      renamed,
    });
    assert.deepEqual(plain(plan), plain(real));
  });

  test('takes from the datastore what it cannot read in --base, and gives no file the permissions that it has there', unprivileged, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const large = 'x'.repeat(300_000);
    for (const [name, source] of Object.entries({ small: ['s'], large: ['l', large], hidden: ['h', large], fresh: ['f', large] }))
      await openRepo(repo.dir).data.put({ model: 'm', name, source });
    const [base, dir] = ['base', 'dir'].map((name) => join(repo.base, name)) as [string, string];
    await backup(repo, base);
    const at = (root: string, name: string): string => join(root, 'models/m/data', name);
    chmodSync(at(base, 'small'), 0o000);
    chmodSync(at(base, 'hidden'), 0o000);
    chmodSync(at(base, 'large'), 0o400);
    writeFileSync(at(base, 'fresh'), '');
    const { stderr } = await runUnprivileged(repo, ['backup', 'create', dir, '--base', base], 0);
    assert.equal(stderr.match(/is damaged, gone, or cannot be read/g)?.length, 3, stderr);
    for (const name of ['large', 'hidden']) assert.equal(statSync(at(dir, name)).mode, statSync(at(dir, 'fresh')).mode, name);
    await whole(repo, dir);
  });

  test('holds neither what --exclude names nor what is noted in it is lost: both are recorded (B18)', async (t) => {
    const repo = await tempRepo(t);
    await stock(repo);
    const dir = join(repo.base, 'backup');
    const { excluded } = await backup(repo, dir, '--exclude', 'm/deep/*', '--exclude', 'n', '--exclude', 'm/?', '--tag', 'why=before the move');
    assert.deepEqual(inShort(await whole(repo, dir)).sort(), STOCKED.slice(0, 3));
    assert.deepEqual([excluded['excludedArtifacts'], excluded['otherModels']], [1, 1]);
    const { tags, options, excluded: kinds } = manifestOf(dir);
    assert.deepEqual([tags, options.exclude, kinds[0]], [{ why: 'before the move' }, ['m/deep/*', 'n', 'm/?'], 'excluded-artifacts']);
    await run(repo, ['backup', 'diff', dir, repo.dir]);
    assert.match((await run(repo, ['backup', 'list', repo.base])).stdout, / without m\/deep\/\*, n, m\/\?; why=before the move +\/.*\/backup\n/);
  });

  test('of a repository whose definitions are all missing, while there is data, is refused (B18)', async (t) => {
    const repo = await tempRepo(t, { pending: 'allowed' });
    await stock(repo);
    rmSync(join(repo.dir, 'models'), { recursive: true });
    const dir = join(repo.base, 'backup');
    for (const mode of [[], ['--dry-run']]) await refused(repo, ['backup', 'create', dir, ...mode], 'model_invalid');
    nothingLeft(repo, dir);
    assert.equal((await backup(repo, dir, '--include-orphans')).orphans, 2);
  });

  test('is made where the datastore cannot be written: no pin is needed there', onMounts, async (t) => {
    const repo = await mountedRepo(t, 'size=20m');
    await repo.swamp(['data', 'put', 'm', 'a', '--create'], { stdin: 'one' });
    const dir = join(repo.base, 'backup');
    const { stderr, code } = await repo.sh(`mount -o remount,ro .. && swamp backup create '${dir}' && mount -o remount,rw ..`);
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual(inShort(savedIn(dir)), ['models/m a.1=one']);
    const { code: changed } = await repo.sh(`swamp backup verify '${dir}'`);
    assert.equal(changed, 0);
  });

  test('shares unchanged contents with --base, and takes none that is damaged', async (t) => {
    const repo = await tempRepo(t);
    await stock(repo);
    const large = 'x'.repeat(300_000);
    for (const name of ['l1', 'l2']) await openRepo(repo.dir).data.put({ model: 'n', name, source: [name, large] });
    const [base, dir] = ['base', 'dir'].map((name) => join(repo.base, name)) as [string, string];
    await backup(repo, base);
    await openRepo(repo.dir).data.put({ model: 'n', name: 'c', source: ['c two'] });
    for (const path of ['models/m/data/b', 'models/n/data/l2']) {
      const bytes = readFileSync(join(base, path));
      writeFileSync(join(base, path), bytes.fill('!', 0, 1));
    }
    const result = await run(repo, ['backup', 'create', dir, '--base', base, '--json']);
    const { reused, sharedBytes } = JSON.parse(result.stdout) as { reused: number; sharedBytes: number };
    assert.deepEqual([reused, sharedBytes], [5, 300_000 + 'l1'.length + 'a one'.length + 'a two'.length + 'deep/er'.length + 'c'.length]);
    assert.equal(result.stderr.match(/is damaged, gone/g)?.length, 2, result.stderr);
    assert.deepEqual(
      inShort(await whole(repo, dir))
        .map((one) => one.slice(0, 30))
        .sort(),
      [
        'models/m a.1=a one',
        'models/m a.2=a two',
        'models/m b.1=b',
        'models/m deep/er.1=deep/er',
        'models/n c.1=c',
        'models/n c.2=c two',
        'models/n l1.1=l1xxxxxxxxxxxxxxxx',
        'models/n l2.1=l2xxxxxxxxxxxxxxxx',
      ].map((one) => one.slice(0, 30)),
    );
    const place = 'models/n/data/l1';
    const [shared, own] = [base, dir].map((root) => statSync(join(root, place))) as [Stats, Stats];
    // Where the file system cannot clone, it is one file.
    assert.ok(own.ino !== shared.ino || own.nlink === 2);
    const copied = await backup(repo, join(repo.base, 'copied'), '--base', base, '--copy');
    assert.deepEqual([copied.reused, copied.sharedBytes], [5, 0]);
    assert.equal(statSync(join(repo.base, 'copied', place)).nlink, 1);
    await openRepo(repo.dir).backup.restore({ dir, mode: 'replace' });
    assert.equal(statSync(join(dir, place)).nlink, own.nlink, 'a restore shares nothing with a backup');
    for (const mode of [[], ['--dry-run']]) {
      const { message } = await refused(repo, ['backup', 'create', join(repo.base, 'x'), '--base', repo.dir, ...mode], 'backup_invalid');
      assert.equal(message, `${repo.dir} is not a whole backup: MANIFEST.json is missing.`);
      for (const none of ['nowhere', join(base, 'MANIFEST.json')])
        await refused(repo, ['backup', 'create', join(repo.base, 'x'), '--base', none, ...mode], 'io');
    }
  });
});

describe('one moment', () => {
  test('is shown, whatever is deleted, renamed and written while the copying goes on; nothing of it is swept before (B4)', async (t) => {
    const repo = await tempRepo(t);
    await stock(repo);
    const { model, data, datastore } = openRepo(repo.dir);
    await model.create({ type: 'store', name: 'doomed' });
    await data.put({ model: 'doomed', name: 'd', source: ['d'] });
    for (const name of ['p/1', 'p/2']) await data.put({ model: 'm', name, source: [name] });
    const dir = join(repo.base, 'backup');
    const pauses = new Pauses(repo, ['backup.listed']);
    const running = start(repo, ['backup', 'create', dir], { env: pauses.env, timeoutMs: 60_000 });
    await pauses.at('backup.listed', running);
    await data.delete({ model: 'm', name: 'b' });
    await data.put({ model: 'm', name: 'b', source: ['b anew'] });
    await data.delete({ model: 'm', prefix: 'p/' });
    await data.delete({ model: 'm', name: 'a', version: 1 });
    await data.put({ model: 'm', name: 'a', source: ['a three'] });
    await data.rename({ model: 'm', oldName: 'deep/er', newName: 'elsewhere' });
    await data.rename({ model: 'n', oldName: 'c', newName: 'c2' });
    await data.delete({ model: 'n', name: 'c2' });
    await model.delete({ model: 'doomed', withData: true });
    await model.rename({ model: 'n', newName: 'o' });
    await datastore.sweep();
    const { sweeps, pins: told } = await datastore.status();
    assert.ok(sweeps.filter(({ kind }) => kind === 'trash').length >= 5, JSON.stringify(sweeps));
    assert.equal(told.length, 1);
    assert.match(told[0]?.command ?? '', /^backup create /);
    const swept = await run(repo, ['datastore', 'sweep', '--json']);
    assert.deepEqual((JSON.parse(swept.stdout) as { removed: object[] }).removed, []);
    assert.match(swept.stderr, /A backup is running/);
    pauses.go('backup.listed');
    await finished(running);
    assert.deepEqual(inShort(await whole(repo, dir)).sort(), [...STOCKED, 'models/doomed d.1=d', 'models/m p/1.1=p/1', 'models/m p/2.1=p/2'].sort());
    assert.deepEqual([trash(repo), pins(repo)], [[], []], 'the backup sweeps at its end');
  });

  test('is that of the lock, not that of the listing ahead of it (B4)', async (t) => {
    const repo = await tempRepo(t);
    assert.deepEqual((await betweenListings(repo)).saved, LATER);
  });

  describe('is missed by a program that', () => {
    const mutants: Readonly<Record<string, readonly Edit[]>> = {
      'takes what was listed ahead for what is there': [
        { file: 'backup/create/snapshot.ts', from: 'const same = known?.quiet !== undefined && known.quiet === entry?.name;', to: 'const same = true;' },
      ],
      'sweeps under a pin': [{ file: 'store/pins.ts', from: 'standingPins(repo).some((path) => !silent.has(path));', to: 'false;' }],
      'does not look for what was moved': [
        { file: 'backup/create/locate.ts', from: 'look === 0 ? listed.dir : find(locating, listed, { anew: look > 1 })', to: 'listed.dir' },
      ],
    };
    for (const [title, edits] of Object.entries(mutants)) {
      test(title, async (t) => {
        const repo = await tempRepo(t, { check: false });
        const bin = await buildMutant(repo.base, edits);
        const broken = { ...repo, bin };
        const early = await betweenListings(broken);
        const late = await deletedAfterListing(broken, 'n', 'c');
        assert.ok(early.code !== 0 || early.saved.join() !== LATER.join() || late.code !== 0, 'the mutant is not noticed');
      });
    }
    test('nothing else: the program as it is passes both', async (t) => {
      const repo = await tempRepo(t);
      assert.deepEqual((await betweenListings(repo)).saved, LATER);
      const { code, saved } = await deletedAfterListing(repo, 'n', 'c');
      assert.deepEqual([code, saved.includes('models/n c.1=c')], [0, true]);
    });
  });

  test('includes what a dead holder had published and not carried out (B4)', async (t) => {
    const repo = await tempRepo(t);
    await stock(repo);
    const killed = start(repo, ['data', 'rename', 'm', 'a', 'renamed'], { env: { SWAMP_FAILPOINTS: 'steps.take=kill' } });
    assert.equal((await killed.exited).signal, 'SIGKILL');
    const dir = join(repo.base, 'backup');
    await backup(repo, dir);
    const saved = inShort(await whole(repo, dir)).filter((one) => one.startsWith('models/m '));
    assert.deepEqual(saved.sort(), ['models/m b.1=b', 'models/m deep/er.1=deep/er', 'models/m renamed.1=a one', 'models/m renamed.2=a two']);
  });

  test('holds no lock while contents are read (B4)', async (t) => {
    const repo = await tempRepo(t);
    await stock(repo);
    const pauses = new Pauses(repo, ['backup.copying']);
    const running = start(repo, ['backup', 'create', join(repo.base, 'backup')], { env: pauses.env });
    await pauses.at('backup.copying', running);
    assert.deepEqual(heldLocks(repo), []);
    await openRepo(repo.dir, { lockTimeoutMs: 5_000 }).data.put({ model: 'm', name: 'a', source: ['meanwhile'] });
    pauses.go('backup.copying');
    await finished(running);
  });

  test('a pin of a dead backup is removed by the next sweep, one that cannot be judged stays', async (t) => {
    const repo = await tempRepo(t, { pending: 'allowed' });
    await stock(repo);
    const dead = start(repo, ['backup', 'create', join(repo.base, 'backup')], { env: { SWAMP_FAILPOINTS: 'backup.copying=kill' } });
    assert.equal((await dead.exited).signal, 'SIGKILL');
    assert.equal(pins(repo).length, 1);
    assert.ok((await check(repo, 'allowed')).pending.some(({ kind }) => kind === 'pin'));
    const [pin = ''] = pins(repo);
    const foreign = `${pin.startsWith('x') ? 'x' : ''}000000000000${pin.slice(pin.indexOf('-'))}`;
    writeFileSync(repo.layout.pin(foreign), '');
    await run(repo, ['data', 'delete', 'm', 'b', '--force']);
    assert.deepEqual(pins(repo), [foreign]);
    assert.equal(trash(repo).length, 1, 'another machine may run a backup');
    rmSync(repo.layout.pin(foreign));
    await run(repo, ['datastore', 'sweep']);
    assert.deepEqual(trash(repo), []);
  });
});

describe('damage', () => {
  const injuries: Readonly<
    Record<
      string,
      {
        readonly code: 'checksum_mismatch' | 'incomplete_chunks' | 'corrupt' | 'model_invalid';
        readonly data?: object;
        injure(repo: TestRepo, id: string): void;
      }
    >
  > = {
    'content with another byte (B5)': {
      code: 'checksum_mismatch',
      data: { name: 'a', version: 2 },
      injure: ({ layout }, id) => writeFileSync(join(layout.version(id, 'a', 2), 'content'), 'a twO'),
    },
    'content that was cut off (B5)': {
      code: 'checksum_mismatch',
      data: { name: 'a', version: 2 },
      injure: ({ layout }, id) => writeFileSync(join(layout.version(id, 'a', 2), 'content'), ''),
    },
    'a part with another byte (B5)': {
      code: 'checksum_mismatch',
      data: { name: 'parts', part: 2 },
      injure: ({ layout }, id) => writeFileSync(join(layout.version(id, 'parts', 1), 'parts/2'), 'TWO'),
    },
    'a missing part (B5)': {
      code: 'incomplete_chunks',
      data: { name: 'parts', part: 2 },
      injure: ({ layout }, id) => rmSync(join(layout.version(id, 'parts', 1), 'parts/2')),
    },
    'a part too many (B5, B6)': {
      code: 'incomplete_chunks',
      data: { name: 'parts', part: '4' },
      injure: ({ layout }, id) => writeFileSync(join(layout.version(id, 'parts', 1), 'parts/4'), 'four'),
    },
    'no content': { code: 'corrupt', injure: ({ layout }, id) => rmSync(join(layout.version(id, 'a', 2), 'content')) },
    'malformed metadata (B18)': { code: 'corrupt', injure: ({ layout }, id) => writeFileSync(join(layout.version(id, 'a', 2), 'metadata.json'), '{') },
    'a malformed record of an artifact (B18)': {
      code: 'corrupt',
      injure: ({ layout }, id) => writeFileSync(join(layout.artifact(id, 'a'), 'artifact.json'), '[]'),
    },
    'a malformed tombstone (B18)': { code: 'corrupt', injure: ({ layout }, id) => writeFileSync(layout.tombstone(id, 'gone'), '') },
    'an artifact without a version (B18)': { code: 'corrupt', injure: ({ layout }, id) => rmSync(layout.version(id, 'b', 1), { recursive: true }) },
    'a link among the artifacts (B18)': { code: 'corrupt', injure: ({ layout, base }, id) => symlinkSync(base, join(layout.model(id), 'mine')) },
    'a definition that cannot be read (B18)': { code: 'model_invalid', injure: ({ dir }) => appendFileSync(join(dir, 'models/store/n.yaml'), '\nid: 5\n') },
  };
  test('of anything fails loudly, names it, and leaves nothing behind', async (t) => {
    const repo = await tempRepo(t, { check: false });
    await stock(repo);
    const { upload } = openRepo(repo.dir);
    const { uploadId } = await upload.begin({ model: 'm', name: 'parts' });
    for (const [i, text] of ['one', 'two', 'three'].entries()) await upload.part({ upload: uploadId, partNumber: i + 1, source: [text] });
    await upload.complete({ upload: uploadId });
    const id = await idOfModel(repo, 'm');
    const fine = join(repo.base, 'fine');
    await backup(repo, fine);
    assert.ok(inShort(await whole(repo, fine)).includes('models/m parts.1=onetwothree'), 'parts are assembled in their order (B5)');
    const dir = join(repo.base, 'backup');
    for (const [title, { code, data, injure }] of Object.entries(injuries)) {
      await t.test(title, async () => {
        execFileSync('cp', ['-a', repo.dir, join(repo.base, 'kept')], { timeout: 20_000 });
        injure(repo, id);
        const error = await refused(repo, ['backup', 'create', dir], code);
        if (data !== undefined) assert.deepEqual({ ...error.data, ...data }, error.data);
        nothingLeft(repo, dir);
        rmSync(repo.dir, { recursive: true });
        renameSync(join(repo.base, 'kept'), repo.dir);
      });
    }
  });
});

test('all damage is told at once, or left out and recorded with --skip-damaged (B18)', async (t) => {
  const repo = await tempRepo(t, { check: false });
  await stock(repo);
  const { data } = openRepo(repo.dir);
  await data.put({ model: 'm', name: 'b/under', source: ['under'] });
  const [m, n] = await Promise.all(['m', 'n'].map((name) => idOfModel(repo, name)));
  writeFileSync(join(repo.layout.version(m ?? '', 'a', 2), 'content'), 'A TWO');
  writeFileSync(join(repo.layout.version(m ?? '', 'b', 1), 'content'), 'B');
  writeFileSync(join(repo.layout.version(n ?? '', 'c', 1), 'content'), 'C');
  const dir = join(repo.base, 'backup');
  const DAMAGED = [
    { model: 'models/m', name: 'a', version: 2, reason: 'checksum_mismatch' },
    { model: 'models/m', name: 'b', version: 1, reason: 'checksum_mismatch' },
    { model: 'models/n', name: 'c', version: 1, reason: 'checksum_mismatch' },
  ];
  const { message, data: told } = await refused(repo, ['backup', 'create', dir], 'checksum_mismatch');
  assert.match(message, / And 2 more cannot be read/);
  assert.deepEqual(
    ((told?.['damaged'] ?? []) as { message: string }[]).map(({ message: _, ...rest }) => rest),
    DAMAGED,
  );
  nothingLeft(repo, dir);
  const made = await backup(repo, dir, '--skip-damaged');
  assert.deepEqual([made.damaged, manifestOf(dir).damaged], [DAMAGED, DAMAGED]);
  assert.deepEqual(inShort(await whole(repo, dir)).sort(), ['models/m a.1=a one', 'models/m b/under.1=under', 'models/m deep/er.1=deep/er']);
  const other = await tempRepo(t);
  await run(other, ['backup', 'restore', dir]);
  assert.equal(
    (await openRepo(other.dir).data.put({ model: 'm', name: 'a', source: ['next'] })).version,
    3,
    'P4: a number that was left out is not given out again',
  );
  // What cannot be listed is left out, too.
  writeFileSync(join(repo.layout.artifact(m ?? '', 'a'), 'artifact.json'), '[]');
  const again = await backup(repo, join(repo.base, 'again'), '--skip-damaged');
  assert.deepEqual(again.damaged[0], { model: 'models/m', name: 'a', version: null, reason: 'corrupt' });
  for (const place of [repo.layout.model(m ?? ''), repo.layout.tombstones(n ?? ''), repo.layout.modelUploads(n ?? ''), repo.layout.modelKept(n ?? '')]) {
    rmSync(place, { recursive: true, force: true });
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(repo.base, place);
  }
  const lost = (model: string) => ({ model: `models/${model}`, name: null, version: null, reason: 'corrupt' });
  for (const [place, uploads] of [
    ['few', []],
    ['most', ['--include-incomplete-uploads']],
  ] as const) {
    const { damaged } = await backup(repo, join(repo.base, place), '--skip-damaged', ...uploads);
    assert.deepEqual(
      damaged.filter(({ name }) => name === null),
      [lost('m'), ...[...uploads, 'tombstones'].map(() => lost('n'))],
    );
    assert.deepEqual(inShort(await whole(repo, join(repo.base, place))), []);
  }
});

test('what belongs to nothing is told by name and left alone; an upload without its record is damage (B18)', async (t) => {
  const repo = await tempRepo(t, { check: false });
  await stock(repo);
  const id = await idOfModel(repo, 'm');
  writeFileSync(join(repo.layout.model(id), 'notes'), '');
  cpSync(repo.layout.version(id, 'a', 1), join(repo.layout.artifact(id, 'a'), '007'), { recursive: true });
  const { uploadId } = await openRepo(repo.dir).upload.begin({ model: 'm', name: 'u' });
  const dir = join(repo.base, 'backup');
  const { stdout, stderr } = await run(repo, ['backup', 'create', dir, '--json']);
  const told = (JSON.parse(stdout) as { strays: string[] }).strays;
  assert.deepEqual(
    told.map((path) => path.split(id)[1]),
    ['/notes', '/a/007'],
  );
  for (const path of told) assert.ok(stderr.includes(`${path} does not belong in the datastore`), stderr);
  assert.deepEqual(inShort(await whole(repo, dir)).sort(), STOCKED);
  rmSync(join(repo.layout.upload(id, uploadId), 'upload.json'));
  await refused(repo, ['backup', 'create', join(repo.base, 'other'), '--include-incomplete-uploads'], 'corrupt');
  const { damaged } = await backup(repo, join(repo.base, 'other'), '--include-incomplete-uploads', '--skip-damaged');
  assert.deepEqual(damaged, [{ model: 'models/m', name: uploadId, version: null, reason: 'corrupt' }]);
});

describe('names', () => {
  test('that cannot stand as they are: all of them in one run, or safe ones, or leaves (B7, B9, B10)', async (t) => {
    const repo = await tempRepo(t);
    const { model, data } = openRepo(repo.dir);
    await model.create({ type: 'store', name: 'm' });
    const hostile = ['..', '/etc', 'a//b', 'back\\slash', 'x'.repeat(221)];
    const colliding = ['Case', 'case', 'gr\u00fcn', 'gru\u0308n', 'x.swamp-leaf', '_model.yaml'];
    const leaves = ['a', 'a/b', 'a/b/c'];
    for (const name of [...hostile, ...colliding, ...leaves, 'line\nbreak']) await data.put({ model: 'm', name, source: [`of ${name}`] });
    const dir = join(repo.base, 'backup');
    const error = await refused(repo, ['backup', 'create', dir], 'hostile_names');
    const told = error.data as { readonly hostileNames: readonly { name: string }[]; readonly collisions: readonly { name: string }[] };
    assert.deepEqual(
      [told.hostileNames.map(({ name }) => name).sort(), told.collisions.map(({ name }) => name).sort()],
      [hostile.toSorted(), colliding.toSorted()],
    );
    await refused(repo, ['backup', 'create', dir, '--encode-names', '--dry-run'], 'collision');
    nothingLeft(repo, dir);
    const { renamed } = await backup(repo, dir, '--encode-names', '--rename-collisions');
    assert.deepEqual(
      renamed.filter(({ reason }) => reason === 'leaf').map(({ name, path }) => [name, path]),
      [
        ['a/b', 'models/m/data/a/b.swamp-leaf'],
        ['a', 'models/m/data/a.swamp-leaf'],
      ].sort(),
    );
    const saved = await whole(repo, dir);
    assert.deepEqual(saved.map(({ name }) => name).sort(), [...hostile, ...colliding, ...leaves, 'line\nbreak'].sort());
    for (const { name, content } of saved) assert.equal(content, `of ${name}`);
  });
});

describe('unfinished uploads and orphans', () => {
  test('come along when they are asked for, and are counted when not (B12)', async (t) => {
    const repo = await tempRepo(t, { pending: 'allowed' });
    await stock(repo);
    const { upload } = openRepo(repo.dir);
    const { uploadId } = await upload.begin({ model: 'm', name: 'unfinished' });
    for (const [number, text] of [
      [1, 'one'],
      [3, 'three'],
    ] as const)
      await upload.part({ upload: uploadId, partNumber: number, source: [text] });
    const orphan = await idOfModel(repo, 'n');
    rmSync(join(repo.dir, 'models/store/n.yaml'));
    const [without, withThem] = ['without', 'with'].map((name) => join(repo.base, name)) as [string, string];
    const plain = await backup(repo, without);
    assert.deepEqual([plain.excluded['incompleteUploads'], plain.excluded['orphans'], plain.uploads, plain.orphans], [1, 1, 0, 0]);
    const pauses = new Pauses(repo, ['backup.listed']);
    const running = start(repo, ['backup', 'create', withThem, '--include-incomplete-uploads', '--include-orphans'], { env: pauses.env });
    await pauses.at('backup.listed', running);
    // It is completed after the listing: the moment that is shown knows it as unfinished.
    await upload.part({ upload: uploadId, partNumber: 2, source: ['two'] });
    await upload.complete({ upload: uploadId });
    pauses.go('backup.listed');
    assert.match((await finished(running)).stdout, /^Holds: .*, 1 unfinished upload, data of 1 model without a definition$/m);
    const saved = inShort(await whole(repo, withThem));
    assert.ok(saved.includes(`orphans/${orphan} c.1=c`), saved.join('; '));
    assert.ok(!saved.some((one) => one.includes('unfinished')));
    const parts = join(withThem, 'uploads/m', uploadId);
    assert.deepEqual(readFileSync(join(parts, 'part-1'), 'utf8') + readFileSync(join(parts, 'part-3'), 'utf8'), 'onethree');
    assert.equal((JSON.parse(readFileSync(join(parts, 'record.json'), 'utf8')) as { name: string }).name, 'unfinished');
  });

  test('an orphan of which an upload is all, or of which nothing is left, makes a whole backup (B12, B18)', async (t) => {
    const repo = await tempRepo(t, { pending: 'allowed' });
    await stock(repo);
    const { upload } = openRepo(repo.dir);
    await createModel(repo, 'u');
    const { uploadId } = await upload.begin({ model: 'u', name: 'unfinished' });
    await upload.part({ upload: uploadId, partNumber: 1, source: ['one'] });
    const [u, n] = await Promise.all(['u', 'n'].map((name) => idOfModel(repo, name)));
    for (const name of ['u', 'n']) rmSync(join(repo.dir, `models/store/${name}.yaml`));
    const dir = join(repo.base, 'backup');
    const made = await backup(repo, dir, '--include-incomplete-uploads', '--include-orphans', '--exclude', `${n}/*`);
    assert.deepEqual([made.uploads, made.orphans, made.excluded['excludedArtifacts']], [1, 0, 1]);
    await whole(repo, dir);
    assert.equal(readFileSync(join(dir, `uploads/${u}`, uploadId, 'part-1'), 'utf8'), 'one');
    const other = await tempRepo(t, { pending: 'allowed' });
    await run(other, ['backup', 'restore', dir]);
    assert.deepEqual(readdirSync(other.layout.modelUploads(u ?? '')), [uploadId]);
  });
});

describe('DIR', () => {
  test('is a new directory or an empty one, and nothing else (B3)', async (t) => {
    const repo = await tempRepo(t);
    await stock(repo);
    const at = (name: string): string => join(repo.base, name);
    mkdirSync(at('full'));
    writeFileSync(at('full/mine'), 'mine');
    writeFileSync(at('file'), 'mine');
    linkSync(at('file'), at('hard'));
    symlinkSync(at('full'), at('link'));
    symlinkSync(at('nowhere'), at('dangling'));
    execFileSync('mkfifo', [at('fifo')], { timeout: 20_000 });
    for (const name of ['full', 'file', 'hard', 'link', 'dangling', 'fifo']) {
      await refused(repo, ['backup', 'create', at(name)], 'conflict', { timeoutMs: 10_000 });
      assert.deepEqual(scratchBeside(at(name)), []);
    }
    for (const name of ['missing/x', 'file/x', 'fifo/x', 'dangling/x']) await refused(repo, ['backup', 'create', at(name)], 'io', { timeoutMs: 10_000 });
    for (const inside of ['.swamp/x', '.swamp', 'models', 'models/x'])
      await refused(repo, ['backup', 'create', join(repo.dir, inside)], inside === '.swamp/x' ? 'usage' : 'usage');
    assert.equal(readFileSync(at('file'), 'utf8'), 'mine');
    mkdirSync(at('empty'));
    await backup(repo, at('empty'));
    await whole(repo, at('empty'));
    symlinkSync(at('full'), at('parent'));
    await backup(repo, join(at('parent'), 'through'));
    await whole(repo, at('full/through'));
  });

  test('that appears meanwhile stays as it is (B3)', async (t) => {
    const repo = await tempRepo(t);
    await stock(repo);
    const dir = join(repo.base, 'backup');
    const pauses = new Pauses(repo, ['backup.before-publish']);
    const running = start(repo, ['backup', 'create', dir], { env: pauses.env });
    await pauses.at('backup.before-publish', running);
    mkdirSync(dir);
    writeFileSync(join(dir, 'mine'), 'mine');
    pauses.go('backup.before-publish');
    await finished(running, 73);
    assert.deepEqual(readdirSync(dir), ['mine']);
    assert.deepEqual([scratchBeside(dir), pins(repo)], [[], []]);
  });
});

describe('a backup that ends early', () => {
  for (const point of sampled(['pin.set', 'restructure.closed', 'backup.listed', 'backup.copying#3', 'backup.before-sync', 'backup.before-publish'], 3)) {
    test(`killed at ${point} leaves none that verify accepts, and the next one clears up (B3, B13)`, async (t) => {
      const repo = await tempRepo(t);
      await stock(repo);
      const dir = join(repo.base, 'backup');
      const { signal } = await start(repo, ['backup', 'create', dir], { env: { SWAMP_FAILPOINTS: `${point}=kill` } }).exited;
      assert.equal(signal, 'SIGKILL');
      assert.ok(!existsSync(dir));
      for (const scratch of scratchBeside(dir))
        await run(repo, ['backup', 'verify', join(repo.base, scratch)], { expect: point === 'backup.before-publish' ? [0, 65] : 65 });
      await backup(repo, dir);
      await whole(repo, dir);
      assert.deepEqual([scratchBeside(dir), pins(repo), trash(repo)], [[], [], []]);
    });
  }

  test('killed after its rename is whole (B3)', async (t) => {
    const repo = await tempRepo(t, { pending: 'allowed' });
    await stock(repo);
    const dir = join(repo.base, 'backup');
    const { signal } = await start(repo, ['backup', 'create', dir], { env: { SWAMP_FAILPOINTS: 'backup.published=kill' } }).exited;
    assert.equal(signal, 'SIGKILL');
    assert.deepEqual(inShort(await whole(repo, dir)).sort(), STOCKED);
  });

  test('by a signal leaves nothing behind, and exits with 128 and its number (B13)', async (t) => {
    const repo = await tempRepo(t);
    await stock(repo);
    const dir = join(repo.base, 'backup');
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const pauses = new Pauses(repo, ['backup.copying#2']);
      const running = start(repo, ['backup', 'create', dir], { env: pauses.env });
      await pauses.at('backup.copying#2', running);
      running.kill(signal);
      pauses.go('backup.copying#2');
      assert.equal(shellCode(await running.exited), code);
      nothingLeft(repo, dir);
    }
  });
});

test('many models need few open files (B13)', async (t) => {
  const repo = await tempRepo(t, { check: false });
  await stock(repo);
  const id = await idOfModel(repo, 'n');
  const { layout } = repo;
  const MODELS = 300;
  for (let i = 0; i < MODELS; i++) {
    const other = idOf(`model ${i}`);
    writeFileSync(join(repo.dir, `models/store/other${i}.yaml`), `id: ${other}\nname: other${i}\ntype: store\n`);
    execFileSync('cp', ['-a', layout.model(id), layout.model(other)], { timeout: 20_000 });
  }
  const dir = join(repo.base, 'backup');
  const limited = launch(repo, 'sh', ['-c', 'ulimit -n 64 && exec "$0" "$@"', process.execPath, repo.bin, 'backup', 'create', dir], { timeoutMs: 120_000 });
  await finished(limited);
  assert.equal((await whole(repo, dir)).filter(({ content }) => content === 'c').length, MODELS + 1);
});
