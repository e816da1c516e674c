/** `model rename`: before its link(2) nothing has happened; after it the definition has two names until the old one is taken away. */
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { openRepo } from '../src/index.js';
import { Pauses, traceOf } from './support/failpoints.js';
import { refused } from './support/refused.js';
import { contentOf, copyRepo, createModel, put, type TestRepo, tempRepo } from './support/repo.js';
import { sampledTest } from './support/scale.js';
import { finished, run, runJson, start } from './support/swamp.js';
import { runUnprivileged, unprivileged } from './support/unprivileged.js';

const test = sampledTest(2);

const RENAME = ['model', 'rename', 'old', 'new'] as const;
/** Where a renamer dies: the model has its old name; it has both; it has the new one, and the old one is still to be removed. */
const BEFORE_LINK = 'model-rename.before-link';
const AFTER_LINK = 'model-rename.linked';
const ASIDE = 'definition.aside';

/** A model with data, of which a renamer died at `point`. */
async function deadRename(repo: TestRepo, point: string): Promise<string> {
  const id = await createModel(repo, 'old');
  await put(repo, 'old', 'x', 'mine');
  const { signal } = await run(repo, RENAME, { env: { SWAMP_FAILPOINTS: `${point}=kill` }, expect: 'any' });
  assert.equal(signal, 'SIGKILL');
  return id;
}

function definitions({ dir }: TestRepo): string[] {
  return readdirSync(join(dir, 'models'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(dir, 'models/').length))
    .sort();
}

async function idOf({ dir }: TestRepo, model: string): Promise<string> {
  return (await openRepo(dir).model.get({ model })).id;
}

test('keeps id, data and comments, and a renamer that dies half-way has only to be run again', async (t) => {
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'before');
  appendFileSync(join(repo.dir, 'models/store/before.yaml'), '# a remark\n');
  await put(repo, 'before', 'a', 'x');
  await run(repo, ['model', 'rename', 'before', 'between']);
  assert.match(readFileSync(join(repo.dir, 'models/store/between.yaml'), 'utf8'), /# a remark/);
  await run(repo, ['model', 'rename', 'between', 'after'], { env: { SWAMP_FAILPOINTS: `${AFTER_LINK}=kill` }, expect: 'any' });
  await run(repo, ['model', 'validate'], { expect: 65 });
  await run(repo, ['model', 'rename', 'between', 'after']);
  assert.equal((await runJson<{ id: string }>(repo, ['model', 'get', 'after'])).id, id);
  await run(repo, ['model', 'get', 'between'], { expect: 66 });
  assert.equal(await contentOf(repo, 'after', 'a'), 'x');
  assert.ok(statSync(join(repo.dir, 'models/store/after.yaml')).isFile());
  await createModel(repo, 'taken');
  await run(repo, ['model', 'rename', 'after', 'taken'], { expect: 73 });
});

for (const when of ['before its last look at the lock', 'after it'] as const) {
  test(`P1: a renamer that is put out of the lock ${when} removes no definition that has its old name again`, async (t) => {
    const repo = await tempRepo(t);
    const id = await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'x');
    const args = ['model', 'rename', 'm', 'n'];
    const points = await traceOf(copyRepo(repo), args);
    const point = when === 'after it' ? `#${points.indexOf('fs.rename', points.indexOf(AFTER_LINK)) + 1}` : AFTER_LINK;
    const pauses = new Pauses(repo, [point]);
    const sleeper = start(repo, args, { env: pauses.env });
    await pauses.at(point, sleeper);
    await run(repo, ['datastore', 'lock', 'release', '--force']);
    const { model } = openRepo(repo.dir);
    await model.rename({ model: 'n', newName: 'm' });
    pauses.go(point);
    assert.doesNotMatch((await finished(sleeper)).stderr, /m\.yaml/);
    assert.deepEqual(readdirSync(join(repo.dir, 'models/store')), ['m.yaml']);
    assert.equal((await model.get({ model: 'm' })).id, id);
    assert.equal(await contentOf(repo, 'm', 'a'), 'x');
  });
}

