/** The commands that change something, each with what is there before, and what must be there when it has had its effect. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { verifyTree } from '../../src/backup/verify/verify.js';
import { openRepo, SwampError } from '../../src/index.js';
import { GLOBAL } from '../../src/layout/layout.js';
import { currentProcess, formatHolder, newNonce } from '../../src/locks/holder.js';
import { writeTree } from './backup-tree.js';
import type { Verb } from './campaign.js';
import { foreignIn } from './foreign.js';
import { deadHolder } from './library-repo.js';
import { heldLocks, type TestRepo } from './repo.js';
import { type StartOptions, start } from './swamp.js';

/** Several chunks of a file. */
const LARGE = 'x'.repeat(700_000);

/** The next version of one artifact, and the first of another. */
const BATCH = `${JSON.stringify({ name: 'a', content: 'written' })}\n${JSON.stringify({ name: 'new', content: 'written' })}\n`;

export const VERBS: readonly Verb[] = [
  {
    title: 'data put: next version',
    verb: 'data put',
    args: ['m', 'a'],
    stdin: 'written',
    prepare,
    done: (repo) => expectLatest(repo, 'm', 'a', 'written'),
  },
  {
    title: 'data put: with autoGc, collects what it supersedes',
    verb: 'data put',
    args: ['m', 'a', '--gc', '2'],
    stdin: 'written',
    prepare: async (repo) => {
      await prepare(repo);
      appendFileSync(join(repo.dir, '.swamp.yaml'), 'autoGc: true\n');
    },
    takes: [1, 2, 3].map((version) => ({ model: 'm', name: 'a', version })),
    mayLeaveSome: true,
    done: async (repo) => {
      await expectLatest(repo, 'm', 'a', 'written');
      // Traced, it may take longer than it has for all of them.
      assert.ok((await versionsOf(repo, 'm', 'a')).length < 4);
    },
  },
  {
    title: 'data put: first version, from a large file',
    verb: 'data put',
    args: ['m', 'new', 'large'],
    prepare: async (repo) => {
      await prepare(repo);
      writeFileSync(join(repo.dir, 'large'), LARGE);
    },
    done: (repo) => expectLatest(repo, 'm', 'new', LARGE),
  },
  {
    title: 'data put: --create in an empty repository',
    verb: 'data put',
    args: ['first', 'a', '--create'],
    stdin: 'written',
    prepare: async () => {},
    done: (repo) => expectLatest(repo, 'first', 'a', 'written'),
  },
  {
    title: 'data put: finishes what a method left that died half way out',
    verb: 'data put',
    args: ['shell', 'extra'],
    stdin: 'written',
    prepare: async (repo) => {
      await prepare(repo);
      await killedAt(repo, 'steps.out', ['model', 'run', 'shell']);
    },
    done: async (repo) => {
      await expectLatest(repo, 'shell', 'extra', 'written');
      await expectOutputs(repo, 2);
    },
  },
  {
    title: 'data put: --batch',
    verb: 'data put',
    args: ['m', '--batch'],
    stdin: BATCH,
    prepare,
    done: expectBatch,
  },
  {
    title: 'data put: --batch --atomic',
    verb: 'data put',
    args: ['m', '--batch', '--atomic'],
    stdin: BATCH,
    prepare,
    done: expectBatch,
  },
  {
    title: 'datastore compact',
    verb: 'datastore compact',
    args: [],
    prepare,
    done: async ({ dir, layout }) => {
      assert.deepEqual((await openRepo(dir).data.query({ predicate: 'name == "a" && modelName == "m"', select: 'version' })).total, 1);
      assert.ok(existsSync(layout.catalogs));
    },
  },
  {
    title: 'model create',
    verb: 'model create',
    args: ['store', 'created', '--tag', 'k=v'],
    prepare,
    again: ['model_exists'],
    done: async ({ dir }) => assert.deepEqual((await openRepo(dir).model.get({ model: 'created' })).tags, { k: 'v' }),
  },
  {
    title: 'backup restore: over what is there',
    verb: 'backup restore',
    args: (repo) => [backupBeside(repo), '--mode', 'merge'],
    prepare,
    done: async (repo) => {
      await expectLatest(repo, 'm', 'a', 'three');
      await expectLatest(repo, 'm', 'missing', 'restored');
      await expectLatest(repo, 'brought', 'b', 'along');
    },
  },
  {
    title: 'repo import',
    verb: 'repo import',
    args: (repo) => [foreignIn(join(repo.base, 'foreign'))],
    prepare,
    done: (repo) => expectLatest(repo, 'foreign', 'a', 'text'),
  },
  {
    title: 'model rename',
    verb: 'model rename',
    args: ['m', 'renamed'],
    prepare,
    again: ['model_not_found'],
    done: async (repo) => {
      await expectLatest(repo, 'renamed', 'a', 'three');
      await expectCode('model_not_found', () => openRepo(repo.dir).model.get({ model: 'm' }));
    },
  },
  {
    title: 'model delete: --with-data',
    verb: 'model delete',
    args: ['m', '--with-data', '--force'],
    prepare,
    takes: [{ model: 'm' }],
    done: (repo) => expectCode('model_not_found', () => openRepo(repo.dir).model.get({ model: 'm' })),
  },
  {
    title: 'model delete: with a teardown',
    verb: 'model delete',
    args: ['torn', '--with-data', '--force'],
    prepare: async (repo) => {
      await prepare(repo);
      const { model, data } = openRepo(repo.dir);
      await model.create({ type: 'command/shell', name: 'torn', run: 'true', deleteRun: 'echo down >> teardowns' });
      await data.put({ model: 'torn', name: 'a', source: ['one'] });
    },
    takes: [{ model: 'torn' }],
    done: async (repo) => {
      await expectCode('model_not_found', () => openRepo(repo.dir).model.get({ model: 'torn' }));
      assert.ok(existsSync(join(repo.dir, 'teardowns')), 'the teardown did not run');
    },
  },
  {
    title: 'model method run: first outputs',
    verb: 'model method run',
    args: ['fresh', 'execute'],
    prepare: async (repo) => {
      await prepare(repo);
      await openRepo(repo.dir).model.create({ type: 'command/shell', name: 'fresh', run: 'echo said' });
    },
    done: (repo) => expectOutputs(repo, 1, 'fresh'),
  },
  {
    title: 'model method run: next outputs',
    verb: 'model method run',
    args: ['shell', 'execute'],
    prepare,
    done: (repo) => expectOutputs(repo, 2),
  },
  {
    title: 'model set',
    verb: 'model set',
    args: ['shell', 'tags.k=v', 'env.A=b'],
    prepare,
    done: async ({ dir }) => assert.deepEqual((await openRepo(dir).model.get({ model: 'shell' })).tags, { k: 'v' }),
  },
  {
    title: 'model edit: from stdin',
    verb: 'model edit',
    args: ['edited'],
    stdin: 'id: 523ffdc3-8648-47ae-a1a2-1fb185d39bbc\ntype: store\ndescription: new\n',
    prepare: async (repo) => {
      await prepare(repo);
      writeFileSync(join(repo.dir, 'models/store/edited.yaml'), 'id: 523ffdc3-8648-47ae-a1a2-1fb185d39bbc\ntype: store\n');
    },
    done: async ({ dir }) => assert.equal((await openRepo(dir).model.get({ model: 'edited' })).description, 'new'),
  },
  {
    title: 'model exec: --create',
    verb: 'model exec',
    args: ['made', '--create', '--', 'true'],
    prepare,
    done: async ({ dir }) => void (await openRepo(dir).model.get({ model: 'made' })),
  },
  {
    title: 'data rename',
    verb: 'data rename',
    args: ['m', 'a', 'renamed'],
    prepare,
    again: ['data_not_found'],
    done: async (repo) => {
      assert.deepEqual(await versionsOf(repo, 'm', 'renamed'), [1, 2, 3]);
      await expectLatest(repo, 'm', 'renamed', 'three');
    },
  },
  {
    title: 'data delete: an artifact',
    verb: 'data delete',
    args: ['m', 'a', '--force'],
    prepare,
    takes: [{ model: 'm', name: 'a' }],
    done: async (repo) => assert.deepEqual(await versionsOf(repo, 'm', 'a'), []),
  },
  {
    title: 'data delete: the newest version',
    verb: 'data delete',
    args: ['m', 'a', '--version', '3', '--force'],
    prepare,
    takes: [{ model: 'm', name: 'a', version: 3 }],
    done: async (repo) => assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1, 2]),
  },
  {
    title: 'data delete: --prefix',
    verb: 'data delete',
    args: ['m', '--prefix', 'p/', '--force'],
    prepare,
    takes: [
      { model: 'm', name: 'p/1' },
      { model: 'm', name: 'p/2' },
    ],
    done: async (repo) => {
      assert.deepEqual(await versionsOf(repo, 'm', 'p/1'), []);
      assert.deepEqual(await versionsOf(repo, 'm', 'p/2'), []);
    },
  },
  {
    title: 'data delete: --all',
    verb: 'data delete',
    args: ['m', '--all', '--force'],
    prepare,
    takes: ['a', 'b', 'p/1', 'p/2'].map((name) => ({ model: 'm', name })),
    done: async ({ dir }) => assert.deepEqual((await openRepo(dir).data.list({ model: 'm' })).groups, []),
  },
  {
    title: 'data delete: finishes a rename that died half way',
    verb: 'data delete',
    args: ['m', 'b', '--force'],
    prepare: async (repo) => {
      await prepare(repo);
      await killedAt(repo, 'steps.take', ['data', 'rename', 'm', 'a', 'renamed']);
    },
    takes: [{ model: 'm', name: 'b' }],
    done: async (repo) => {
      assert.deepEqual(await versionsOf(repo, 'm', 'b'), []);
      assert.deepEqual(await versionsOf(repo, 'm', 'renamed'), [1, 2, 3]);
    },
  },
  {
    title: 'data gc: an expired artifact, superseded versions, an old upload',
    verb: 'data gc',
    args: (repo) => {
      ageUpload(repo);
      return ['--force'];
    },
    prepare: prepareCollectable,
    takes: [{ model: 'm', name: 'brief' }, ...[1, 2].map((version) => ({ model: 'm', name: 'kept', version }))],
    done: async (repo) => {
      assert.deepEqual(await versionsOf(repo, 'm', 'kept'), [3, 4]);
      assert.deepEqual(await versionsOf(repo, 'm', 'brief'), []);
      assert.deepEqual((await openRepo(repo.dir).upload.list()).uploads, []);
    },
  },
  {
    title: 'data prune',
    verb: 'data prune',
    args: ['--force'],
    prepare: async (repo) => {
      await prepare(repo);
      rmSync(join(repo.dir, 'models/store/m.yaml'));
    },
    takes: [{ model: 'm' }],
    done: async (repo) => {
      assert.deepEqual((await openRepo(repo.dir).data.prune({ dryRun: true })).reclaimedModels, []);
      await expectCode('model_not_found', () => openRepo(repo.dir).model.get({ model: 'm' }));
      assert.equal(existsSync(repo.layout.deleted) ? readdirSync(repo.layout.deleted).length : 0, 1);
    },
  },
  {
    title: 'data upload begin',
    verb: 'data upload begin',
    args: ['m', 'new', '--tag', 'k=v'],
    prepare,
    done: async ({ dir }) => {
      const { uploads } = await openRepo(dir).upload.list();
      assert.ok(uploads.length > 0 && uploads.every(({ name, parts }) => name === 'new' && parts === 0), JSON.stringify(uploads));
    },
  },
  {
    title: 'data upload part: in place of an earlier one',
    verb: 'data upload part',
    args: (repo) => [uploadId(repo), '2'],
    stdin: 'NEW',
    prepare: (repo) => prepareUpload(repo, 'new'),
    whole: async (repo) => assert.match(readFileSync(partOf(repo, 2), 'utf8'), /^(second|NEW)$/),
    done: async (repo) => assert.equal(readFileSync(partOf(repo, 2), 'utf8'), 'NEW'),
  },
  {
    title: 'data upload part: of an upload whose completion died',
    verb: 'data upload part',
    args: (repo) => [uploadId(repo), '3'],
    stdin: 'third',
    prepare: async (repo) => {
      await prepareUpload(repo, 'new');
      await killedAt(repo, 'upload.before-intent', ['data', 'upload', 'complete', uploadId(repo)]);
    },
    done: async (repo) => assert.equal(readFileSync(partOf(repo, 3), 'utf8'), 'third'),
  },
  {
    title: 'data upload complete: first version',
    verb: 'data upload complete',
    args: (repo) => [uploadId(repo), '--parts', '2'],
    prepare: (repo) => prepareUpload(repo, 'new'),
    again: ['upload_not_found'],
    done: async (repo) => {
      await expectLatest(repo, 'm', 'new', 'firstsecond');
      assert.deepEqual(await versionsOf(repo, 'm', 'new'), [1]);
    },
  },
  {
    title: 'data upload complete: next version, that another completion had published',
    verb: 'data upload complete',
    args: (repo) => [uploadId(repo)],
    prepare: async (repo) => {
      await prepareUpload(repo, 'a');
      await killedAt(repo, 'steps.take', ['data', 'upload', 'complete', uploadId(repo)]);
    },
    again: ['upload_not_found'],
    done: async (repo) => {
      await expectLatest(repo, 'm', 'a', 'firstsecond');
      assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1, 2, 3, 4]);
    },
  },
  {
    title: 'data upload complete: --if-changed, unchanged',
    verb: 'data upload complete',
    args: (repo) => [uploadId(repo)],
    prepare: async (repo) => {
      await prepareUpload(repo, 'same', { ifChanged: true });
      await openRepo(repo.dir).data.put({ model: 'm', name: 'same', source: ['firstsecond'] });
    },
    again: ['upload_not_found'],
    done: async (repo) => {
      assert.deepEqual(await versionsOf(repo, 'm', 'same'), [1]);
      assert.deepEqual((await openRepo(repo.dir).upload.list()).uploads, []);
    },
  },
  {
    title: 'data upload abort',
    verb: 'data upload abort',
    args: (repo) => [uploadId(repo)],
    prepare: (repo) => prepareUpload(repo, 'new'),
    again: ['upload_not_found'],
    done: async ({ dir }) => assert.deepEqual((await openRepo(dir).upload.list()).uploads, []),
  },
  {
    title: 'datastore setup: to another place',
    verb: 'datastore setup',
    args: (repo) => ['filesystem', '--path', elsewhere(repo), '--force'],
    prepare,
    mayLeaveSome: true,
    done: async (repo) => {
      assert.equal((await openRepo(repo.dir).info()).datastore, elsewhere(repo));
      await expectLatest(repo, 'm', 'a', 'three');
    },
  },
  {
    title: 'datastore sweep: an upload whose completion died',
    verb: 'datastore sweep',
    args: [],
    prepare: async (repo) => {
      await prepareUpload(repo, 'new');
      await killedAt(repo, 'upload.aside', ['data', 'upload', 'complete', uploadId(repo)]);
    },
    mayLeaveSome: true,
    done: async (repo) => {
      assert.deepEqual((await openRepo(repo.dir).datastore.check()).pending, []);
      assert.equal(readFileSync(partOf(repo, 2), 'utf8'), 'second');
    },
  },
  {
    title: 'datastore sweep: trash, staging, a half-done method, a dead ticket, kept outputs',
    verb: 'datastore sweep',
    args: ['--kept'],
    prepare: prepareLeftovers,
    mayLeaveSome: true,
    done: async (repo) => {
      assert.deepEqual((await openRepo(repo.dir).datastore.check()).pending, []);
      await expectOutputs(repo, 2);
    },
  },
  {
    title: 'datastore lock release: of dead holders',
    verb: 'datastore lock release',
    args: ['--force'],
    prepare: async (repo) => {
      await prepare(repo);
      await killedAt(repo, 'write.entered', ['data', 'put', 'm', 'a'], { stdin: 'lost' });
      await killedAt(repo, 'restructure.closed', ['data', 'delete', 'n', 'c', '--force']);
    },
    done: async (repo) => assert.deepEqual(heldLocks(repo), []),
  },
  {
    title: 'backup create: --all-versions',
    verb: 'backup create',
    args: (repo) => [backupOf(repo)],
    prepare,
    again: ['conflict'],
    whole: async (repo) => {
      const dir = backupOf(repo);
      if (existsSync(dir)) await verifyWhole(dir);
    },
    done: (repo) => verifyWhole(backupOf(repo)),
  },
  {
    title: 'repo init',
    verb: 'repo init',
    args: [],
    prepare: async ({ dir }) => {
      rmSync(dir, { recursive: true });
      mkdirSync(dir);
    },
    bare: true,
    done: async ({ dir }) => {
      assert.equal((await openRepo(dir).info()).repoDir, dir);
      assert.match(readFileSync(join(dir, '.gitignore'), 'utf8'), /^\.swamp\/$/m);
    },
  },
  {
    title: 'data get: --output over a file',
    verb: 'data get',
    args: (repo) => ['m', 'a', '--output', outputOf(repo)],
    prepare,
    whole: async (repo) => assert.ok(!existsSync(outputOf(repo)) || readFileSync(outputOf(repo), 'utf8') === 'three'),
    done: async (repo) => assert.equal(readFileSync(outputOf(repo), 'utf8'), 'three'),
  },
];

