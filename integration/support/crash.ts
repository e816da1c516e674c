/**
 * Kills each command at every point it passes: afterwards the store is whole, what was acknowledged is there, the
 * same command run again succeeds at once and without help, and nothing stays pending after a sweep (L12, P3, P4, P8, O4).
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { type OpenRepo, openRepo, SwampError } from '../../src/index.js';
import { traceOf } from './failpoints.js';
import { copyRepo, createModel, put, type TestRepo, tempRepo } from './repo.js';
import { isSampled } from './scale.js';
import { start } from './swamp.js';

export interface Case {
  readonly title: string;
  readonly args: readonly string[] | ((repo: TestRepo) => readonly string[]);
  /** What is there besides. */
  readonly prepare?: (repo: TestRepo) => Promise<void>;
  readonly stdin?: string;
  /** The same once more, by a process that was not killed. */
  readonly again: (repo: OpenRepo, args: readonly string[]) => Promise<unknown>;
  /** What must be true after the second attempt. */
  readonly expect: (store: Store) => void;
  /** Artifacts that the command may have deleted already when it is killed: each is there as it was, or gone. */
  readonly deletes?: readonly string[];
}

/** Everything that can be read: `model/artifact` -> its contents by version. */
type Store = ReadonlyMap<string, ReadonlyMap<number, string>>;

/** A second attempt has nothing to wait for: the dead holder is found dead by its pid, long before the ttl of 30 s. */
const AT_ONCE_MS = 15_000;

export const CASES: readonly Case[] = [
  {
    title: 'data put of a first version',
    args: ['data', 'put', 'm', 'new'],
    stdin: 'written',
    again: ({ data }) => data.put({ model: 'm', name: 'new', source: ['written'] }),
    expect: (store) => assert.equal([...(store.get('m/new') ?? [])].at(-1)?.[1], 'written'),
  },
  {
    title: 'data put of a next version',
    args: ['data', 'put', 'm', 'a'],
    stdin: 'written',
    again: ({ data }) => data.put({ model: 'm', name: 'a', source: ['written'] }),
    expect: (store) => assert.equal([...(store.get('m/a') ?? [])].at(-1)?.[1], 'written'),
  },
  {
    title: 'model method run, which writes two artifacts or none',
    args: ['model', 'method', 'run', 'shell', 'execute'],
    again: ({ model }) => model.run({ model: 'shell' }),
    expect: (store) => {
      const [result, log] = [store.get('shell/result'), store.get('shell/log')];
      assert.ok(log !== undefined && log.size > 1);
      assert.deepEqual([...(result?.keys() ?? [])], [...log.keys()]);
      assert.deepEqual(new Set(log.values()), new Set(['said\n']));
    },
  },
  {
    title: 'data delete of an artifact',
    args: ['data', 'delete', 'm', 'a', '--force'],
    again: async ({ data }) => {
      await data.delete({ model: 'm', name: 'a' });
      assert.equal((await data.put({ model: 'm', name: 'a', source: ['third'] })).version, 3, 'P4');
    },
    deletes: ['m/a'],
    expect: (store) => assert.deepEqual(store.get('m/a'), new Map([[3, 'third']])),
  },
  {
    title: 'data delete of the newest version',
    args: ['data', 'delete', 'm', 'a', '--version', '2', '--force'],
    again: async ({ data }) => {
      await data.delete({ model: 'm', name: 'a', version: 2 });
      assert.equal((await data.put({ model: 'm', name: 'a', source: ['third'] })).version, 3, 'P4');
    },
    deletes: ['m/a'],
    expect: (store) =>
      assert.deepEqual(
        store.get('m/a'),
        new Map([
          [1, 'first'],
          [3, 'third'],
        ]),
      ),
  },
  {
    title: 'data delete --all',
    args: ['data', 'delete', 'm', '--all', '--force'],
    again: ({ data }) => data.delete({ model: 'm', all: true }),
    deletes: ['m/a', 'm/b'],
    expect: (store) =>
      assert.deepEqual(
        [...store.keys()].filter((key) => key.startsWith('m/')),
        [],
      ),
  },
  {
    title: 'model create',
    args: ['model', 'create', 'store', 'created'],
    again: async ({ model }) => {
      try {
        await model.create({ type: 'store', name: 'created' });
      } catch (error) {
        if (!(error instanceof SwampError) || error.code !== 'model_exists') throw error;
      }
      await model.get({ model: 'created' });
    },
    expect: () => undefined,
  },
  {
    title: 'data upload begin',
    args: ['data', 'upload', 'begin', 'm', 'a'],
    again: async ({ upload }) => {
      const { uploadId } = await upload.begin({ model: 'm', name: 'a' });
      for (const one of (await upload.list()).uploads) {
        await upload.part({ upload: one.uploadId, partNumber: 1, source: ['x'] });
        if (one.uploadId !== uploadId) await upload.abort({ upload: one.uploadId });
      }
      await upload.complete({ upload: uploadId });
    },
    expect: (store) => assert.equal(store.get('m/a')?.get(3), 'x'),
  },
  {
    title: 'data upload part, in place of an earlier one',
    prepare: (repo) => beginUpload(repo, 'a'),
    args: (repo) => ['data', 'upload', 'part', uploadIdOf(repo), '2'],
    stdin: 'NEW',
    again: async ({ upload }, [, , , id = '']) => {
      // Whichever it is, it is whole.
      await upload.part({ upload: id, partNumber: 2, source: ['NEW'] });
      await upload.complete({ upload: id, parts: 2 });
    },
    expect: (store) => assert.equal(store.get('m/a')?.get(3), 'firstNEW'),
  },
  {
    title: 'data upload complete of a first version',
    prepare: (repo) => beginUpload(repo, 'new'),
    args: (repo) => ['data', 'upload', 'complete', uploadIdOf(repo)],
    again: ({ upload }, [, , , id = '']) => unlessDone(upload.complete({ upload: id, parts: 2 })),
    expect: (store) => assert.deepEqual([...(store.get('m/new') ?? [])], [[1, 'firstsecond']]),
  },
  {
    title: 'data upload abort',
    prepare: (repo) => beginUpload(repo, 'a'),
    args: (repo) => ['data', 'upload', 'abort', uploadIdOf(repo)],
    again: async ({ upload }, [, , , id = '']) => {
      await unlessDone(upload.abort({ upload: id }));
      assert.deepEqual((await upload.list()).uploads, []);
    },
    expect: (store) => assert.equal(store.get('m/a')?.size, 2),
  },
];

