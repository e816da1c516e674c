/** `repo import`: a repository of the closest tool becomes data of this one, whole, once, and nothing hostile in it leads anywhere. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { libraryRepo, NEVER, newModel } from '../../integration/support/library-repo.js';
import type { Repo } from '../repo.js';
import { chunksOf, closeContent } from '../store/content.js';
import { dataDelete } from './data-delete.js';
import { dataGet } from './data-get.js';
import { dataPut } from './data-put.js';
import { dataVersions } from './data-versions.js';
import { datastoreCheck } from './datastore-check.js';
import { modelDelete } from './model-delete.js';
import { modelGet } from './model-get.js';
import { modelRun } from './model-run.js';
import { repoImport } from './repo-import.js';

/** A repository as that tool writes it. */
class Foreign {
  readonly dir: string;

  constructor(t: TestContext) {
    this.dir = mkdtempSync(join(tmpdir(), 'swamp-foreign-'));
    t.after(() => rmSync(this.dir, { recursive: true, force: true }));
    this.write('.swamp.yaml', `swampVersion: 20260206.200442.0\nrepoId: ${randomUUID()}\ntools: []\n`);
    this.write('.swamp/data/_catalog.db', 'derived');
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.dir, path)), { recursive: true });
    writeFileSync(join(this.dir, path), text);
  }

  model(name: string, more = 'methods:\n  execute:\n    arguments:\n      run: "echo hello"\n'): string {
    const id = randomUUID();
    this.write(
      `models/command/shell/${name}.yaml`,
      `type: command/shell\ntypeVersion: 2026.02.09.1\nid: ${id}\nname: ${name}\nversion: 1\ntags:\n  env: prod\nglobalArguments: {}\n${more}`,
    );
    return id;
  }

  version(id: string, name: string, number: number, content: string, more: Readonly<Record<string, unknown>> = {}): string {
    const dir = `.swamp/data/command/shell/${id}/${name}/${number}`;
    const fields = {
      id: randomUUID(),
      name,
      version: number,
      contentType: 'text/plain',
      lifetime: '30d',
      garbageCollection: 5,
      streaming: false,
      tags: { type: 'file', modelName: 'm' },
      ownerDefinition: { ownerType: 'model-method', ownerRef: id },
      createdAt: `2026-11-20T10:13:4${number}.319Z`,
      ...(more['lifecycle'] === undefined ? { size: Buffer.byteLength(content), checksum: createHash('sha256').update(content).digest('hex') } : {}),
      ...more,
    };
    this.write(`${dir}/metadata.yaml`, JSON.stringify(fields));
    if (more['lifecycle'] === undefined) this.write(`${dir}/raw`, content);
    this.write(`.swamp/data/command/shell/${id}/${name}/latest`, String(number));
    return dir;
  }
}

async function contentOf(repo: Repo, model: string, name: string, version?: number): Promise<string> {
  const { content, record } = await dataGet(repo, { model, name, verify: true, ...(version === undefined ? {} : { version }) });
  let text = '';
  for await (const chunk of chunksOf(content, record.name)) text += String(chunk);
  closeContent(content);
  return text;
}

async function expectClean(repo: Repo): Promise<void> {
  const { findings, pending } = await datastoreCheck(repo, {}, NEVER);
  assert.deepEqual([findings, pending], [[], []]);
}

const bring = (repo: Repo, { dir }: { readonly dir: string }, dryRun = false) => repoImport(repo, { dir, dryRun }, NEVER);