async function expectBatch(repo: TestRepo): Promise<void> {
  for (const name of ['a', 'new']) await expectLatest(repo, 'm', name, 'written');
}

/** The one of that title. */
export function verbOf(title: string): Verb {
  const verb = VERBS.find((one) => one.title === title);
  assert.ok(verb !== undefined, `nothing is called ${title}`);
  return verb;
}

function elsewhere({ dir }: TestRepo): string {
  return join(dirname(dir), 'elsewhere');
}

function backupOf({ dir }: TestRepo): string {
  return join(dirname(dir), 'backup');
}

/** Everything of `prepare` is in it, and nothing is wrong with it. */
async function verifyWhole(dir: string): Promise<void> {
  const { findings, manifest } = await verifyTree(dir, { signal: new AbortController().signal });
  assert.deepEqual(findings, []);
  assert.ok((manifest?.counts.versions ?? 0) >= 9, JSON.stringify(manifest?.counts));
}

function outputOf({ dir }: TestRepo): string {
  return join(dirname(dir), 'output');
}

/** Two models with data, one with a tombstone, and one with a method that has run. */
async function prepare({ dir }: TestRepo): Promise<void> {
  const { model, data } = openRepo(dir);
  for (const name of ['m', 'n']) await model.create({ type: 'store', name });
  for (const [name, text] of [
    ...['one', 'two', 'three'].map((text) => ['a', text] as const),
    ...['b', 'p/1', 'p/2', 'gone'].map((other) => [other, other] as const),
  ])
    await data.put({ model: 'm', name, source: [text] });
  await data.delete({ model: 'm', name: 'gone' });
  await data.put({ model: 'n', name: 'c', source: ['c'] });
  await model.create({ type: 'command/shell', name: 'shell', run: 'echo said' });
  await model.run({ model: 'shell' });
}

