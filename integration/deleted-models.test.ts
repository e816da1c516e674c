/** What a deleted model leaves alone, and what it costs those who stay (D2, D4, D5, D7, D8, D12, O2). */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { openRepo } from '../src/index.js';
import { Pauses, traceOf } from './support/failpoints.js';
import { buildMutant } from './support/mutant.js';
import { linesOf, withTeardown } from './support/one-winner.js';
import { contentOf, createModel, put, type TestRepo, tempRepo, versionsOf } from './support/repo.js';
import { sampled, sampledTest } from './support/scale.js';
import { snapshot } from './support/snapshot.js';
import { cannotTrace, lookedAt } from './support/strace.js';
import { finished, run, runJson, start } from './support/swamp.js';
import { runUnprivileged, unprivileged } from './support/unprivileged.js';

const test = sampledTest(2);

interface Deleted {
  readonly id: string;
  readonly versionsDeleted: number;
  readonly alreadyDeleted: boolean;
  readonly teardown: string | null;
}

const DELETE = ['model', 'delete'] as const;

/** Every verb that lists or looks up, and every one that would write into it, knows of no such model, by its name and by its id. */
async function expectGone(repo: TestRepo, name: string, id: string): Promise<void> {
  const { model, data } = openRepo(repo.dir);
  for (const reference of [name, id]) {
    const of = { model: reference, name: 'a' };
    const looks: readonly (() => Promise<unknown>)[] = [
      ...[() => model.get({ model: reference }), () => model.run({ model: reference }), () => model.rename({ model: reference, newName: 'b' })],
      ...[() => data.list({ model: reference }), () => data.get(of), () => data.versions(of), () => data.delete(of)],
      ...[() => data.put({ ...of, source: ['x'] }), () => data.rename({ model: reference, oldName: 'a', newName: 'b' })],
    ];
    for (const look of looks) await assert.rejects(look, { code: 'model_not_found' }, look.toString());
  }
  const { groups } = await data.list();
  const listed = [...(await model.list()).models.map((one) => one.id), ...groups.flatMap(({ items }) => items.map(({ modelId }) => modelId))];
  assert.ok(!listed.includes(id));
  // And the same through the command line.
  await run(repo, ['model', 'get', name], { expect: 66 });
}

for (const point of sampled(['model-delete.committed', 'model-delete.definition-gone', 'sweep.one'] as const, 3)) {
  test(`a model whose deleter died at ${point} is in no listing and no lookup (D2)`, async (t) => {
    const repo = await tempRepo(t);
    const id = await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'x');
    const killed = await run(repo, [...DELETE, 'm', '--with-data', '--force'], { env: { SWAMP_FAILPOINTS: `${point}=kill` }, expect: 'any' });
    assert.equal(killed.signal, 'SIGKILL');
    await expectGone(repo, 'm', id);
    await run(repo, ['model', 'validate']);
    await run(repo, ['datastore', 'sweep']);
    await expectGone(repo, 'm', id);
  });
}

test('the name of a model whose deleter died is free at once (D2, P8)', async (t) => {
  for (const args of [
    ['model', 'create', 'command/shell', 'm', '--run', 'true'],
    ['model', 'rename', 'other', 'm'],
    ['data', 'put', 'm', 'a', '--create'],
  ]) {
    const repo = await tempRepo(t, { pending: 'allowed' });
    await createModel(repo, 'other');
    const id = await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'x');
    const killed = await run(repo, [...DELETE, 'm', '--with-data', '--force'], { env: { SWAMP_FAILPOINTS: 'model-delete.committed=kill' }, expect: 'any' });
    assert.equal(killed.signal, 'SIGKILL');
    await run(repo, args, { stdin: 'new' });
    assert.notEqual((await openRepo(repo.dir).model.get({ model: 'm' })).id, id);
    await run(repo, ['model', 'validate']);
  }
});

test('while a deleter is at work a validation finds nothing wrong (D2)', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const pauses = new Pauses(repo, ['model-delete.committed']);
  const deleting = start(repo, [...DELETE, 'm', '--force'], { env: pauses.env });
  await pauses.at('model-delete.committed', deleting);
  await run(repo, ['model', 'validate']);
  assert.equal((await run(repo, ['model', 'list'])).stderr, 'No models.\n');
  pauses.go('model-delete.committed');
  await finished(deleting);
});

