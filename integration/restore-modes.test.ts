/** What `backup restore` makes of what is there already: each mode against each state of a model and of an artifact (B16, P4, D8). */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type OpenRepo, openRepo } from '../src/index.js';
import { backupOf, treeOf } from './support/backup-of.js';
import { writeTree } from './support/backup-tree.js';
import { refused } from './support/refused.js';
import { check, copyRepo, createModel, put, type TestRepo, tempRepo, versionsOf } from './support/repo.js';
import { finished, run, runJson } from './support/swamp.js';
import { onTerminal, startOnTerminal } from './support/terminal.js';

type Mode = 'replace' | 'merge' | 'skip-existing';

/** Every pair of generation and version that was given out for `a`, with its content. */
type Given = Map<string, string>;

async function write(data: OpenRepo['data'], model: string, content: string, given: Given): Promise<void> {
  const { modelId, generation, version } = await data.put({ model, name: 'a', source: [content] });
  const key = `${modelId} ${generation}.${version}`;
  assert.ok(!given.has(key), `P4: ${key} is given out twice`);
  given.set(key, content);
}

interface ModelState {
  /** Changes the repository of the backup; the name of the model then, or undefined when there is none. */
  readonly make: (repo: TestRepo) => Promise<string | undefined>;
  /** The id under which the backup's model is restored. */
  readonly id: 'own' | 'other' | 'new';
}

const MODELS: Readonly<Record<string, ModelState>> = {
  'the same id': { id: 'own', make: async () => 'm' },
  'the same id under another name': {
    id: 'own',
    make: async ({ dir }) => {
      await openRepo(dir).model.rename({ model: 'm', newName: 'n' });
      return 'n';
    },
  },
  'the same name with another id': {
    id: 'other',
    make: async ({ dir }) => {
      await openRepo(dir).model.delete({ model: 'm', withData: true });
      await openRepo(dir).model.create({ type: 'store', name: 'm' });
      return 'm';
    },
  },
  'no model, its id deleted': {
    id: 'new',
    make: async ({ dir }) => {
      await openRepo(dir).model.delete({ model: 'm', withData: true });
      return undefined;
    },
  },
  'no model, never seen': {
    id: 'own',
    make: async ({ dir }) => {
      for (const path of ['models/store/m.yaml', '.swamp']) rmSync(join(dir, path), { recursive: true });
      await openRepo(dir).data.put({ model: 'other', name: 'x', source: ['other'] });
      return undefined;
    },
  },
};

const ARTIFACTS: Readonly<Record<string, (data: OpenRepo['data'], model: string, given: Given) => Promise<boolean>>> = {
  missing: async () => false,
  present: async (data, model, given) => {
    await write(data, model, 'mine', given);
    return true;
  },
  'a tombstone': async (data, model, given) => {
    await write(data, model, 'mine', given);
    await data.delete({ model, name: 'a' });
    return false;
  },
  'a later generation': async (data, model, given) => {
    await write(data, model, 'mine', given);
    await data.delete({ model, name: 'a' });
    await write(data, model, 'mine again', given);
    return true;
  },
};

for (const mode of ['replace', 'merge', 'skip-existing'] as const) {
  describe(`--mode ${mode}`, { concurrency: 2 }, () => {
    for (const [modelTitle, model] of Object.entries(MODELS)) {
      for (const [artifactTitle, artifact] of Object.entries(ARTIFACTS)) {
        if (model.id === 'new' && artifactTitle !== 'missing') continue;
        test(`${modelTitle}; the artifact: ${artifactTitle}`, (t) => oneCase(t, mode, model, artifact, artifactTitle));
      }
    }
  });
}