for (const [what, obstruct] of [
  ['a directory', (path: string) => mkdirSync(path)],
  ['a link that leads nowhere', (path: string) => symlinkSync('/nonexistent', path)],
] as const) {
  test(`onto ${what} is a conflict, and keeps nobody from the model`, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    obstruct(join(repo.dir, 'models/store/n.yaml'));
    await refused(repo, ['model', 'rename', 'm', 'n'], 'conflict');
    assert.equal((await put(repo, 'm', 'a', 'x')).version, 1);
    rmSync(join(repo.dir, 'models/store/n.yaml'), { recursive: true });
  });
}

test('in a directory that cannot be written fails before anything is published', unprivileged, async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const models = join(repo.dir, 'models/store');
  chmodSync(models, 0o555);
  const { stderr } = await runUnprivileged(repo, ['model', 'rename', 'm', 'n', '--json'], 74);
  chmodSync(models, 0o755);
  assert.match(stderr, /"EACCES"/);
  // Would carry out what was published.
  await put(repo, 'm', 'a', 'x');
  assert.deepEqual(readdirSync(models), ['m.yaml']);
});

test('onto a definition that appears meanwhile is a conflict, and renames nothing', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const [from, to] = ['m', 'n'].map((name) => join(repo.dir, `models/store/${name}.yaml`)) as [string, string];
  const before = readFileSync(from, 'utf8');
  const points = new Pauses(repo, [BEFORE_LINK]);
  const renaming = start(repo, ['model', 'rename', 'm', 'n', '--json'], { env: points.env });
  await points.at(BEFORE_LINK, renaming);
  writeFileSync(to, 'mine\n');
  points.go(BEFORE_LINK);
  assert.match((await finished(renaming, 73)).stderr, /"conflict"/);
  assert.deepEqual([readFileSync(from, 'utf8'), readFileSync(to, 'utf8')], [before, 'mine\n']);
  assert.deepEqual(readdirSync(join(repo.dir, 'models/store')).sort(), ['m.yaml', 'n.yaml']);
  rmSync(to);
  await put(repo, 'm', 'a', 'x');
});

for (const how of ['in place', 'as a new file'] as const) {
  test(`loses no edit of the old definition that is saved ${how} after the last look`, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const args = ['model', 'rename', 'm', 'n'];
    const points = await traceOf(copyRepo(repo), args);
    // The first thing that is done to the old name.
    const point = `#${points.indexOf('fs.rename', points.indexOf(AFTER_LINK)) + 1}`;
    const pauses = new Pauses(repo, [point]);
    const renaming = start(repo, args, { env: pauses.env });
    await pauses.at(point, renaming);
    const [old, renamed] = ['m', 'n'].map((name) => join(repo.dir, `models/store/${name}.yaml`)) as [string, string];
    const edited = `${readFileSync(old, 'utf8')}# an edit\n`;
    if (how === 'as a new file') rmSync(old);
    writeFileSync(old, edited);
    pauses.go(point);
    const { stderr } = await finished(renaming);
    assert.equal(readFileSync(how === 'in place' ? renamed : old, 'utf8'), edited);
    if (how === 'in place') assert.deepEqual([stderr, definitions(repo)], ['', ['store/n.yaml']]);
    else assert.match(stderr, /models\/store\/m\.yaml changed while/);
    await put(repo, 'n', 'a', 'x');
    rmSync(old, { force: true });
  });
}