test(
  'a sweep that fails warns with model, path and error, and the delete has succeeded; the rest is pending, invisible, and swept later (D2, D5, P8)',
  unprivileged,
  async (t) => {
    const repo = await tempRepo(t);
    const id = await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'x');
    const version = repo.layout.version(id, 'a', 1);
    chmodSync(version, 0o500);
    const { stdout, stderr } = await runUnprivileged(repo, [...DELETE, 'm', '--with-data', '--force', '--json'], 0);
    assert.deepEqual(pick(JSON.parse(stdout) as Deleted), { versionsDeleted: 1, alreadyDeleted: false });
    const [trash = ''] = readdirSync(repo.layout.trashes);
    assert.match(trash, new RegExp(`^${id}-[0-9]+-`), 'the trash tells model and generation');
    const path = join(repo.layout.trashes, trash);
    const { at, message, ...facts } = JSON.parse(stderr) as { at: string; message: string };
    assert.ok(
      message.startsWith(
        `Data removed from "m" (commit ${/-([0-9]+)-/.exec(trash.slice(id.length))?.[1]}) could not be swept from ${path}: You have no permission for`,
      ),
      message,
    );
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 600_000, at);
    assert.deepEqual(facts, {
      level: 'warning',
      category: 'swamp.sweep',
      path,
      modelId: id,
      modelName: 'm',
      epoch: Number(/-([0-9]+)-/.exec(trash.slice(id.length))?.[1]),
      errno: 'EACCES',
    });
    await expectGone(repo, 'm', id);
    const { sweeps } = await runJson<{ sweeps: { path: string; kind: string }[] }>(repo, ['datastore', 'status']);
    assert.deepEqual(
      sweeps.map(({ kind, path }) => [kind, path]),
      [['trash', `.swamp/v3/trash/${trash}`]],
    );
    // Older than a minute, it is met twice on the way of a sweep.
    utimesSync(join(repo.layout.trashes, trash), 0, 0);
    const again = await runUnprivileged(repo, ['datastore', 'sweep'], 0);
    assert.match(again.stdout, /^Still pending: 1 leftover, [0-9]+ B\n$/);
    assert.equal(again.stderr.split('could not be swept').length, 2, again.stderr);
    chmodSync(findVersion(join(repo.layout.trashes, trash)), 0o700);
    await run(repo, ['datastore', 'sweep']);
  },
);

interface Status {
  readonly healthy: boolean;
  readonly sweeps: readonly { readonly path: string; readonly kind: string; readonly bytes: number }[];
}

test(
  'a definition that cannot be removed keeps neither the data nor the teardown: the delete has succeeded, warns, and a sweep finishes it (D5, P8)',
  unprivileged,
  async (t) => {
    const repo = await tempRepo(t);
    const id = await withTeardown(repo, 'm');
    await put(repo, 'm', 'a', 'x');
    const definitions = join(repo.dir, 'models/command/shell');
    chmodSync(definitions, 0o500);
    const { stdout, stderr } = await runUnprivileged(repo, [...DELETE, 'm', '--with-data', '--force', '--json'], 0);
    const { versionsDeleted, alreadyDeleted, teardown } = JSON.parse(stdout) as Deleted;
    assert.deepEqual([versionsDeleted, alreadyDeleted, teardown, linesOf(repo)], [1, false, 'done', 1]);
    assert.match(stderr, /models\/command\/shell\/m\.yaml could not be removed: You have no permission/);
    assert.deepEqual([existsSync(repo.layout.model(id)), readdirSync(repo.layout.trashes)], [false, []]);
    await expectGone(repo, 'm', id);
    const again = await runUnprivileged(repo, [...DELETE, 'm', '--force', '--json'], 0);
    assert.equal((JSON.parse(again.stdout) as Deleted).alreadyDeleted, true);
    await runUnprivileged(repo, ['datastore', 'sweep'], 0);
    const { sweeps } = await runJson<Status>(repo, ['datastore', 'status']);
    assert.deepEqual(
      sweeps.map(({ path, kind, bytes }) => [path, kind, bytes]),
      [['models/command/shell/m.yaml', 'deleted_model', statSync(join(definitions, 'm.yaml')).size]],
    );
    chmodSync(definitions, 0o700);
    await run(repo, ['datastore', 'sweep']);
    assert.deepEqual([readdirSync(definitions), linesOf(repo)], [[], 1]);
  },
);