async function prepareLeftovers(repo: TestRepo): Promise<void> {
  await prepare(repo);
  const { layout } = repo;
  await killedAt(repo, 'put.before-commit', ['data', 'put', 'n', 'c'], { stdin: 'lost' });
  await killedAt(repo, 'sweep.one', ['data', 'delete', 'm', 'b', '--force']);
  await killedAt(repo, 'write.committed', ['data', 'delete', 'm', 'p/1', '--force']);
  await killedAt(repo, 'steps.out', ['model', 'run', 'shell']);
  const queue = layout.queue(GLOBAL);
  mkdirSync(queue, { recursive: true });
  const dead = deadHolder(formatHolder({ ...currentProcess(), nonce: newNonce() }));
  writeFileSync(join(queue, `${Date.now()}-a-${dead}.json`), '{}\n');
  const { id } = await openRepo(repo.dir).model.get({ model: 'shell' });
  const kept = layout.keptOutputs(id, 1, newNonce());
  mkdirSync(join(kept, 'log'), { recursive: true });
  writeFileSync(join(kept, 'log', 'content'), 'said\n');
}

/** What `data gc` takes: two of four versions, an artifact of two, an upload. */
async function prepareCollectable(repo: TestRepo): Promise<void> {
  await prepareUpload(repo, 'never');
  const { data } = openRepo(repo.dir);
  for (const text of ['1', '2', '3', '4']) await data.put({ model: 'm', name: 'kept', source: [text], gc: '2' });
  for (const text of ['1', '2']) await data.put({ model: 'm', name: 'brief', source: [text], lifetime: 'ephemeral' });
}