test('models, versions with all that is known of them, and renames come; a dry run says the same, and again nothing is new', async (t) => {
  const [repo, foreign] = [await libraryRepo(t), new Foreign(t)];
  const id = foreign.model('hello');
  const bare = foreign.model('bare', 'methods: {}\n');
  for (const number of [2, 3]) foreign.version(id, 'result', number, `result ${number}`);
  foreign.version(bare, 'log', 1, 'bare');
  for (const number of [1, 2]) foreign.version(id, 'log', number, `log ${number}`);
  foreign.version(id, 'log', 3, '', { lifecycle: 'deleted', renamedTo: 'journal' });
  foreign.version(id, 'journal', 1, 'log 2');
  const plan = await bring(repo, foreign, true);
  assert.deepEqual(readdirSync(join(repo.root, 'models')), []);
  const result = await bring(repo, foreign);
  assert.deepEqual({ ...result, dryRun: true }, plan);
  assert.deepEqual([result.artifacts, result.versions, result.renames, result.bytes], [4, 6, 1, 35]);
  assert.deepEqual(
    result.models.map(({ name, type, versions }) => [name, type, versions]),
    [
      ['bare', 'store', 1],
      ['hello', 'command/shell', 5],
    ],
  );
  assert.deepEqual(
    result.skipped.map(({ path, reason }) => `${path} ${reason}`),
    ['models/command/shell/bare.yaml has no command of its own; it becomes a store, with its data'],
  );
  const { record } = await dataGet(repo, { model: 'hello', name: 'result', version: 2 });
  assert.deepEqual(
    [record.contentType, record.lifetime, record.garbageCollection, record.tags, record.ownerDefinition, record.createdAt],
    ['text/plain', '30d', '5', { type: 'file', modelName: 'm' }, { ownerType: 'model-method', ownerRef: id }, '2026-11-20T10:13:42.319Z'],
  );
  assert.deepEqual([await contentOf(repo, 'hello', 'result'), await contentOf(repo, 'hello', 'result', 2)], ['result 3', 'result 2']);
  assert.deepEqual([await contentOf(repo, 'hello', 'log'), await contentOf(repo, 'hello', 'log.before-rename', 1)], ['log 2', 'log 1']);
  assert.deepEqual((await modelGet(repo, { model: 'hello' })).tags, { env: 'prod' });
  await expectClean(repo);
  const again = await bring(repo, foreign);
  assert.deepEqual([again.models, again.versions, again.renames], [[], 0, 0]);
  foreign.version(id, 'result', 4, 'result 4');
  foreign.version(id, 'fresh', 1, 'fresh');
  await modelRun(repo, { model: 'hello' }, NEVER);
  const more = await bring(repo, foreign);
  assert.equal(more.versions, 1);
  assert.match(JSON.stringify(more.skipped), /result\/4","reason":"is here with another content/);
  assert.equal(await contentOf(repo, 'hello', 'fresh'), 'fresh');
  await expectClean(repo);
});

test('what came since is added under the same numbers, after what is here', async (t) => {
  const [repo, foreign] = [await libraryRepo(t), new Foreign(t)];
  const id = foreign.model('m');
  foreign.version(id, 'a', 1, 'one');
  await bring(repo, foreign);
  await dataPut(repo, { model: 'm', name: 'other', source: 'own' }, NEVER);
  for (const number of [2, 3]) foreign.version(id, 'a', number, `${number}`);
  foreign.version(id, 'b', 1, 'new');
  assert.equal((await bring(repo, foreign)).versions, 3);
  assert.deepEqual(
    (await dataVersions(repo, { model: 'm', name: 'a' })).versions.map(({ version }) => version),
    [3, 2, 1],
  );
  foreign.version(id, 'b', 2, 'newer');
  assert.equal((await bring(repo, foreign)).versions, 1);
  assert.equal(await contentOf(repo, 'm', 'b'), 'newer');
  await expectClean(repo);
});

test('what was deleted here does not come back', async (t) => {
  const [repo, foreign] = [await libraryRepo(t), new Foreign(t)];
  const [id, other] = [foreign.model('m'), foreign.model('other')];
  for (const name of ['a', 'b']) for (const number of [1, 2]) foreign.version(id, name, number, `${number}`);
  foreign.version(other, 'a', 1, 'x');
  await bring(repo, foreign);
  await dataDelete(repo, { model: 'm', name: 'a' }, NEVER);
  await dataDelete(repo, { model: 'm', name: 'b', version: 1 }, NEVER);
  await modelDelete(repo, { model: 'other', withData: true }, NEVER);
  const { versions, skipped } = await bring(repo, foreign);
  assert.equal(versions, 0);
  assert.deepEqual(skipped.map(({ reason }) => reason).sort(), [
    '1 of its versions were deleted here, or are older than what is here',
    'was deleted here',
    'was deleted or renamed here',
  ]);
  await expectClean(repo);
});