describe('a renamer has died', { concurrency: 2 }, () => {
  for (const [point, names] of [
    [BEFORE_LINK, ['old']],
    [AFTER_LINK, ['new', 'old']],
    [ASIDE, ['new']],
  ] as const) {
    const [name] = names;
    test(`at ${point}: the model is found as ${names.join(' and as ')}, and listed once`, async (t) => {
      const repo = await tempRepo(t, { pending: 'allowed' });
      const id = await deadRename(repo, point);
      for (const each of names) {
        await put(repo, each, 'y', 'more');
        assert.equal(await idOf(repo, each), id);
        assert.equal(await contentOf(repo, each, 'x'), 'mine');
      }
      const { models } = await openRepo(repo.dir).model.list();
      assert.deepEqual(
        models.map((model) => [model.name, model.id]),
        [[name, id]],
      );
      await run(repo, ['model', 'validate'], { expect: names.length > 1 ? 65 : 0 });
    });

    for (const type of ['store', 'command/shell']) {
      test(`at ${point}: a restore brings another model "old", a ${type}, and neither is lost (B16)`, async (t) => {
        const [repo, source] = [await tempRepo(t), await tempRepo(t)];
        await run(source, ['model', 'create', type, 'old', ...(type === 'store' ? [] : ['--run', 'true'])]);
        await put(source, 'old', 'x', 'theirs');
        const backup = join(source.base, 'backup');
        await run(source, ['backup', 'create', backup]);
        const id = await deadRename(repo, point);
        await run(repo, ['backup', 'restore', backup, '--mode', 'merge']);
        // As long as it has its old name alone it is the one into which a backup of that name is merged.
        assert.equal(await idOf(repo, name), id);
        // Merged into a model of another id, nothing that is there is replaced.
        const inOld = name === 'new' ? 'theirs' : 'mine';
        assert.equal(await contentOf(repo, 'old', 'x'), inOld);
        if (name === 'new') assert.equal(await contentOf(repo, name, 'x'), 'mine');
        await run(repo, ['model', 'validate']);
        await run(repo, ['datastore', 'sweep']);
        assert.equal(await contentOf(repo, 'old', 'x'), inOld);
      });
    }
  }

  test('before its link: its new name is free for a model of any type, and the renaming is forgotten', async (t) => {
    const repo = await tempRepo(t, { pending: 'allowed' });
    const id = await deadRename(repo, BEFORE_LINK);
    await run(repo, ['model', 'create', 'command/shell', 'new', '--run', 'true']);
    await put(repo, 'old', 'y', 'more');
    assert.deepEqual(definitions(repo), ['command/shell/new.yaml', 'store/old.yaml']);
    await run(repo, ['model', 'validate']);
    assert.equal(await idOf(repo, 'old'), id);
  });

  test('after its link: its old name is free for a new model, and for another one that is renamed', async (t) => {
    const takers = [
      ['model', 'create', 'command/shell', 'old', '--run', 'true'],
      ['model', 'rename', 'third', 'old'],
    ];
    for (const args of takers) {
      const repo = await tempRepo(t, { pending: 'allowed' });
      await createModel(repo, 'third');
      const id = await deadRename(repo, AFTER_LINK);
      await run(repo, args);
      await run(repo, ['model', 'validate']);
      assert.notEqual(await idOf(repo, 'old'), id);
      assert.equal(await idOf(repo, 'new'), id);
    }
  });
});

for (const when of ['before its last look at the lock', 'after it'] as const) {
  for (const others of [[['data', 'put', 'old', 'y']], []]) {
    const title = `${when}, before its link${others.length > 0 ? ', and others use the model' : ''}`;
    test(`P1: a renamer that is put out of the lock ${title}: it gets no name that another model took`, async (t) => {
      const repo = await tempRepo(t);
      const id = await createModel(repo, 'old');
      await put(repo, 'old', 'x', 'mine');
      const points = await traceOf(copyRepo(repo), RENAME);
      const point = when === 'after it' ? `#${points.indexOf(BEFORE_LINK) + 2}` : BEFORE_LINK;
      const pauses = new Pauses(repo, [point]);
      const sleeper = start(repo, [...RENAME, '--json'], { env: pauses.env });
      await pauses.at(point, sleeper);
      await run(repo, ['datastore', 'lock', 'release', '--force']);
      for (const args of [...others, ['model', 'create', 'command/shell', 'new', '--run', 'true']]) await run(repo, args);
      pauses.go(point);
      assert.match((await finished(sleeper, 73)).stderr, /"conflict"/);
      assert.deepEqual(definitions(repo), ['command/shell/new.yaml', 'store/old.yaml']);
      assert.equal(await idOf(repo, 'old'), id);
    });
  }
}