for (const kind of ['link to a directory', 'directory'] as const) {
  test(`a ${kind} at the path of a model deleted long ago is another text: status and sweep go on, and leave it`, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    await run(repo, [...DELETE, 'm', '--force']);
    const path = join(repo.dir, 'models/store/m.yaml');
    if (kind === 'directory') mkdirSync(path);
    else symlinkSync(repo.base, path);
    assert.deepEqual((await runJson<Status>(repo, ['datastore', 'status'])).sweeps, []);
    await run(repo, ['datastore', 'sweep']);
    assert.ok(lstatSync(path));
    rmSync(path, { recursive: true });
  });
}

test('a record of a deleted model that is damaged is told, and keeps neither status nor sweep from the others', async (t) => {
  const repo = await tempRepo(t, { check: false });
  const damaged = await createModel(repo, 'damaged');
  await run(repo, [...DELETE, 'damaged', '--force']);
  writeFileSync(repo.layout.deletedModel(damaged), 'no record');
  const id = await withTeardown(repo, 'm');
  await run(repo, [...DELETE, 'm', '--force'], { env: { SWAMP_FAILPOINTS: 'model-delete.committed=kill' }, expect: 'any' });
  const { stdout, stderr } = await run(repo, ['datastore', 'status', '--json']);
  assert.match(stderr, new RegExp(`${damaged}\\.json is damaged`));
  const { healthy, sweeps } = JSON.parse(stdout) as Status;
  assert.deepEqual([healthy, sweeps.filter(({ kind }) => kind === 'deleted_model').map(({ path }) => path)], [false, ['models/command/shell/m.yaml']]);
  const swept = await run(repo, ['datastore', 'sweep', '--json']);
  assert.match(swept.stderr, new RegExp(`${damaged}\\.json is damaged`));
  assert.deepEqual((JSON.parse(swept.stdout) as { teardowns: unknown }).teardowns, [{ id, name: 'm', state: 'done' }]);
  assert.match((await run(repo, [...DELETE, damaged, '--force'], { expect: 65 })).stderr, /is damaged/);
  assert.equal((await runJson<Deleted>(repo, [...DELETE, 'm', '--force'])).alreadyDeleted, true);
});

function findVersion(trash: string): string {
  const found = readdirSync(trash, { recursive: true, encoding: 'utf8' }).find((path) => path.endsWith('/1'));
  return join(trash, found ?? assert.fail(`no version in ${trash}`));
}

function pick({ versionsDeleted, alreadyDeleted }: Deleted): object {
  return { versionsDeleted, alreadyDeleted };
}

test('when the commit fails nothing is swept or torn down: not one byte of any family differs, and the next one wins (D3, D4, O4)', async (t) => {
  const repo = await tempRepo(t);
  const { id } = await runJson<Deleted>(repo, ['model', 'create', 'command/shell', 'm', '--run', 'true', '--delete-run', 'echo torn >>torn']);
  await put(repo, 'm', 'gone', 'x');
  await run(repo, ['data', 'delete', 'm', 'gone', '--force']);
  await put(repo, 'm', 'a', 'x');
  const families = (): string[][] => [repo.layout.model(id), repo.layout.tombstones(id)].map((dir) => snapshot(dir));
  const before = families();
  // The whole is tried three times; a program that tries once shows what one failure leaves.
  const once = { ...repo, bin: await buildMutant(repo.base, [{ file: 'operations/model-delete.ts', from: 'const ATTEMPTS = 3;', to: 'const ATTEMPTS = 1;' }]) };
  const points = new Pauses(repo, ['restructure.closed']);
  const deleter = start(once, [...DELETE, 'm', '--with-data', '--force', '--json'], { env: points.env });
  await points.at('restructure.closed', deleter);
  appendFileSync(join(repo.dir, 'models/command/shell/m.yaml'), '# changed\n');
  points.go('restructure.closed');
  const { stdout, stderr } = await finished(deleter, 73);
  assert.equal(stdout, '');
  assert.match(stderr, /"conflict".*nothing was removed/);
  assert.deepEqual(families(), before);
  assert.deepEqual([existsSync(repo.layout.deletedModel(id)), existsSync(join(repo.dir, 'torn')), readdirSync(repo.layout.trashes)], [false, false, []]);
  const won = await runJson<Deleted>(repo, [...DELETE, 'm', '--with-data', '--force']);
  assert.deepEqual([won.alreadyDeleted, won.teardown, readFileSync(join(repo.dir, 'torn'), 'utf8')], [false, 'done', 'torn\n']);
});

