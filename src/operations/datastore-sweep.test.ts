import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { deadHolder, libraryRepo, NEVER, newModel, putAll } from '../../integration/support/library-repo.js';
import type { SwampError } from '../errors.js';
import { readFence } from '../locks/fence.js';
import { newSession } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { type Timing, timingFrom } from '../timing.js';
import { dataGet } from './data-get.js';
import { datastoreCheck } from './datastore-check.js';
import { datastoreStatus } from './datastore-status.js';
import { datastoreSweep } from './datastore-sweep.js';
import { modelCreate } from './model-create.js';
import { modelDelete } from './model-delete.js';

const UUID = '00000000-0000-4000-8000-000000000000';

/** Leaves one of everything that a sweep clears, 3 bytes in each directory; the kinds of it. */
async function litter(repo: Repo, id: string): Promise<void> {
  const { layout } = repo;
  const dead = deadHolder(newSession(repo).holder);
  const file = (path: string): void => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'old');
  };
  file(join(layout.trash(UUID, 4, 'abcdefabcdef'), 'x/1/content'));
  file(join(layout.staging(dead), 'v/content'));
  file(join(layout.queue({ kind: 'global' }), `1700000000000-a-${dead}.json`));
  const data = layout.fence({ kind: 'data', modelId: id });
  const held = join(data, `9.${dead}`);
  renameSync(join(data, readFence(data)?.name ?? ''), held);
  file(join(held, 'trash/x/content'));
  file(join(held, `${dead}.v/content`));
  const run = join(layout.fence({ kind: 'run', modelId: id }), '3.free-000000000000');
  file(join(run, `${dead}.outputs/v/content`));
  file(join(layout.keptOutputs(id, 2, 'abcdefabcdef'), 'log/content'));
}

async function littered(t: TestContext): Promise<{ repo: Repo; id: string }> {
  const repo = await libraryRepo(t);
  const id = await newModel(repo, 'm');
  await putAll(repo, 'm', 'a', 'one');
  await litter(repo, id);
  return { repo, id };
}

const KINDS = ['dead_holder', 'dead_ticket', 'leftover', 'leftover', 'leftover', 'staging', 'trash'];

test('sweep removes all that is left over, tells the bytes, and leaves nothing pending but kept outputs', async (t) => {
  const { repo } = await littered(t);
  const { removed, bytesReclaimed, teardowns, dryRun } = await datastoreSweep(repo, {}, NEVER);
  assert.deepEqual(removed.map(({ kind }) => kind).sort(), KINDS);
  assert.deepEqual({ bytesReclaimed, teardowns, dryRun }, { bytesReclaimed: 15, teardowns: [], dryRun: false });
  const { findings, pending } = await datastoreCheck(repo, {}, NEVER);
  assert.deepEqual(findings, []);
  assert.deepEqual(
    pending.map(({ kind }) => kind),
    ['kept'],
  );
  assert.deepEqual(readdirSync(repo.layout.trashes), []);
  assert.equal((await dataGet(repo, { model: 'm', name: 'a', verify: true })).record.version, 1);
});

test('what a link in the trash, in the staging or in kept/ leads to stays; the link goes', async (t) => {
  const { repo, id } = await littered(t);
  const { layout } = repo;
  const outside = join(repo.root, 'outside');
  mkdirSync(join(outside, 'deep'), { recursive: true });
  writeFileSync(join(outside, 'deep', 'precious'), 'mine');
  const dead = (): string => deadHolder(newSession(repo).holder);
  const link = (path: string): string => {
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(outside, path);
    return path;
  };
  const first = link(layout.staging(dead()));
  await modelCreate(repo, { type: 'store', name: 'reclaims' }, NEVER);
  const links = [link(layout.trash(UUID, 5, 'abcdefabcdef')), link(layout.staging(dead())), link(layout.keptOutputs(id, 3, 'abcdefabcdef'))];
  await datastoreSweep(repo, { kept: true }, NEVER);
  for (const path of [first, ...links]) assert.throws(() => lstatSync(path), { code: 'ENOENT' }, path);
  assert.deepEqual(readdirSync(layout.trashes), []);
  assert.equal(readFileSync(join(outside, 'deep', 'precious'), 'utf8'), 'mine');
});