/** An upload with two parts. */
async function beginUpload({ dir }: TestRepo, name: string): Promise<void> {
  const { upload } = openRepo(dir);
  const { uploadId } = await upload.begin({ model: 'm', name });
  for (const [i, text] of ['first', 'second'].entries()) await upload.part({ upload: uploadId, partNumber: i + 1, source: [text] });
}

/** The one upload, wherever it stands. */
function uploadIdOf({ layout }: TestRepo): string {
  const [modelId = ''] = readdirSync(layout.uploads);
  return readdirSync(layout.modelUploads(modelId))[0]?.split('.')[0] ?? '';
}

/** It may have had its effect before it was killed. */
async function unlessDone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof SwampError) || error.code !== 'upload_not_found') throw error;
  }
}

/** Kills the command at each point that it passes; in the short form at each `nth`, beginning at another one for each command. */
export async function killEverywhere(t: TestContext, item: Case, nth: number): Promise<void> {
  const origin = await tempRepo(t, { pending: 'allowed' });
  await prepare(origin);
  await item.prepare?.(origin);
  const before = await readStore(origin);
  const points = await traceOf(copyRepo(origin), argsOf(item, origin), { stdin: item.stdin ?? '' });
  t.diagnostic(`${points.length} points`);
  let killed = 0;
  let missed = 0;
  // One at least.
  const step = Math.min(nth, points.length);
  for (const [i, name] of points.entries()) {
    if (!isSampled(i + CASES.indexOf(item), step)) continue;
    if (await killedAt(copyRepo(origin), item, i + 1, name, before)) killed++;
    else missed++;
  }
  // Waits are timed, so a run may pass a point more or less than the one that was traced.
  assert.ok(killed > 0 && missed <= 2, `${missed} of ${points.length} were not reached`);
}

async function prepare(repo: TestRepo): Promise<void> {
  await createModel(repo, 'm');
  await createModel(repo, 'shell', 'echo said');
  await put(repo, 'm', 'a', 'first');
  await put(repo, 'm', 'a', 'second');
  await put(repo, 'm', 'b', 'other');
  await start(repo, ['model', 'method', 'run', 'shell', 'execute']).exited;
}

function argsOf({ args }: Case, repo: TestRepo): readonly string[] {
  return typeof args === 'function' ? args(repo) : args;
}

/** False when the command ended before it passed so many points. */
async function killedAt(repo: TestRepo, item: Case, hit: number, name: string, before: Store): Promise<boolean> {
  const where = `${item.title}, killed at point ${hit} (${name})`;
  const args = argsOf(item, repo);
  const first = await start(repo, args, { stdin: item.stdin ?? '', env: { SWAMP_FAILPOINTS: `#${hit}=kill` } }).exited;
  if (first.code === 0) return false;
  assert.equal(first.signal, 'SIGKILL', `${where}: ${first.stderr}`);
  await expectNoFindings(repo, where);
  expectAcknowledged(await readStore(repo), before, item.deletes ?? [], where);
  const began = performance.now();
  await item.again(openRepo(repo.dir), args).catch((cause: unknown) => assert.fail(new Error(`${where}: run again, it failed`, { cause })));
  const took = performance.now() - began;
  assert.ok(took < AT_ONCE_MS, `${where}: run again, it took ${took} ms`);
  await expectNoFindings(repo, where);
  const after = await readStore(repo);
  expectAcknowledged(after, before, item.deletes ?? [], where);
  item.expect(after);
  await openRepo(repo.dir).datastore.sweep();
  assert.deepEqual(await expectNoFindings(repo, where), [], `${where}: still pending after a sweep`);
  return true;
}

async function expectNoFindings(repo: TestRepo, where: string): Promise<readonly unknown[]> {
  const { findings, pending } = await openRepo(repo.dir).datastore.check();
  assert.deepEqual(findings, [], where);
  return pending;
}

/** Reads everything, and compares each content with its checksum. */
async function readStore({ dir }: TestRepo): Promise<Store> {
  const repo = openRepo(dir);
  const store = new Map<string, Map<number, string>>();
  for (const { items } of (await repo.data.list()).groups) {
    for (const { modelName, name } of items) {
      const versions = new Map<number, string>();
      for (const { version } of (await repo.data.versions({ model: modelName, name })).versions.toReversed()) {
        const { openContent } = await repo.data.get({ model: modelName, name, version, verify: true });
        versions.set(version, (await openContent().setEncoding('utf8').toArray()).join(''));
      }
      store.set(`${modelName}/${name}`, versions);
    }
  }
  return store;
}

function expectAcknowledged(now: Store, before: Store, deletes: readonly string[], where: string): void {
  for (const [key, versions] of before) {
    for (const [version, content] of versions) {
      const found = now.get(key)?.get(version);
      if (found !== undefined || !deletes.includes(key)) assert.equal(found, content, `${where}: ${key} version ${version}`);
    }
  }
}