describe('listed, and not carried over, is', () => {
  const cases: Readonly<Record<string, readonly [make: (foreign: Foreign, id: string) => void, listed: RegExp, versions?: number]>> = {
    'a model of another type, and its data': [
      (foreign) => {
        foreign.write('models/aws/ec2/vm.yaml', 'type: aws/ec2\n');
        foreign.write(`.swamp/data/aws/ec2/${randomUUID()}/x/1/raw`, '');
      },
      /models\/aws\/ec2\/vm\.yaml is of the type "aws\/ec2".*\.swamp\/data\/aws\/ec2\/\S+ is data of the type "aws\/ec2"/s,
    ],
    'data without a definition': [(foreign) => void foreign.version(randomUUID(), 'x', 1, 'x'), /is data of a model whose definition is not carried over/],
    'a definition that cannot be read': [
      (foreign) => foreign.write('models/command/shell/bad.yaml', 'id: [\n'),
      /bad\.yaml cannot be read: models\/command\/shell\/bad\.yaml:/,
    ],
    'a bomb of aliases': [
      (foreign) => foreign.write('models/command/shell/bomb.yaml', `a: &a [x,x]\nb: &b [*a,*a]\nid: *b\nname: bomb\n`),
      /bomb\.yaml cannot be read: .*alias/,
    ],
    'a definition deeper than any stack': [
      (foreign) => foreign.write('models/command/shell/deep.yaml', '['.repeat(100_000)),
      /deep\.yaml cannot be read: .*nested deeper/,
    ],
    'a model with a name that leads out': [
      (foreign) => foreign.write('models/command/shell/out.yaml', `type: command/shell\nid: ${randomUUID()}\nname: ../../out\nmethods: {}\n`),
      /has a name that a model cannot have here: "\.\.\/\.\.\/out"/,
    ],
    'a second model of an id': [
      (foreign, id) => foreign.write('models/command/shell/z.yaml', `type: command/shell\nid: ${id}\nname: z\nmethods: {}\n`),
      /z\.yaml has the id of models\/command\/shell\/m\.yaml, too/,
    ],
    'global arguments, other methods, expressions': [
      (foreign) => void foreign.model('args', `methods:\n  check: {}\n  execute:\n    arguments:\n      run: "echo ${'$'}{{ inputs.x }}"\n      shell: bash\n`),
      /its method "check" is left out.*the argument "shell".*has an expression/s,
    ],
    'a content that is not what its checksum says': [
      (foreign, id) => foreign.write(`${foreign.version(id, 'b', 1, 'text')}/raw`, 'TEXT'),
      /b\/1 its content is not what its checksum says/,
    ],
    'a version without content': [(foreign, id) => rmSync(join(foreign.dir, foreign.version(id, 'b', 1, 'text'), 'raw')), /b\/1 has no content/],
    'a version that was never finished': [
      (foreign, id) => {
        foreign.version(id, 'b', 1, 'text');
        foreign.version(id, 'b', 2, 'half');
        foreign.write(`.swamp/data/command/shell/${id}/b/latest`, '1');
      },
      /b\/2 was never finished/,
      2,
    ],
    'a version that says it is another one': [
      (foreign, id) => void foreign.version(id, 'b', 1, 'text', { version: 2 }),
      /b\/1 says that it is another version/,
    ],
    'a lifetime of that program alone, and what else its owner has': [
      (foreign, id) => void foreign.version(id, 'b', 1, 'x', { lifetime: 'workflow', ownerDefinition: { ownerType: 'workflow', ownerRef: 'x', jobName: 'j' } }),
      /of its owner is left out: jobName.*its rule "workflow" is not known here; it is kept as infinite/s,
      2,
    ],
    'a link in the place of a model, an artifact, a version, a content': [
      (foreign, id) => {
        const outside = join(foreign.dir, '../outside');
        const data = join(foreign.dir, '.swamp/data/command/shell');
        symlinkSync(outside, join(foreign.dir, 'models/command/shell/link.yaml'));
        symlinkSync('/', join(data, randomUUID()));
        symlinkSync('/', join(data, id, 'link'));
        const dir = join(foreign.dir, foreign.version(id, 'b', 1, 'text'));
        symlinkSync('/', join(dir, '../2'));
        rmSync(join(dir, 'raw'));
        symlinkSync('/etc/passwd', join(dir, 'raw'));
      },
      /link\.yaml is a symbolic link.*b\/2 is a symbolic link.*b\/1 its content is a symbolic link/s,
    ],
    'a name that no artifact has, and what is no version': [
      (foreign, id) => {
        foreign.write(`.swamp/data/command/shell/${id}/a/notes.txt`, '');
        foreign.write(`.swamp/data/command/shell/${id}/file`, '');
      },
      /a\/notes\.txt is not a version.*file is not an artifact/s,
    ],
    'what is neither a model nor data': [(foreign) => foreign.write('.swamp/outputs/x.yaml', ''), /\.swamp\/outputs is neither a model nor data/],
  };
  for (const [title, [make, listed, versions = 1]] of Object.entries(cases)) {
    test(title, async (t) => {
      const [repo, foreign] = [await libraryRepo(t), new Foreign(t)];
      const id = foreign.model('m');
      foreign.version(id, 'a', 1, 'whole');
      make(foreign, id);
      const result = await bring(repo, foreign);
      assert.match(result.skipped.map(({ path, reason }) => `${path} ${reason}`).join('\n'), listed);
      assert.equal(result.versions, versions);
      assert.equal(await contentOf(repo, 'm', 'a'), 'whole');
      await expectClean(repo);
    });
  }

  test('a model whose name another one has here', async (t) => {
    const [repo, foreign] = [await libraryRepo(t), new Foreign(t)];
    await newModel(repo, 'M');
    foreign.version(foreign.model('m'), 'a', 1, 'x');
    const { models, skipped } = await bring(repo, foreign);
    assert.deepEqual([models, skipped], [[], [{ path: 'models/command/shell/m.yaml', reason: 'its name is that of another model here' }]]);
  });
});