test('P1: a renamer that slept before its link and has lost the global lock alone ends as lock_lost', async (t) => {
  const repo = await tempRepo(t, { env: { SWAMP_LOCK_TTL_MS: '2000' } });
  const id = await createModel(repo, 'old');
  const pauses = new Pauses(repo, [BEFORE_LINK]);
  const sleeper = start(repo, [...RENAME, '--json'], { env: pauses.env });
  await pauses.at(BEFORE_LINK, sleeper);
  sleeper.kill('SIGSTOP');
  await run(repo, ['model', 'create', 'command/shell', 'new', '--run', 'true']);
  pauses.go(BEFORE_LINK);
  sleeper.kill('SIGCONT');
  assert.match((await finished(sleeper, 75)).stderr, /"lock_lost"/);
  assert.deepEqual(definitions(repo), ['command/shell/new.yaml', 'store/old.yaml']);
  assert.equal(await idOf(repo, 'old'), id);
});

test('a text that only mentions the model is not its definition, and a copy of it neither is what was renamed', async (t) => {
  const repo = await tempRepo(t, { pending: 'allowed' });
  const id = await deadRename(repo, BEFORE_LINK);
  await run(repo, ['model', 'create', 'store', 'new', '--description', `takes over from ${id}`]);
  await put(repo, 'old', 'y', 'more');
  assert.deepEqual(definitions(repo), ['store/new.yaml', 'store/old.yaml']);
  assert.equal(await idOf(repo, 'old'), id);
  const points = new Pauses(repo, [BEFORE_LINK]);
  const renaming = start(repo, ['model', 'rename', 'old', 'copy', '--json'], { env: points.env });
  await points.at(BEFORE_LINK, renaming);
  const copy = join(repo.dir, 'models/store/copy.yaml');
  writeFileSync(copy, `${readFileSync(join(repo.dir, 'models/store/old.yaml'), 'utf8')}# mine\n`);
  points.go(BEFORE_LINK);
  assert.match((await finished(renaming, 73)).stderr, /nothing was renamed/);
  assert.deepEqual(definitions(repo), ['store/copy.yaml', 'store/new.yaml', 'store/old.yaml']);
  rmSync(copy);
});

test('D7: a renamer that died before its link does not hide that a copied definition shares the data', async (t) => {
  const repo = await tempRepo(t, { pending: 'allowed' });
  await deadRename(repo, BEFORE_LINK);
  const copy = join(repo.dir, 'models/store/copy.yaml');
  writeFileSync(copy, readFileSync(join(repo.dir, 'models/store/old.yaml'), 'utf8'));
  await refused(repo, ['model', 'delete', 'old', '--with-data', '--force'], 'model_invalid');
  rmSync(copy);
  assert.equal(await contentOf(repo, 'old', 'x'), 'mine');
});

test('a renamer that is put out with the old definition aside says nothing of another model that has the old name', async (t) => {
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'old');
  const points = new Pauses(repo, [ASIDE]);
  const sleeper = start(repo, RENAME, { env: points.env });
  await points.at(ASIDE, sleeper);
  await run(repo, ['datastore', 'lock', 'release', '--force']);
  await createModel(repo, 'old');
  points.go(ASIDE);
  assert.doesNotMatch((await finished(sleeper)).stderr, /warning/);
  assert.equal(await idOf(repo, 'new'), id);
  await run(repo, ['model', 'validate']);
});
