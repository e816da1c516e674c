import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ErrorCode, SwampError } from '../errors.js';
import { openRepoAt, type Repo, type RepoOptions } from '../repo.js';
import { dataPut } from './data-put.js';
import { type ModelCreateInput, modelCreate } from './model-create.js';
import { modelDelete } from './model-delete.js';
import { modelGet } from './model-get.js';
import { modelList } from './model-list.js';
import { modelRename } from './model-rename.js';
import { modelValidate } from './model-validate.js';
import { repoInfo } from './repo-info.js';
import { repoInit } from './repo-init.js';

const LIMIT = { timeout: 60_000 };
const OPTIONS = { signal: AbortSignal.timeout(LIMIT.timeout) };

async function repository(t: TestContext, options: RepoOptions = {}): Promise<Repo> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'swamp-models-')));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  await repoInit(dir);
  return openRepoAt(dir, { env: {}, ...options });
}

function fails(code: ErrorCode, ...parts: readonly RegExp[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SwampError, String(error));
    assert.equal(error.code, code);
    for (const part of parts) assert.match(`${error.message} ${error.hint}`, part);
    return true;
  };
}

function files(repo: Repo): string[] {
  return readdirSync(join(repo.root, 'models'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
}

test('a created model is told by every command in the same words', LIMIT, async (t) => {
  const repo = await repository(t);
  const input: ModelCreateInput = {
    type: 'command/shell',
    name: 'build',
    run: 'make dist',
    deleteRun: './teardown.sh',
    set: { workingDir: 'sub', timeout: '60000', ignoreExitCode: 'true', 'env.A': 'b=c', 'env.B': '' },
    tags: { env: 'prod', size: '10' },
    description: 'Builds it: all',
  };
  const created = await modelCreate(repo, input, OPTIONS);
  assert.deepEqual(Object.keys(created), ['id', 'name', 'type', 'path']);
  assert.equal(created.path, 'models/command/shell/build.yaml');
  const methods = {
    execute: { arguments: { run: 'make dist', workingDir: 'sub', timeout: 60_000, env: { A: 'b=c', B: '' }, ignoreExitCode: true } },
    delete: { arguments: { run: './teardown.sh', workingDir: '.', env: {}, ignoreExitCode: false } },
  };
  const tags = { env: 'prod', size: '10' };
  assert.deepEqual(await modelGet(repo, { model: 'build' }), { ...created, description: 'Builds it: all', tags, methods });
  assert.deepEqual(await modelGet(repo, { model: created.id }), { ...created, description: 'Builds it: all', tags, methods });
  assert.deepEqual(await modelList(repo), { models: [{ ...created, tags }], total: 1 });
  assert.deepEqual(await modelValidate(repo), {
    models: [{ name: 'build', type: created.type, path: created.path, valid: true, problems: [] }],
    total: 1,
    valid: true,
  });
});

test('what is wrong with the options is told as usage, and nothing is written', LIMIT, async (t) => {
  const repo = await repository(t);
  const base = { type: 'command/shell', name: 'x', run: 'date' };
  const cases: readonly (readonly [input: ModelCreateInput, code: ErrorCode, message: RegExp])[] = [
    [{ ...base, type: 'shell' }, 'usage', /no model type "shell".*Types/],
    [{ ...base, type: 'stor' }, 'usage', /Did you mean "store"\?/],
    [{ type: 'command/shell', name: 'x' }, 'usage', /needs a command/],
    [{ ...base, run: ' ' }, 'usage', /execute\.arguments\.run is empty/],
    [{ ...base, deleteRun: '' }, 'usage', /delete\.arguments\.run is empty/],
    [{ ...base, type: 'store' }, 'usage', /store has no methods/],
    [{ type: 'store', name: 'x', set: { timeout: '5' } }, 'usage', /store has no methods/],
    [{ ...base, set: { timeout: '5s' } }, 'usage', /timeout must be a whole number/],
    [{ ...base, set: { timeout: '0' } }, 'usage', /from 1 to 2147483647/],
    [{ ...base, set: { timeout: '99999999999' } }, 'usage', /from 1 to 2147483647/],
    [{ ...base, set: { ignoreExitCode: '1' } }, 'usage', /true or false/],
    [{ ...base, set: { workingdir: '.' } }, 'usage', /Did you mean "workingDir"\?/],
    [{ ...base, set: { run: 'x' } }, 'usage', /--set does not know "run"/],
    [{ ...base, set: { 'env.A-B': 'x' } }, 'usage', /"A-B" cannot be the name/],
    [{ ...base, set: { 'env.SWAMP_ANCESTORS': 'x' } }, 'usage', /set by swamp itself/],
    [{ ...base, set: Object.fromEntries([['env.__proto__', 'x']]) }, 'usage', /not a name/],
    [{ ...base, tags: { '': 'x' } }, 'usage', /a tag needs a name/],
    [{ ...base, description: 'a\0b' }, 'usage', /NUL/],
    [{ ...base, name: '../x' }, 'name_invalid', /cannot be a model name/],
  ];
  for (const [input, code, message] of cases) await assert.rejects(modelCreate(repo, input, OPTIONS), fails(code, message), JSON.stringify(input));
  assert.deepEqual(files(repo), []);
});

test('names are unique over all types, case aside, also among many that create at once', LIMIT, async (t) => {
  const repo = await repository(t);
  const names = ['one', 'ONE', 'One', 'one', 'oNe', 'one'];
  const results = await Promise.allSettled(
    names.map((name, i) => modelCreate(repo, i % 2 === 0 ? { type: 'store', name } : { type: 'command/shell', name, run: 'date' }, OPTIONS)),
  );
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const result of results) if (result.status === 'rejected') fails('model_exists')(result.reason);
  assert.equal(files(repo).length, 1);
});

test('a read-only repository gets no model', LIMIT, async (t) => {
  const repo = await repository(t, { readOnly: true });
  await assert.rejects(modelCreate(repo, { type: 'store', name: 'x' }, OPTIONS), fails('read_only'));
  assert.deepEqual(files(repo), []);
});

test('a search finds by name, type, id, description and tag, and a listing warns of what it cannot show', LIMIT, async (t) => {
  const warnings: string[] = [];
  const repo = await repository(t, { reporter: { info: () => {}, debug: () => {}, warn: (message) => warnings.push(message) } });
  const a = await modelCreate(repo, { type: 'store', name: 'alpha', tags: { env: 'prod' } }, OPTIONS);
  await modelCreate(repo, { type: 'command/shell', name: 'beta', run: 'date', description: 'nightly' }, OPTIONS);
  const names = async (text: string): Promise<string[]> => (await modelList(repo, { text })).models.map(({ name }) => name);
  assert.deepEqual(await names('ALPH'), ['alpha']);
  assert.deepEqual(await names('env=prod'), ['alpha']);
  assert.deepEqual(await names('shell'), ['beta']);
  assert.deepEqual(await names('Nightly'), ['beta']);
  assert.deepEqual(await names(a.id), ['alpha']);
  assert.deepEqual(await names(''), ['alpha', 'beta']);
  assert.deepEqual(await names('nothing'), []);
  assert.equal(warnings.length, 0);
  writeFileSync(join(repo.root, 'models/store/broken.yaml'), 'id: 1\n');
  assert.deepEqual(await names(''), ['alpha', 'beta']);
  assert.ok(
    warnings.some((warning) => warning.startsWith('models/store/broken.yaml:1: id "1" is not a lower-case UUID')),
    warnings.join('\n'),
  );
});

test('validate tells every problem of every file, strays too, and of one model when it is named', LIMIT, async (t) => {
  const repo = await repository(t);
  const good = await modelCreate(repo, { type: 'store', name: 'good' }, OPTIONS);
  const text = readFileSync(join(repo.root, good.path), 'utf8');
  writeFileSync(join(repo.root, 'models/store/copy.yaml'), text);
  writeFileSync(join(repo.root, 'models/store/broken.yaml'), `id: ${randomUUID()}\nname: other\ntype: store\ntagz: {}\n`);
  mkdirSync(join(repo.root, 'models/aws/ec2'), { recursive: true });
  writeFileSync(join(repo.root, 'models/aws/ec2/vm.yaml'), '');
  const all = await modelValidate(repo);
  assert.equal(all.valid, false);
  assert.equal(all.total, 4);
  assert.deepEqual(
    all.models.map(({ name, type, valid, problems }) => [name, type, valid, problems.map(({ line }) => line)]),
    [
      ['broken', 'store', false, [2, 4]],
      ['copy', 'store', false, [undefined]],
      ['good', 'store', false, [undefined]],
      ['vm', 'aws/ec2', false, [undefined]],
    ],
  );
  assert.deepEqual(
    (await modelValidate(repo, { model: 'broken' })).models.map(({ name }) => name),
    ['broken'],
  );
  assert.deepEqual(
    (await modelValidate(repo, { model: good.id })).models.map(({ name }) => name),
    ['copy', 'good'],
  );
  rmSync(join(repo.root, 'models/store/copy.yaml'));
  assert.equal((await modelValidate(repo, { model: 'good' })).valid, true);
  await assert.rejects(modelValidate(repo, { model: 'goood' }), fails('model_not_found', /Did you mean "good"\?/));
});

test('a name in a definition that is not that of its file is told by validate, and is of no matter to any other command', LIMIT, async (t) => {
  const repo = await repository(t);
  const { id, path } = await modelCreate(repo, { type: 'store', name: 'a' }, OPTIONS);
  assert.doesNotMatch(readFileSync(join(repo.root, path), 'utf8'), /name/);
  writeFileSync(join(repo.root, path), `id: ${id}\nname: other\ntype: store\n`);
  const warned: string[] = [];
  const heard: Repo = { ...repo, reporter: { ...repo.reporter, warn: (message) => warned.push(message) } };
  const { models, valid } = await modelValidate(heard);
  assert.deepEqual([valid, models.map(({ name, problems }) => [name, problems.map(({ line }) => line)])], [false, [['a', [2]]]]);
  assert.equal((await modelList(heard)).models[0]?.name, 'a');
  await repoInfo(heard);
  assert.equal((await modelRename(heard, { model: 'a', newName: 'b' }, OPTIONS)).id, id);
  assert.equal(readFileSync(join(repo.root, 'models/store/b.yaml'), 'utf8'), `id: ${id}\nname: b\ntype: store\n`);
  assert.equal((await modelValidate(heard)).valid, true);
  assert.deepEqual(warned, []);
});

test(
  'a file with two names, as an interrupted rename leaves it, is one model: found by both, listed once, and any command for it ends that',
  LIMIT,
  async (t) => {
    const ends: readonly (readonly [title: string, end: (repo: Repo) => Promise<unknown>, left: readonly string[]])[] = [
      ['the rename again', (repo) => modelRename(repo, { model: 'old', newName: 'new' }, OPTIONS), ['new.yaml']],
      ['the rename back', (repo) => modelRename(repo, { model: 'new', newName: 'old' }, OPTIONS), ['old.yaml']],
      ['another rename', (repo) => modelRename(repo, { model: 'new', newName: 'third' }, OPTIONS), ['third.yaml']],
      ['a delete', (repo) => modelDelete(repo, { model: 'old' }, OPTIONS), []],
      ['a model of the old name', (repo) => modelCreate(repo, { type: 'store', name: 'OLD' }, OPTIONS), ['OLD.yaml', 'new.yaml']],
      ['a model of the new name', (repo) => modelCreate(repo, { type: 'command/shell', name: 'new', run: 'date' }, OPTIONS), ['new.yaml', 'old.yaml']],
    ];
    for (const [title, end, left] of ends) {
      const repo = await repository(t);
      const { id, path } = await modelCreate(repo, { type: 'store', name: 'old' }, OPTIONS);
      linkSync(join(repo.root, path), join(repo.root, 'models/store/new.yaml'));
      for (const name of ['old', 'new', id]) assert.equal((await modelGet(repo, { model: name })).id, id, title);
      assert.deepEqual(
        (await modelList(repo)).models.map(({ name }) => name),
        ['new'],
      );
      for (const model of ['old', 'new', id]) {
        const { models } = await modelValidate(repo, { model });
        assert.match(models[0]?.problems[0]?.message ?? '', /same file as models\/store\/old\.yaml/);
      }
      await end(repo);
      assert.deepEqual(files(repo), left, title);
      assert.equal((await modelValidate(repo)).valid, true, title);
    }
  },
);

test('info counts models, artifacts, versions and the bytes of their content', LIMIT, async (t) => {
  const repo = await repository(t);
  assert.deepEqual(await repoInfo(repo), {
    repoDir: repo.root,
    repoId: repo.id,
    formatVersion: 3,
    datastore: '.swamp',
    models: 0,
    artifacts: 0,
    versions: 0,
    bytes: 0,
  });
  await modelCreate(repo, { type: 'store', name: 'a' }, OPTIONS);
  const gone = await modelCreate(repo, { type: 'store', name: 'b' }, OPTIONS);
  for (const [model, name, content] of [
    ['a', 'x', 'hello'],
    ['a', 'x', 'hi'],
    ['a', 'y/z', ''],
    ['b', 'x', '1234567890'],
  ] as const) {
    await dataPut(repo, { model, name, source: [Buffer.from(content)] }, OPTIONS);
  }
  const { models, artifacts, versions, bytes } = await repoInfo(repo);
  assert.deepEqual({ models, artifacts, versions, bytes }, { models: 2, artifacts: 3, versions: 4, bytes: 17 });
  mkdirSync(repo.layout.deleted, { recursive: true });
  writeFileSync(repo.layout.deletedModel(gone.id), '{}');
  const after = await repoInfo(repo);
  assert.deepEqual([after.models, after.artifacts, after.versions, after.bytes], [1, 2, 3, 7]);
});