/** As if it had been begun ten days ago, and had got its last part then; a copy of a repository has times of its own. */
function ageUpload(repo: TestRepo): void {
  const id = uploadId(repo);
  const dir = repo.layout.upload(id.slice(0, 36), id);
  if (!existsSync(dir)) return;
  const at = new Date(Date.now() - 10 * 86_400_000);
  const record = JSON.parse(readFileSync(join(dir, 'upload.json'), 'utf8')) as object;
  writeFileSync(join(dir, 'upload.json'), JSON.stringify({ ...record, createdAt: at.toISOString() }));
  for (const place of ['parts', 'sums']) utimesSync(join(dir, place), at, at);
}

/** An upload of two parts, whose id is kept beside the repository's files. */
async function prepareUpload(repo: TestRepo, name: string, more: { readonly ifChanged?: boolean } = {}): Promise<void> {
  await prepare(repo);
  const { upload } = openRepo(repo.dir);
  const { uploadId: id } = await upload.begin({ model: 'm', name, ...more });
  for (const [i, text] of ['first', 'second'].entries()) await upload.part({ upload: id, partNumber: i + 1, source: [text] });
  writeFileSync(join(repo.dir, 'upload-id'), id);
}

function uploadId({ dir }: TestRepo): string {
  return readFileSync(join(dir, 'upload-id'), 'utf8');
}