for (const family of ['trashes', 'stagings', 'kept'] as const) {
  test(`nothing behind a link in the place of ${family} is removed, however old it is`, async (t) => {
    const { repo, id } = await littered(t);
    const place = family === 'kept' ? join(repo.layout.kept, id) : repo.layout[family];
    const outside = join(repo.root, 'outside');
    const old = new Date(2019, 0, 1);
    for (const path of [outside, join(outside, 'photos')]) mkdirSync(path);
    writeFileSync(join(outside, 'photos', 'precious'), 'mine');
    for (const path of [join(outside, 'photos'), outside]) utimesSync(path, old, old);
    renameSync(place, join(repo.root, 'as-it-was'));
    symlinkSync(outside, place);
    const creating = modelCreate(repo, { type: 'store', name: 'reclaims' }, NEVER);
    // Every lock is taken by way of a staging.
    if (family === 'stagings') await assert.rejects(creating, { code: 'corrupt' });
    else await creating;
    await datastoreSweep(repo, { kept: true }, NEVER);
    assert.equal(readFileSync(join(outside, 'photos', 'precious'), 'utf8'), 'mine');
    unlinkSync(place);
  });
}

test('sweep with kept removes kept outputs too', async (t) => {
  const { repo } = await littered(t);
  const { removed } = await datastoreSweep(repo, { kept: true }, NEVER);
  assert.deepEqual(removed.map(({ kind }) => kind).sort(), [...KINDS, 'kept'].sort());
  assert.deepEqual((await datastoreCheck(repo, {}, NEVER)).pending, []);
});

test('a dry run tells the plan of the real one, works read-only, and changes nothing', async (t) => {
  const { repo } = await littered(t);
  const before = readdirSync(repo.layout.root, { recursive: true }).sort();
  const plan = await datastoreSweep({ ...repo, readOnly: true }, { dryRun: true, kept: true }, NEVER);
  assert.deepEqual(readdirSync(repo.layout.root, { recursive: true }).sort(), before);
  const done = await datastoreSweep(repo, { kept: true }, NEVER);
  assert.deepEqual({ ...done, dryRun: true }, plan);
});

/** Short, for what has to be watched. */
const QUICK: Timing = { ...timingFrom({}), ttlMs: 200, heartbeatMs: 50, pollMs: 20 };
const WEEK = new Date(Date.now() - 8 * 24 * 3600 * 1000);

test('what sessions that cannot be judged left a week ago goes after a watch: not where a heartbeat moves, nor what is younger', async (t) => {
  const told: string[] = [];
  const repo = await libraryRepo(t, { timing: QUICK, reporter: { info: (message) => void told.push(message), warn: () => {}, debug: () => {} } });
  const id = await newModel(repo, 'm');
  const { layout } = repo;
  const foreign = (): string => newSession(repo).holder.replace(/^x?[0-9a-f]{12}/, '0123456789ab');
  const [silent, beating, young, oldPin, oldAside] = [foreign(), foreign(), foreign(), foreign(), foreign()];
  for (const holder of [silent, beating, young]) mkdirSync(join(layout.staging(holder), 'v'), { recursive: true });
  const aside = join(layout.uploads, id, `${id}-abcdefabcdef.${oldAside}`);
  mkdirSync(join(aside, 'parts'), { recursive: true });
  mkdirSync(layout.pins, { recursive: true });
  writeFileSync(layout.pin(oldPin), '');
  mkdirSync(layout.trash(UUID, 4, 'abcdefabcdef'), { recursive: true });
  for (const path of [layout.staging(silent), layout.staging(beating), layout.pin(oldPin), aside]) utimesSync(path, WEEK, WEEK);
  await modelCreate(repo, { type: 'store', name: 'reclaims' }, NEVER);
  assert.deepEqual(readdirSync(layout.stagings).sort(), [silent, beating, young].sort(), 'a structural command has no time to watch');
  const beat = setInterval(() => {
    const at = new Date(WEEK.getTime() + 1000 * performance.now());
    utimesSync(layout.staging(beating), at, at);
  }, QUICK.heartbeatMs);
  t.after(() => clearInterval(beat));
  const { removed } = await datastoreSweep(repo, {}, NEVER);
  assert.deepEqual(removed.map(({ kind }) => kind).sort(), ['pin', 'staging', 'trash', 'upload']);
  assert.deepEqual(readdirSync(layout.stagings).sort(), [beating, young].sort());
  assert.deepEqual(readdirSync(join(layout.uploads, id)), [`${id}-abcdefabcdef`]);
  assert.match(told.join('\n'), /Watching for 0.2 s whether the sessions of 4 old leftovers still live/);
});