async function oneCase(t: TestContext, mode: Mode, model: ModelState, artifact: (typeof ARTIFACTS)[string], artifactTitle: string): Promise<void> {
  const repo = await tempRepo(t, { pending: 'allowed' });
  const given: Given = new Map();
  const { model: models, data, backup } = openRepo(repo.dir);
  const own = await models.create({ type: 'store', name: 'm', tags: { from: 'backup' } });
  await write(data, 'm', 'one', given);
  await write(data, 'm', 'two', given);
  const dir = await backupOf(repo.dir, join(repo.base, 'backup'));
  await models.create({ type: 'store', name: 'other' });
  await data.put({ model: 'other', name: 'x', source: ['other'] });
  const name = await model.make(repo);
  const live = name === undefined ? false : (await artifact(data, name, given)) || (model.id === 'own' && artifactTitle === 'missing');
  const there = name === undefined ? undefined : await models.get({ model: name });
  const result = await backup.restore({ dir, mode });

  const stays = mode !== 'replace' && name !== undefined;
  const after = await models.get({ model: stays ? name : 'm' });
  const id = { own: own.id, other: mode === 'replace' ? own.id : there?.id, new: undefined }[model.id];
  // A name that was given to another model is that model's; in `replace`, where that one goes, a deleted id stays deleted.
  const deleted = model.id === 'new' || (mode === 'replace' && model.id === 'other');
  if (deleted) assert.ok(after.id !== own.id && result.newIds.length === 1, 'D8: a deleted id is gone for good');
  else assert.deepEqual([after.id, result.newIds], [id, []]);
  assert.deepEqual(after.tags, stays && model.id === 'other' ? {} : { from: 'backup' });
  const sameGeneration = model.id === 'own' && (artifactTitle === 'missing' || artifactTitle === 'present');
  const kept = stays && live && !(mode === 'merge' && sameGeneration);
  const toldOfText = stays && (mode === 'skip-existing' || name !== 'm' || model.id !== 'own');
  assert.deepEqual(
    result.skipped.map((item) => [item.name, item.reason]),
    [...(toldOfText ? [[null, 'exists']] : []), ...(kept ? [['a', mode === 'merge' ? 'generation' : 'exists']] : [])],
  );
  assert.ok(mode === 'replace' || result.removed.models + result.removed.artifacts + result.removed.versions === 0, 'B16: only replace takes anything away');
  const { versions } = await data.versions({ model: after.name, name: 'a' });
  if (!kept) {
    const added = mode === 'merge' && live && artifactTitle === 'present' && model.id === 'own';
    assert.deepEqual(versions.map(({ version }) => version).sort(), added ? [1, 2, 3] : [1, 2]);
    for (const [version, content] of [
      [1, 'one'],
      [2, 'two'],
    ] as const) {
      const got = await data.get({ model: after.name, name: 'a', version, verify: true });
      assert.equal((await got.openContent().setEncoding('utf8').toArray()).join(''), content);
      const earlier = given.get(`${after.id} ${got.record.generation}.${version}`);
      assert.ok(earlier === undefined || earlier === content, 'P4: a pair has another content now');
      given.set(`${after.id} ${got.record.generation}.${version}`, content);
    }
  }
  await write(data, after.name, 'next', given);
  const others = (await models.list()).models.map((one) => one.name).filter((one) => one !== after.name);
  assert.deepEqual(others, mode === 'replace' ? [] : ['other']);
  await check(repo);
}