test('what is no such repository is refused', async (t) => {
  const [repo, foreign] = [await libraryRepo(t), new Foreign(t)];
  await assert.rejects(bring(repo, { dir: '/nonexistent' }), { code: 'not_a_repo' });
  await assert.rejects(bring(repo, { dir: tmpdir() }), { code: 'not_a_repo' });
  await assert.rejects(bring(repo, { dir: repo.root }), { code: 'usage', message: /is a repository of this program/ });
  foreign.write('.swamp.yaml', 'a: &a b\nrepoId: *a\ndatastore: *a\n');
  await assert.rejects(bring(repo, foreign), { code: 'config_invalid' });
});

const SHARED = resolve(import.meta.dirname, '../../../../shared/fixtures/swamp-club-repo.tar.gz');

// Beside the checkout of a developer there is one that the tool itself has written.
const written = existsSync(SHARED) ? test : () => undefined;

written('a repository that the tool itself has written', async (t: TestContext) => {
  const repo = await libraryRepo(t);
  const dir = mkdtempSync(join(tmpdir(), 'swamp-foreign-'));
  t.after(() => rmSync(dir, { recursive: true }));
  execFileSync('tar', ['xzf', SHARED, '-C', dir], { timeout: 20_000 });
  const { models, artifacts, versions, renames } = await bring(repo, { dir });
  assert.deepEqual([models.map(({ name }) => name), artifacts, versions, renames], [['bin', 'hello'], 9, 17, 1]);
  assert.equal(await contentOf(repo, 'hello', 'log'), await contentOf(repo, 'hello', 'log.before-rename'));
  await expectClean(repo);
});