test("sweep removes what publications of definitions left a week ago, and no file that is younger, or somebody else's", async (t) => {
  const repo = await libraryRepo(t, { timing: QUICK });
  await newModel(repo, 'm');
  const at = (name: string): string => join(repo.root, 'models/store', name);
  const [old, young, renamed, foreign] = [at('.m.abcdefabcdef.tmp'), at('.m.0123456789ab.tmp'), at('.m.yaml.abcdefabcdef.tmp'), at('.m.yaml.swp')];
  for (const path of [old, young, renamed, foreign]) writeFileSync(path, 'x');
  for (const path of [old, renamed, foreign]) utimesSync(path, WEEK, WEEK);
  const { removed } = await datastoreSweep(repo, {}, NEVER);
  assert.deepEqual(
    removed.map(({ kind, path }) => [kind, join(repo.root, path)]).sort(),
    [old, renamed].sort().map((path) => ['temporary', path]),
  );
  assert.deepEqual(
    [old, young, renamed, foreign].map((path) => existsSync(path)),
    [false, true, false, true],
  );
});

test('sweep is refused in a repository that is opened read-only', async (t) => {
  const repo = await libraryRepo(t, { readOnly: false });
  await assert.rejects(datastoreSweep({ ...repo, readOnly: true }, {}, NEVER), { code: 'read_only' });
});

test('sweep finds nothing to do in a repository without a datastore, nor after a sweep', async (t) => {
  const repo = await libraryRepo(t);
  const nothing = { removed: [], left: [], teardowns: [], manual: [], bytesReclaimed: 0, dryRun: false };
  assert.deepEqual(await datastoreSweep(repo, {}, NEVER), nothing);
  await newModel(repo, 'm');
  await datastoreSweep(repo, {}, NEVER);
  assert.deepEqual(await datastoreSweep(repo, {}, NEVER), nothing);
});

test('two sweeps at once both succeed', async (t) => {
  const { repo } = await littered(t);
  await Promise.all([datastoreSweep(repo, { kept: true }, NEVER), datastoreSweep(repo, { kept: true }, NEVER)]);
  assert.deepEqual((await datastoreCheck(repo, {}, NEVER)).pending, []);
});

test('sweep leaves what living sessions stage and hold', async (t) => {
  const repo = await libraryRepo(t);
  const id = await newModel(repo, 'm');
  await putAll(repo, 'm', 'a', 'one');
  const { holder, staging } = newSession(repo);
  mkdirSync(join(staging, 'v'), { recursive: true });
  const data = repo.layout.fence({ kind: 'data', modelId: id });
  renameSync(join(data, readFence(data)?.name ?? ''), join(data, `9.${holder}`));
  mkdirSync(join(data, `9.${holder}`, 'trash'));
  assert.deepEqual((await datastoreSweep(repo, {}, NEVER)).removed, []);
  assert.deepEqual(
    readdirSync(join(data, `9.${holder}`)).filter((name) => name === 'trash'),
    ['trash'],
  );
  assert.deepEqual(readdirSync(staging), ['v']);
});

