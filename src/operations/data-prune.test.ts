/** `data prune`: what has no definition goes, what may have one is kept and reported. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { deadHolder, hold, libraryRepo, NEVER, newModel, putAll } from '../../integration/support/library-repo.js';
import { currentProcess, formatHolder, newNonce } from '../locks/holder.js';
import { openRepoAt, type Repo } from '../repo.js';
import { dataList } from './data-list.js';
import { type DataPruneOptions, dataPrune } from './data-prune.js';
import { dataPut } from './data-put.js';
import { datastoreCheck } from './datastore-check.js';
import { datastoreSweep } from './datastore-sweep.js';
import { modelCreate } from './model-create.js';
import { modelDelete } from './model-delete.js';
import { modelRun } from './model-run.js';
import { repoInit } from './repo-init.js';
import { uploadBegin } from './upload-begin.js';

function definition(repo: Repo, name: string, type = 'store'): string {
  return join(repo.root, 'models', type, `${name}.yaml`);
}

async function orphaned(repo: Repo, name: string): Promise<string> {
  const id = await newModel(repo, name);
  await putAll(repo, name, 'a', '1', '2');
  rmSync(definition(repo, name));
  return id;
}

async function prune(repo: Repo, options: Partial<DataPruneOptions> = {}, dryRun = false) {
  const result = await dataPrune(repo, { dryRun }, { ...NEVER, ...options });
  const ids = result.reclaimedModels.map(({ modelId }) => modelId).sort();
  return { ids, kept: result.keptModels.map(({ modelId, reason }) => [modelId, reason] as const), result };
}

test('all families of a model without a definition go, its id is gone for good, and nothing else is touched', async (t) => {
  const repo = await libraryRepo(t);
  const kept = await newModel(repo, 'kept');
  await putAll(repo, 'kept', 'a', '1');
  const run = await modelCreate(repo, { type: 'command/shell', name: 'ran', run: 'true' }, NEVER);
  await modelRun(repo, { model: 'ran' }, NEVER);
  const begun = await newModel(repo, 'begun');
  await uploadBegin(repo, { model: 'begun', name: 'x' }, NEVER);
  const texts = new Map(['begun', 'ran'].map((name) => [name, readFileSync(definition(repo, name, name === 'ran' ? 'command/shell' : 'store'), 'utf8')]));
  rmSync(definition(repo, 'ran', 'command/shell'));
  rmSync(definition(repo, 'begun'));
  const plan = await prune(repo, {}, true);
  assert.ok(existsSync(repo.layout.model(run.id)));
  const { ids, result } = await prune(repo);
  assert.deepEqual({ ...result, dryRun: true }, plan.result);
  assert.deepEqual(ids, [begun, run.id].sort());
  assert.deepEqual([result.modelsReclaimed, result.dataEntriesReclaimed, result.versionsDeleted], [2, 2, 2]);
  assert.ok(result.bytesReclaimed > 500);
  const shown = result.reclaimedModels.find(({ modelId }) => modelId === run.id);
  assert.deepEqual([shown?.type, shown?.modelName, shown?.dataNames, shown?.versionCount], ['command/shell', 'ran', ['log', 'result'], 2]);
  for (const id of ids) for (const dir of [repo.layout.model(id), repo.layout.modelUploads(id)]) assert.ok(!existsSync(dir), dir);
  assert.deepEqual(readdirSync(repo.layout.data), [kept]);
  const { findings, pending } = await datastoreCheck(repo, {}, NEVER);
  assert.deepEqual([findings, pending], [[], []]);
  assert.deepEqual((await prune(repo)).ids, []);
  // P4: with its old id it would begin to count anew.
  writeFileSync(definition(repo, 'begun'), texts.get('begun') ?? '');
  await assert.rejects(dataPut(repo, { model: 'begun', name: 'x', source: '1' }, NEVER), { code: 'model_not_found' });
});

describe('kept and reported is', () => {
  test('what a file that cannot be read may define, while other data go', async (t) => {
    const repo = await libraryRepo(t);
    const [broken, lone] = [await newModel(repo, 'broken'), await orphaned(repo, 'lone')];
    await putAll(repo, 'broken', 'a', '1');
    const text = readFileSync(definition(repo, 'broken'), 'utf8');
    writeFileSync(definition(repo, 'broken'), `${text}nonsense: [\n`);
    const { ids, kept } = await prune(repo);
    assert.deepEqual([ids, kept], [[lone], [[broken, 'unreadable']]]);
    renameSync(definition(repo, 'broken'), join(repo.root, 'models/store/broken.yml'));
    assert.deepEqual((await prune(repo)).kept, [[broken, 'unreadable']]);
    rmSync(join(repo.root, 'models/store/broken.yml'));
    symlinkSync('/nowhere', definition(repo, 'link'));
    const { ids: none, kept: other, result } = await prune(repo);
    assert.deepEqual([none, other], [[], [[broken, 'unreadable']]]);
    assert.match(result.keptModels[0]?.message ?? '', /may belong to models\/store\/link\.yaml, which cannot be read/);
  });

  test('everything, while a definition says of which model it is no more', async (t) => {
    for (const text of ['', '- nothing', 'type: store\n']) {
      const repo = await libraryRepo(t);
      const [broken, lone] = [await newModel(repo, 'broken'), await orphaned(repo, 'lone')];
      await putAll(repo, 'broken', 'a', '1');
      writeFileSync(definition(repo, 'broken'), text);
      const { ids, kept } = await prune(repo);
      assert.deepEqual([ids, new Set(kept.map(([id]) => id))], [[], new Set([broken, lone])], JSON.stringify(text));
    }
  });

  test('what belongs to a deleted model, until a sweep', async (t) => {
    const repo = await libraryRepo(t);
    const id = await newModel(repo, 'm');
    await putAll(repo, 'm', 'a', '1');
    await modelDelete(repo, { model: 'm', withData: true }, NEVER);
    mkdirSync(repo.layout.model(id));
    writeFileSync(join(repo.layout.model(id), 'left'), '');
    assert.deepEqual((await prune(repo)).kept, [[id, 'deleted']]);
    await datastoreSweep(repo, {}, NEVER);
  });

  test('what a branch, or the index of git, has a definition of', async (t) => {
    const repo = await libraryRepo(t);
    const git = (...args: readonly string[]): void =>
      void execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'commit.gpgsign=false', ...args], {
        cwd: repo.root,
        stdio: 'ignore',
        timeout: 20_000,
      });
    git('init', '-q');
    const ids: string[] = [];
    for (const name of ['branch', 'index', 'never']) {
      ids.push(await newModel(repo, name));
      await putAll(repo, name, 'a', '1');
    }
    const [branch = '', index = '', never = ''] = ids;
    git('add', 'models/store/branch.yaml');
    git('commit', '-qm', 'one');
    git('branch', 'other');
    git('rm', '-q', 'models/store/branch.yaml');
    git('add', '-f', 'models/store/index.yaml');
    git('commit', '-qm', 'two', '--', 'models/store/branch.yaml');
    for (const name of ['index', 'never']) rmSync(definition(repo, name));
    const { ids: pruned, kept, result } = await prune(repo);
    assert.deepEqual(pruned, [never]);
    assert.deepEqual(kept.toSorted(), [[branch, 'in_git'] as const, [index, 'in_git'] as const].toSorted());
    const messages = result.keptModels.map(({ message }) => message).join('\n');
    assert.match(messages, /has a definition that is on the branch other, models\/store\/branch\.yaml; check it out/);
    assert.match(messages, /is in git's index, models\/store\/index\.yaml/);
    git('branch', '-D', 'other');
    assert.deepEqual((await prune(repo)).ids, [branch]);
  });

  test('everything, where git is there and cannot answer', async (t) => {
    const repo = await libraryRepo(t);
    const id = await orphaned(repo, 'm');
    writeFileSync(join(repo.root, '.git'), 'gitdir: /nonexistent\n');
    const { ids, kept, result } = await prune(repo);
    assert.deepEqual([ids, kept], [[], [[id, 'in_git']]]);
    assert.match(result.keptModels[0]?.message ?? '', /git, which could not be asked \(.*not a git repository/);
  });

  test('what is used meanwhile, and what got a definition again', async (t) => {
    const repo = await libraryRepo(t);
    const [used, again, free] = [await orphaned(repo, 'used'), await orphaned(repo, 'again'), await orphaned(repo, 'free')];
    const answer = async (): Promise<boolean> => {
      const holder = formatHolder({ ...currentProcess(), nonce: newNonce() });
      hold(repo, { kind: 'data', modelId: used }, deadHolder(holder));
      return true;
    };
    const first = await prune(repo, { confirm: answer });
    assert.deepEqual([first.ids, first.kept], [[again, free].sort(), [[used, 'in_use']]]);
    assert.deepEqual((await prune(repo)).ids, [used]);
    const back = await orphaned(repo, 'back');
    const define = async (): Promise<boolean> => {
      writeFileSync(definition(repo, 'back'), `id: ${back}\ntype: store\n`);
      return true;
    };
    assert.deepEqual((await prune(repo, { confirm: define })).kept, [[back, 'in_use']]);
    assert.equal((await dataList(repo, { model: 'back' })).total, 1);
  });

  test('in a datastore that other checkouts may share, what was used within a week', async (t) => {
    const first = await libraryRepo(t);
    const data = join(first.root, 'elsewhere');
    mkdirSync(data);
    writeFileSync(join(first.root, '.swamp.yaml'), `${readFileSync(join(first.root, '.swamp.yaml'), 'utf8')}datastore:\n  path: ${data}\n`);
    await repoInit(first.root);
    const repo = openRepoAt(first.root, { env: {} });
    const id = await orphaned(repo, 'm');
    const { kept, result } = await prune(repo);
    assert.deepEqual(kept, [[id, 'in_use']]);
    assert.match(result.keptModels[0]?.message ?? '', /was used within a week, maybe by another checkout/);
    const before = new Date(Date.now() - 8 * 86_400_000);
    utimesSync(repo.layout.fence({ kind: 'data', modelId: id }), before, before);
    assert.deepEqual((await prune(repo)).ids, [id]);
  });

  test('what is damaged', async (t) => {
    const repo = await libraryRepo(t);
    const id = await orphaned(repo, 'm');
    writeFileSync(join(repo.layout.version(id, 'a', 2), 'metadata.json'), '{');
    assert.deepEqual((await prune(repo)).kept, [[id, 'damaged']]);
    chmodSync(repo.layout.model(id), 0o755);
  });
});

test('when the answer is no, nothing is removed; when there is nothing, nothing is asked', async (t) => {
  const repo = await libraryRepo(t);
  await prune(repo, { confirm: () => assert.fail('asked') });
  const id = await orphaned(repo, 'm');
  const { ids, result } = await prune(repo, { confirm: async ({ reclaimedModels }) => reclaimedModels.length !== 1 });
  assert.deepEqual([ids, result.cancelled], [[], true]);
  assert.ok(existsSync(repo.layout.model(id)));
});