test('what is swept is what stands at the commit, not what stood when the delete began to look (D4, D11)', async (t) => {
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'x');
  const points = new Pauses(repo, ['restructure.after-first-drain']);
  const deleter = start(repo, [...DELETE, 'm', '--with-data', '--force', '--json'], { env: points.env });
  await points.at('restructure.after-first-drain', deleter);
  await put(repo, 'm', 'b', 'acknowledged after the look');
  points.go('restructure.after-first-drain');
  assert.deepEqual(pick(JSON.parse((await finished(deleter)).stdout) as Deleted), { versionsDeleted: 2, alreadyDeleted: false });
  assert.equal(existsSync(repo.layout.model(id)), false);
  await expectGone(repo, 'm', id);
});

test('of two that have both looked, the rename decides: who was put out before it finds the record of the other, and one teardown ran (O1, O2)', async (t) => {
  const repo = await tempRepo(t);
  const { id } = await runJson<Deleted>(repo, ['model', 'create', 'command/shell', 'm', '--run', 'true', '--delete-run', 'echo torn >>torn']);
  const points = new Pauses(repo, ['model-delete.before-commit']);
  const first = start(repo, [...DELETE, 'm', '--force', '--json'], { env: points.env });
  await points.at('model-delete.before-commit', first);
  await run(repo, ['datastore', 'lock', 'release', '--force']);
  const second = await runJson<Deleted>(repo, [...DELETE, 'm', '--force']);
  assert.deepEqual([second.alreadyDeleted, second.teardown], [false, 'done']);
  points.go('model-delete.before-commit');
  const { alreadyDeleted } = JSON.parse((await finished(first)).stdout) as Deleted;
  assert.equal(alreadyDeleted, true);
  assert.equal(readFileSync(join(repo.dir, 'torn'), 'utf8'), 'torn\n');
  assert.equal((JSON.parse(readFileSync(repo.layout.deletedModel(id), 'utf8')) as { teardown: { state: string } }).teardown.state, 'done');
});

test('a late sweep of a model touches neither B, nor A2, A-b and ab, nor what was created anew under its name (D7, D8)', async (t) => {
  const repo = await tempRepo(t);
  const others = ['B', 'A2', 'A-b', 'ab'];
  const old = await createModel(repo, 'A');
  for (const name of ['A', ...others]) {
    if (name !== 'A') await createModel(repo, name);
    await put(repo, name, 'x', `${name} 1`);
    await run(repo, ['data', 'delete', name, 'x', '--force']);
    await put(repo, name, 'x', `${name} 2`);
  }
  const points = new Pauses(repo, ['sweep.one']);
  const deleter = start(repo, [...DELETE, 'A', '--with-data', '--force'], { env: points.env });
  await points.at('sweep.one', deleter);
  const young = await createModel(repo, 'A');
  assert.notEqual(young, old);
  await run(repo, ['data', 'versions', 'A', 'x'], { expect: 66 });
  await put(repo, 'A', 'x', 'young');
  const { data, tombstoneRoot, deleted } = repo.layout;
  const before = [data, tombstoneRoot, deleted, join(repo.dir, 'models')].map((dir) => snapshot(dir));
  points.go('sweep.one');
  await finished(deleter);
  await run(repo, ['datastore', 'sweep']);
  assert.deepEqual(
    [data, tombstoneRoot, deleted, join(repo.dir, 'models')].map((dir) => snapshot(dir)),
    before,
  );
  assert.deepEqual(readdirSync(repo.layout.trashes), []);
  for (const name of others) assert.equal(await contentOf(repo, name, 'x'), `${name} 2`);
  assert.equal(await contentOf(repo, 'A', 'x'), 'young');
});

