import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ErrorCode, SwampError } from '../errors.js';
import { stateOf } from '../fs/identity.js';
import { markerText, openRepoAt, type Repo } from '../repo.js';
import { type Definition, serialiseDefinition } from './definition.js';
import { findModel, listModels, modelPath, surveyDefinitions } from './files.js';
import { assertNameFree, publishDefinition } from './names.js';

const LIMIT = { timeout: 30_000 };

function repository(t: TestContext): Repo {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'swamp-files-')));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, '.swamp.yaml'), markerText(randomUUID()));
  return openRepoAt(dir, { env: {} });
}

function store(name: string, id: string = randomUUID()): Definition {
  return { id, name, type: 'store', tags: {}, methods: {} };
}

function shell(name: string): Definition {
  return { ...store(name), type: 'command/shell', methods: { execute: { run: 'date', workingDir: '.', env: {}, ignoreExitCode: false } } };
}

/** Writes `text` under models/, as a person would. */
function write(repo: Repo, path: string, text: string | Uint8Array): void {
  mkdirSync(dirname(join(repo.root, 'models', path)), { recursive: true });
  writeFileSync(join(repo.root, 'models', path), text);
}

function markDeleted(repo: Repo, id: string): void {
  mkdirSync(repo.layout.deleted, { recursive: true });
  writeFileSync(repo.layout.deletedModel(id), '{}');
}

function fails(code: ErrorCode, ...parts: readonly RegExp[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SwampError, String(error));
    assert.equal(error.code, code);
    for (const part of parts) assert.match(`${error.message} ${error.hint}`, part);
    return true;
  };
}

test('a published definition is found by name and by id, and is where the layout says', LIMIT, async (t) => {
  const repo = repository(t);
  const definition = shell('build.1');
  const path = await publishDefinition(repo, definition);
  assert.equal(path, join(repo.root, 'models/command/shell/build.1.yaml'));
  assert.equal(path, modelPath(repo, 'command/shell', 'build.1'));
  assert.equal(readFileSync(path, 'utf8'), serialiseDefinition(definition));
  const model = { ...definition, path, text: serialiseDefinition(definition), seen: stateOf(path) };
  assert.deepEqual(await findModel(repo, 'build.1'), model);
  assert.deepEqual(await findModel(repo, definition.id), model);
  assert.deepEqual(await findModel(repo, definition.id.toUpperCase()), model);
  assert.deepEqual(readdirSync(dirname(path)), ['build.1.yaml'], 'nothing else is left');
});

test('a name goes before an id', LIMIT, async (t) => {
  const repo = repository(t);
  const first = store('first');
  await publishDefinition(repo, first);
  await publishDefinition(repo, store(first.id));
  assert.equal((await findModel(repo, first.id)).name, first.id);
});

test('of many that publish one name at once exactly one succeeds, whole', LIMIT, async (t) => {
  const repo = repository(t);
  const definitions = Array.from({ length: 20 }, () => store('same'));
  const results = await Promise.allSettled(definitions.map((definition) => publishDefinition(repo, definition)));
  const won = definitions.filter((_, i) => results[i]?.status === 'fulfilled');
  assert.equal(won.length, 1);
  for (const result of results) if (result.status === 'rejected') fails('model_exists')(result.reason);
  assert.equal((await findModel(repo, 'same')).id, won[0]?.id);
  assert.deepEqual(readdirSync(join(repo.root, 'models/store')), ['same.yaml']);
});

test('publishing overwrites nothing, not even a link that leads nowhere', LIMIT, async (t) => {
  const repo = repository(t);
  write(repo, 'store/taken.yaml', 'mine');
  await assert.rejects(publishDefinition(repo, store('taken')), fails('model_exists'));
  assert.equal(readFileSync(modelPath(repo, 'store', 'taken'), 'utf8'), 'mine');
  symlinkSync('nowhere.yaml', modelPath(repo, 'store', 'dangling'));
  await assert.rejects(publishDefinition(repo, store('dangling')), fails('model_exists'));
  assert.equal(existsSync(join(repo.root, 'models/store/nowhere.yaml')), false);
});

test('what a killed publication left is no definition and in nobody’s way', LIMIT, async (t) => {
  const repo = repository(t);
  write(repo, 'store/.a.0123456789ab.tmp', 'half a defin');
  await publishDefinition(repo, store('a'));
  const { models, problems } = await listModels(repo);
  assert.deepEqual(
    models.map(({ name }) => name),
    ['a'],
  );
  assert.deepEqual(problems, []);
});