describe('what is asked of a restore', () => {
  async function full(t: TestContext): Promise<{ readonly repo: TestRepo; readonly dir: string }> {
    const repo = await tempRepo(t);
    await createModel(repo, 'web');
    await put(repo, 'web', 'a', 'mine');
    return {
      repo,
      dir: writeTree(join(repo.base, 'backup'), [
        { name: 'web', artifacts: { a: ['one'] } },
        { name: 'db', artifacts: { b: ['two'] } },
      ]).dir,
    };
  }

  test('a repository that is not empty wants a mode (B16)', async (t) => {
    const { repo, dir } = await full(t);
    const error = await refused(repo, ['backup', 'restore', dir], 'conflict');
    assert.deepEqual(error.data?.['models'], ['web']);
    await refused(repo, ['backup', 'restore', dir, '--model', 'db'], 'conflict');
    await refused(repo, ['backup', 'restore', dir, '--mode', 'everything'], 'usage');
    await refused(repo, ['backup', 'restore', dir, '--mode', 'merge', '--read-only'], 'read_only');
    await refused(repo, ['backup', 'restore', join(repo.base, 'nothing')], 'io');
    await refused(repo, ['backup', 'restore', dir, '--mode', 'replace'], 'usage');
  });

  test('replace asks on a terminal; merge does not', onTerminal, async (t) => {
    const { repo, dir } = await full(t);
    const asking = startOnTerminal(repo, ['backup', 'restore', dir, '--mode', 'replace']);
    await asking.says(/Replace 1 model, 1 artifact and 1 version by 2 models, 2 artifacts and 2 versions of .*\? \[y\/N\]/);
    asking.write('n\n');
    assert.match((await finished(asking)).stdout, /Nothing was restored/);
    assert.deepEqual(await versionsOf(repo, 'web', 'a'), [1]);
    assert.equal((await run(repo, ['data', 'get', 'web', 'a'])).stdout, 'mine');
    const agreeing = startOnTerminal(repo, ['backup', 'restore', dir, '--mode', 'replace']);
    await agreeing.says(/\[y\/N\]/);
    await put(repo, 'web', 'a', 'mine');
    agreeing.write('y\n');
    assert.match((await finished(agreeing, 73)).stdout, /a came, or was changed, since you were asked; nothing was restored/);
    assert.deepEqual(await versionsOf(repo, 'web', 'a'), [1, 2]);
    await run(repo, ['backup', 'restore', dir, '--mode', 'merge']);
    assert.equal((await run(repo, ['data', 'get', 'web', 'a'])).stdout, 'mine');
    assert.equal((await run(repo, ['data', 'get', 'db', 'b'])).stdout, 'two');
  });

  test('merge only adds: versions of the same generation; other histories stay, and are listed (B16, P3)', async (t) => {
    const repo = await tempRepo(t);
    const { model, data, backup } = openRepo(repo.dir);
    await model.create({ type: 'store', name: 'm' });
    for (const text of ['one', 'two', 'three'])
      for (const name of ['kept', 'thinned', 'forked']) await data.put({ model: 'm', name, source: [`${name} ${text}`] });
    const dir = await backupOf(repo.dir, join(repo.base, 'backup'));
    const fork = copyRepo(repo);
    for (const text of ['four', 'five']) await data.put({ model: 'm', name: 'kept', source: [`kept ${text}`] });
    await data.delete({ model: 'm', name: 'thinned', version: 2 });
    await data.delete({ model: 'm', name: 'thinned', version: 3 });
    const result = await backup.restore({ dir, mode: 'merge' });
    assert.deepEqual([result.artifacts, result.versions, result.skipped], [1, 2, []]);
    const shown = async (name: string): Promise<string[]> => {
      const { versions } = await data.versions({ model: 'm', name });
      const text = async (version: number): Promise<string> => (await run(repo, ['data', 'get', 'm', name, '--version', String(version)])).stdout;
      return Promise.all(versions.map(({ version }) => text(version)));
    };
    assert.deepEqual(
      await shown('kept'),
      ['five', 'four', 'three', 'two', 'one'].map((text) => `kept ${text}`),
    );
    assert.deepEqual(
      await shown('thinned'),
      ['three', 'two', 'one'].map((text) => `thinned ${text}`),
    );
    assert.equal((await data.put({ model: 'm', name: 'thinned', source: ['four'] })).version, 4, 'P4');
    // A copy that went on by itself has given out the same numbers.
    const other = openRepo(fork.dir);
    for (const text of ['their four', 'their five']) await other.data.put({ model: 'm', name: 'kept', source: [text] });
    const theirs = await backupOf(fork.dir, join(repo.base, 'theirs'));
    assert.deepEqual((await backup.restore({ dir: theirs, mode: 'merge' })).skipped, [{ model: 'm', name: 'kept', reason: 'content' }]);
    assert.deepEqual((await shown('kept')).slice(0, 2), ['kept five', 'kept four']);
    await check(repo);
  });

  test('one model, and one model under another name with a new id; the rest of its text stays', async (t) => {
    const { repo, dir } = await full(t);
    await refused(repo, ['backup', 'restore', dir, '--model', 'nobody', '--mode', 'merge'], 'model_not_found');
    await refused(repo, ['backup', 'restore', dir, '--model', 'db=web', '--mode', 'merge'], 'model_exists');
    await refused(repo, ['backup', 'restore', dir, '--model', 'db=WEB', '--mode', 'merge'], 'model_exists');
    await refused(repo, ['backup', 'restore', dir, '--model', 'db=a/b', '--mode', 'merge'], 'name_invalid');
    const one = await runJson<{ models: number; artifacts: number }>(repo, ['backup', 'restore', dir, '--model', 'db', '--mode', 'merge']);
    assert.deepEqual([one.models, one.artifacts], [1, 1]);
    assert.equal(readFileSync(join(repo.dir, 'models/store/db.yaml'), 'utf8'), readFileSync(join(dir, 'models/db/_model.yaml'), 'utf8'));
    const copy = await runJson<{ newIds: { newId: string }[] }>(repo, ['backup', 'restore', dir, '--model', 'db=db2', '--mode', 'merge']);
    const text = readFileSync(join(repo.dir, 'models/store/db2.yaml'), 'utf8');
    assert.equal(text, `id: ${copy.newIds[0]?.newId}\nname: "db2"\ntype: store\n`);
    assert.equal((await run(repo, ['data', 'get', 'db2', 'b'])).stdout, 'two');
    assert.equal((await run(repo, ['data', 'get', 'web', 'a'])).stdout, 'mine');
  });

  test('one artifact alone: --name', async (t) => {
    const { repo, dir } = await full(t);
    const one = writeTree(join(repo.base, 'two'), [{ name: 'db', artifacts: { b: ['two'], c: ['three'] }, tombstones: ['gone'] }]).dir;
    for (const flags of [
      ['--name', 'b'],
      ['--model', 'db', '--name', 'b', '--mode', 'replace', '--force'],
    ])
      await refused(repo, ['backup', 'restore', one, ...flags], 'usage');
    await refused(repo, ['backup', 'restore', one, '--model', 'db', '--name', 'none', '--mode', 'merge'], 'data_not_found');
    const { artifacts } = await runJson<{ artifacts: number }>(repo, ['backup', 'restore', one, '--model', 'db', '--name', 'b', '--mode', 'merge']);
    assert.equal(artifacts, 1);
    const { groups } = await openRepo(repo.dir).data.list({ model: 'db' });
    assert.deepEqual(
      groups.flatMap(({ items }) => items.map(({ name }) => name)),
      ['b'],
    );
    assert.ok(existsSync(dir));
  });

  test('a repository where there is none: made in an empty place, once the backup is known to be whole', async (t) => {
    const { repo, dir } = await full(t);
    const at = (name: string): string => join(repo.base, name);
    mkdirSync(at('full'));
    writeFileSync(at('full/mine'), '');
    for (const flags of [[], ['--dry-run']]) await refused(repo, ['backup', 'restore', dir, '--repo-dir', at('full'), ...flags], 'not_a_repo');
    symlinkSync(repo.base, at('link'));
    const planned = [at('new'), join(at('link'), 'new')].map((place) => runJson<object>(repo, ['backup', 'restore', dir, '--repo-dir', place, '--dry-run']));
    const [plan, other] = await Promise.all(planned);
    await refused(repo, ['backup', 'restore', repo.dir, '--repo-dir', at('new')], 'backup_invalid');
    assert.ok(!existsSync(at('new')));
    const done = await runJson<object>(repo, ['backup', 'restore', dir, '--repo-dir', at('new')]);
    assert.deepEqual([plan, other], [{ ...done, dryRun: true }, plan]);
    assert.equal((await run(repo, ['data', 'get', 'web', 'a', '--repo-dir', at('new')])).stdout, 'one');
  });

  test('replace with one model touches no other', async (t) => {
    const { repo, dir } = await full(t);
    await createModel(repo, 'mine');
    await put(repo, 'mine', 'x', 'kept');
    await put(repo, 'web', 'b', 'goes');
    const result = await runJson<{ removed: object }>(repo, ['backup', 'restore', dir, '--model', 'web', '--mode', 'replace', '-y']);
    assert.deepEqual(result.removed, { models: 1, artifacts: 2, versions: 2 });
    assert.equal((await run(repo, ['data', 'get', 'mine', 'x'])).stdout, 'kept');
    assert.deepEqual(await versionsOf(repo, 'web', 'b'), []);
  });

  test('a definition of a deleted id that came back from git gives way; one that cannot be read does not', async (t) => {
    const repo = await tempRepo(t);
    const id = await createModel(repo, 'web');
    await put(repo, 'web', 'a', 'one');
    const path = join(repo.dir, 'models/store/web.yaml');
    const text = readFileSync(path, 'utf8');
    const dir = await backupOf(repo.dir, join(repo.base, 'backup'));
    await run(repo, ['model', 'delete', 'web', '--with-data', '--force']);
    writeFileSync(path, 'no: definition\n');
    await refused(repo, ['backup', 'restore', dir, '--mode', 'merge'], 'model_exists');
    writeFileSync(path, text);
    const { newIds } = await runJson<{ newIds: { id: string; newId: string }[] }>(repo, ['backup', 'restore', dir]);
    assert.equal(newIds[0]?.id, id);
    assert.equal(readFileSync(path, 'utf8'), text.replace(id, newIds[0]?.newId ?? ''));
    assert.equal((await run(repo, ['data', 'get', 'web', 'a'])).stdout, 'one');
  });

  test('names that models have exchanged are exchanged back', async (t) => {
    const repo = await tempRepo(t);
    for (const name of ['one', 'two']) {
      await createModel(repo, name);
      await put(repo, name, 'a', name);
    }
    const dir = await backupOf(repo.dir, join(repo.base, 'backup'));
    const { model } = openRepo(repo.dir);
    for (const [from, to] of [
      ['one', 'x'],
      ['two', 'one'],
      ['x', 'two'],
    ] as const)
      await model.rename({ model: from, newName: to });
    await openRepo(repo.dir).backup.restore({ dir, mode: 'replace' });
    assert.deepEqual(treeOf(await backupOf(repo.dir, join(repo.base, 'again'))), treeOf(dir));
    assert.ok(!existsSync(repo.layout.restoring));
  });
});