test('a late sweep of (A, generation n) does not touch (A, m), which has a greater generation and goes on counting (D7, D8, P4)', async (t) => {
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'A');
  const first = await put(repo, 'A', 'x', 'first');
  const points = new Pauses(repo, ['sweep.one']);
  const deleter = start(repo, ['data', 'delete', 'A', 'x', '--force'], { env: points.env });
  await points.at('sweep.one', deleter);
  const second = await put(repo, 'A', 'x', 'second');
  assert.ok(second.generation > first.generation);
  assert.deepEqual(await versionsOf(repo, 'A', 'x'), [2]);
  const before = snapshot(repo.layout.model(id));
  points.go('sweep.one');
  await finished(deleter);
  assert.deepEqual(snapshot(repo.layout.model(id)), before);
  assert.equal(await contentOf(repo, 'A', 'x'), 'second');
});

test('a removal that may not be read is pending, listed, and keeps nothing else from being swept (D5, P8)', unprivileged, async (t) => {
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'm');
  for (const name of ['a', 'b']) {
    await put(repo, 'm', name, 'x');
    const version = repo.layout.version(id, name, 1);
    if (name === 'a') chmodSync(version, 0);
    await runUnprivileged(repo, ['data', 'delete', 'm', name, '--force'], 0);
  }
  await runUnprivileged(repo, ['datastore', 'sweep'], 0);
  const status = await runUnprivileged(repo, ['datastore', 'status', '--json'], 0);
  const { sweeps } = JSON.parse(status.stdout) as { sweeps: { path: string; kind: string }[] };
  assert.deepEqual(
    sweeps.map(({ kind }) => kind),
    ['trash'],
  );
  const [left] = readdirSync(repo.layout.trashes).flatMap((trash) =>
    readdirSync(join(repo.layout.trashes, trash)).map((name) => join(repo.layout.trashes, trash, name)),
  );
  chmodSync(join(left ?? '', '1'), 0o755);
  await run(repo, ['datastore', 'sweep']);
  assert.deepEqual(readdirSync(repo.layout.trashes), []);
});

test('a put pays nothing for models that were deleted around it: not one look more, and two looks at deleted/ in all (D12)', {
  skip: cannotTrace() ?? false,
}, async (t) => {
  const repo = await tempRepo(t, { pending: 'allowed' });
  await createModel(repo, 'm');
  for (const content of ['1', '2']) await put(repo, 'm', 'a', content);
  const points = (): Promise<string[]> => traceOf(repo, ['data', 'put', 'm', 'a'], { stdin: 'traced' });
  const before = { calls: await lookedAt(repo, ['data', 'put', 'm', 'a'], { stdin: '3' }), points: await points() };
  for (const name of ['gone', 'gone2', 'm2']) {
    await createModel(repo, name);
    await put(repo, name, 'a', 'x');
    await run(repo, [...DELETE, name, '--with-data', '--force']);
  }
  // One of them was not swept.
  await createModel(repo, 'left');
  await put(repo, 'left', 'a', 'x');
  await run(repo, [...DELETE, 'left', '--with-data', '--force'], { env: { SWAMP_FAILPOINTS: 'sweep.one=kill' }, expect: 'any' });
  // Whoever comes first puts the holder of the global lock out who died with it.
  await put(repo, 'm', 'a', 'between');
  const after = { calls: await lookedAt(repo, ['data', 'put', 'm', 'a'], { stdin: '4' }), points: await points() };
  assert.deepEqual(after.points, before.points);
  assert.deepEqual(after.calls, before.calls);
  // Before it stages, and under the lock.
  assert.deepEqual(
    after.calls.filter((call) => call.includes('/deleted')),
    Array.from({ length: 2 }, () => 'statx /.swamp/v3/deleted/ID.json'),
  );
});