test('a name is taken by a definition of any type, in any case, valid or not', LIMIT, async (t) => {
  const repo = repository(t);
  await publishDefinition(repo, shell('Web'));
  write(repo, 'store/broken.yaml', ': : :');
  for (const name of ['Web', 'web', 'WEB', 'broken', 'BROKEN']) assert.throws(() => assertNameFree(repo, name), fails('model_exists'), name);
  for (const name of ['web2', 'we', 'broken.yaml']) assertNameFree(repo, name);
  assert.throws(() => assertNameFree(repo, '../web'), fails('name_invalid'));
});

test('what was never there is told with the nearest name', LIMIT, async (t) => {
  const repo = repository(t);
  await assert.rejects(findModel(repo, 'anything'), fails('model_not_found', /model list/));
  await publishDefinition(repo, store('results'));
  await assert.rejects(findModel(repo, 'result'), fails('model_not_found', /Did you mean "results"\?/));
  for (const name of ['', '../results', 'store/results', 'results.yaml', 'RESULTS', randomUUID(), '\0']) {
    await assert.rejects(findModel(repo, name), fails('model_not_found'), name);
  }
});

test('a broken definition is told with file and line, by name and by the id it mentions', LIMIT, async (t) => {
  const repo = repository(t);
  const id = randomUUID();
  write(repo, 'store/broken.yaml', `id: ${id}\nname: broken\ntype: store\nmethod: {}\n`);
  for (const reference of ['broken', id]) {
    await assert.rejects(
      findModel(repo, reference),
      fails('model_invalid', /models\/store\/broken\.yaml:4: unknown field "method"/, /Did you mean "methods"\?/),
    );
  }
});

test('an id written with escapes is found', LIMIT, async (t) => {
  const repo = repository(t);
  const id = '523ffdc3-8648-47ae-a1a2-1fb185d39bbc';
  write(repo, 'store/escaped.yaml', `id: "5\\x32${id.slice(2)}"\nname: escaped\ntype: store\n`);
  assert.equal((await findModel(repo, id)).name, 'escaped');
});

test('two definitions of one name or one id are told, and the name or id means neither', LIMIT, async (t) => {
  const repo = repository(t);
  const id = randomUUID();
  await publishDefinition(repo, store('copy', id));
  await publishDefinition(repo, store('original', id));
  await publishDefinition(repo, store('twice'));
  await publishDefinition(repo, shell('twice'));
  await publishDefinition(repo, shell('TWICE'));
  await assert.rejects(findModel(repo, 'twice'), fails('model_invalid', /more than one/));
  await assert.rejects(findModel(repo, id), fails('model_invalid', /more than one/));
  assert.equal((await findModel(repo, 'copy')).id, id);
  const { models, problems } = await listModels(repo);
  assert.equal(models.length, 5, 'nothing is left out');
  assert.deepEqual(
    problems.map(({ path, message }) => `${path} ${message.includes('same id') ? 'id' : 'name'}`),
    [
      'models/command/shell/TWICE.yaml name',
      'models/store/copy.yaml id',
      'models/store/original.yaml id',
      'models/command/shell/twice.yaml name',
      'models/store/twice.yaml name',
    ],
  );
});

test('a deleted model is gone for every lookup and listing, and its file is told', LIMIT, async (t) => {
  const repo = repository(t);
  const gone = store('gone');
  await publishDefinition(repo, gone);
  await publishDefinition(repo, store('alive'));
  markDeleted(repo, gone.id);
  for (const reference of ['gone', gone.id]) await assert.rejects(findModel(repo, reference), fails('model_not_found', /deleted/, /new id/));
  const { models, problems } = await listModels(repo);
  assert.deepEqual(
    models.map(({ name }) => name),
    ['alive'],
  );
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['models/store/gone.yaml'],
  );
  assert.throws(() => assertNameFree(repo, 'gone'), fails('model_exists', /new id/));
  rmSync(modelPath(repo, 'store', 'gone'));
  await assert.rejects(findModel(repo, gone.id), fails('model_not_found', /deleted/));
});