/** The file of a part of the upload in its place. */
function partOf(repo: TestRepo, number: number): string {
  const id = uploadId(repo);
  return join(repo.layout.upload(id.slice(0, 36), id), 'parts', String(number));
}

/** Runs a command that dies at a named point. */
async function killedAt(repo: TestRepo, point: string, args: readonly string[], options: StartOptions = {}): Promise<void> {
  const { signal, stderr } = await start(repo, args, { ...options, env: { SWAMP_FAILPOINTS: `${point}=kill` } }).exited;
  assert.equal(signal, 'SIGKILL', `${args.join(' ')} did not pass ${point}: ${stderr}`);
}

async function versionsOf({ dir }: TestRepo, model: string, name: string): Promise<number[]> {
  try {
    const { versions } = await openRepo(dir).data.versions({ model, name });
    return versions.map(({ version }) => version).sort((a, b) => a - b);
  } catch (error) {
    if (error instanceof SwampError && error.code === 'data_not_found') return [];
    throw error;
  }
}

async function expectLatest({ dir }: TestRepo, model: string, name: string, text: string): Promise<void> {
  const { openContent } = await openRepo(dir).data.get({ model, name, verify: true });
  const content = (await openContent().setEncoding('utf8').toArray()).join('');
  assert.ok(content === text, `the latest version of ${model} ${name} is another`);
}

/** Both outputs of each run are there, of at least so many. */
async function expectOutputs(repo: TestRepo, atLeast: number, model = 'shell'): Promise<void> {
  const versions = await versionsOf(repo, model, 'result');
  assert.deepEqual(await versionsOf(repo, model, 'log'), versions, 'the outputs of a run are not all or nothing');
  assert.ok(versions.length >= atLeast, `${versions.length} runs have outputs, of ${atLeast}`);
  await expectLatest(repo, model, 'log', 'said\n');
}

async function expectCode(code: string, act: () => Promise<unknown>): Promise<void> {
  await assert.rejects(act, (error: unknown) => error instanceof SwampError && error.code === code);
}

/** A backup of which one artifact is there under its name, and a model is not. */
function backupBeside({ base }: TestRepo): string {
  const dir = join(base, 'backup');
  const models = [
    { name: 'm', artifacts: { a: ['stays out'], missing: ['restored'] } },
    { name: 'brought', artifacts: { b: ['along'] } },
  ];
  return existsSync(dir) ? dir : writeTree(dir, models).dir;
}