test('status lists what is pending and kept, and is healthy', async (t) => {
  const { repo, id } = await littered(t);
  const { healthy, bytes, sweeps, kept, locks, catalog, teardowns } = await datastoreStatus(repo);
  assert.deepEqual(sweeps.map(({ kind }) => kind).sort(), KINDS);
  assert.deepEqual(
    kept.map(({ modelId, path, bytes: size }) => [modelId, path, size]),
    [[id, `.swamp/v3/kept/${id}/2-abcdefabcdef`, 3]],
  );
  assert.deepEqual(
    locks.map(({ lock, verdict }) => [lock, verdict]),
    [['data', 'dead']],
  );
  assert.deepEqual({ healthy, catalog, teardowns }, { healthy: true, catalog: { state: 'absent', bytes: 0 }, teardowns: [] });
  assert.ok(bytes > 18);
});

test('status is not healthy while a lock is damaged', async (t) => {
  const repo = await libraryRepo(t);
  const id = await newModel(repo, 'm');
  mkdirSync(repo.layout.fence({ kind: 'data', modelId: id }), { recursive: true });
  assert.equal((await datastoreStatus(repo)).healthy, false);
});

/** A shell model with a delete method; its id. */
async function torn(repo: Repo, name: string, deleteRun: string): Promise<string> {
  return (await modelCreate(repo, { type: 'command/shell', name, run: 'true', deleteRun }, NEVER)).id;
}

test('sweep finishes a deletion whose winner died right after the commit', async (t) => {
  const repo = await libraryRepo(t);
  const id = await newModel(repo, 'm');
  await putAll(repo, 'm', 'a', 'one');
  const definition = readFileSync(join(repo.root, 'models/store/m.yaml'), 'utf8');
  const record = { id, name: 'm', type: 'store', commit: '', deletedAt: '2026-01-01T00:00:00Z', epoch: 1, definition, versionsDeleted: 1, teardown: null };
  mkdirSync(repo.layout.deleted);
  writeFileSync(repo.layout.deletedModel(id), JSON.stringify({ ...record, definitionPath: 'models/store/m.yaml' }));
  const plan = await datastoreSweep(repo, { dryRun: true }, NEVER);
  assert.deepEqual(
    plan.removed.map(({ kind, path }) => [kind, path]),
    [
      ['deleted_model', 'models/store/m.yaml'],
      ['deleted_model', `.swamp/v3/data/${id}`],
    ],
  );
  assert.deepEqual(await datastoreSweep(repo, {}, NEVER), { ...plan, dryRun: false });
  const { findings, pending } = await datastoreCheck(repo, {}, NEVER);
  assert.deepEqual({ findings, pending }, { findings: [], pending: [] });
});

test('sweep runs a teardown that failed before again, tells its state, and it is done then', async (t) => {
  const repo = await libraryRepo(t);
  const id = await torn(repo, 's', 'echo ran >> "$SWAMP_TEST_LOG"; test -e mended');
  process.env['SWAMP_TEST_LOG'] = join(repo.root, 'log');
  await assert.rejects(modelDelete(repo, { model: 's' }, NEVER), { code: 'teardown_failed' });
  const waiting = [{ id, name: 's', state: 'failed' }];
  const status = await datastoreStatus(repo);
  assert.deepEqual([status.healthy, status.teardowns], [false, waiting]);
  assert.deepEqual((await datastoreSweep(repo, { dryRun: true }, NEVER)).teardowns, waiting);
  await assert.rejects(datastoreSweep(repo, {}, NEVER), (error: SwampError) => {
    assert.deepEqual([error.code, error.data['teardowns']], ['teardown_failed', waiting]);
    return true;
  });
  writeFileSync(join(repo.root, 'mended'), '');
  assert.deepEqual((await datastoreSweep(repo, {}, NEVER)).teardowns, [{ id, name: 's', state: 'done' }]);
  assert.deepEqual((await datastoreSweep(repo, {}, NEVER)).teardowns, []);
  assert.equal(readFileSync(join(repo.root, 'log'), 'utf8'), 'ran\n'.repeat(3));
  assert.deepEqual((await datastoreStatus(repo)).teardowns, []);
});

test('sweep refuses to retry the teardown of a model that was not deleted', async (t) => {
  const repo = await libraryRepo(t);
  await assert.rejects(datastoreSweep(repo, { retryTeardown: UUID }, NEVER), { code: 'model_not_found' });
});