test('a deleted definition does not hide a live one of the same name, nor make its id ambiguous', LIMIT, async (t) => {
  const repo = repository(t);
  const gone = store('x');
  const alive = shell('x');
  await publishDefinition(repo, gone);
  await publishDefinition(repo, alive);
  markDeleted(repo, gone.id);
  assert.equal((await findModel(repo, 'x')).id, alive.id);
  assert.equal((await findModel(repo, alive.id)).id, alive.id);
  const { files } = await surveyDefinitions(repo);
  assert.deepEqual(
    files.map(({ type, deleted, problems }) => [type, deleted, problems.length]),
    [
      ['command/shell', false, 0],
      ['store', true, 1],
    ],
  );
});

test('everything under models/ that looks like a definition and cannot be one is told, and nothing hangs or fails', LIMIT, async (t) => {
  const repo = repository(t);
  await publishDefinition(repo, store('good'));
  write(repo, 'aws/ec2/vm.yaml', 'id: x');
  write(repo, 'lonely.yaml', 'id: x');
  write(repo, 'store/short.yml', 'id: x');
  write(repo, 'store/bad name.yaml', 'id: x');
  write(repo, 'store/latin.yaml', Buffer.from([0x69, 0x64, 0x3a, 0xe9]));
  write(repo, 'store/huge.yaml', Buffer.alloc(1024 * 1024 + 1, 0x20));
  write(repo, 'store/README.md', '# not told');
  write(repo, 'store/.draft.yaml', 'not told');
  mkdirSync(join(repo.root, 'models/store/dir.yaml'));
  execFileSync('mkfifo', [join(repo.root, 'models/store/fifo.yaml')], { timeout: 10_000 });
  writeFileSync(join(repo.root, 'elsewhere.yaml'), serialiseDefinition(store('link')));
  symlinkSync(join(repo.root, 'elsewhere.yaml'), modelPath(repo, 'store', 'link'));
  symlinkSync('/', join(repo.root, 'models/root'));
  const { models, problems } = await listModels(repo);
  assert.deepEqual(
    models.map(({ name }) => name),
    ['good'],
  );
  assert.deepEqual(problems.map(({ path, message }) => `${path}: ${message}`).sort(), [
    'models/aws/ec2/vm.yaml: unknown type "aws/ec2"',
    'models/lonely.yaml: is in no type directory',
    'models/root: is a symbolic link',
    'models/store/bad name.yaml: "bad name" cannot be a model name',
    'models/store/dir.yaml: is not a regular file',
    'models/store/fifo.yaml: is not a regular file',
    'models/store/huge.yaml: has more than 1048576 bytes',
    'models/store/latin.yaml: is not valid UTF-8',
    'models/store/link.yaml: is a symbolic link',
    'models/store/short.yml: is not read: definitions end in .yaml',
  ]);
  for (const name of ['latin', 'huge', 'dir', 'fifo', 'link']) await assert.rejects(findModel(repo, name), fails('model_invalid'), name);
  await assert.rejects(findModel(repo, 'vm'), fails('model_not_found', /models\/aws\/ec2\/vm\.yaml: unknown type/));
  await assert.rejects(findModel(repo, 'short'), fails('model_not_found', /end in \.yaml/));
});

test('no directory of models/ leads elsewhere through a link', LIMIT, async (t) => {
  const repo = repository(t);
  await publishDefinition(repo, store('mine'));
  const elsewhere = join(repo.root, 'elsewhere');
  renameSync(join(repo.root, 'models/store'), elsewhere);
  symlinkSync(elsewhere, join(repo.root, 'models/store'));
  await assert.rejects(findModel(repo, 'mine'), fails('config_invalid', /symbolic link/));
  await assert.rejects(publishDefinition(repo, store('new')), fails('config_invalid', /symbolic link/));
  assert.deepEqual(readdirSync(elsewhere), ['mine.yaml']);
  rmSync(join(repo.root, 'models'), { recursive: true });
  symlinkSync(elsewhere, join(repo.root, 'models'));
  await assert.rejects(listModels(repo), fails('config_invalid', /symbolic link/));
});

test('a repository without models/ has no models', LIMIT, async (t) => {
  assert.deepEqual(await listModels(repository(t)), { models: [], problems: [] });
});

test('models are listed by name, whatever their type', LIMIT, async (t) => {
  const repo = repository(t);
  for (const definition of [store('b'), shell('a'), shell('c'), store('B')]) await publishDefinition(repo, definition);
  assert.deepEqual(
    (await listModels(repo)).models.map(({ name }) => name),
    ['B', 'a', 'b', 'c'],
  );
});
