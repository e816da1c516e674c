/** `datastore check --repair` on the command line: asked before any lock, refused without a terminal, planned, done, clean afterwards. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { newSession } from '../src/locks/session.js';
import { displayPath } from '../src/repo.js';
import { backupOf } from './support/backup-of.js';
import { writeTree } from './support/backup-tree.js';
import { refused, toldError } from './support/refused.js';
import { injuredRepo, REPAIR, type Repaired, repairJson, repairs, survivesKills } from './support/repair.js';
import { check, contentOf, createModel, heldLocks, put, tempRepo, versionsOf } from './support/repo.js';
import { sampledTest } from './support/scale.js';
import { snapshot } from './support/snapshot.js';
import { finished, run, start } from './support/swamp.js';
import { onTerminal, startOnTerminal } from './support/terminal.js';
import { runUnprivileged, unprivileged } from './support/unprivileged.js';

const test = sampledTest(2);

/** One of each kind; the whole table is the long form. */
const SHORT = [
  'a byte of the content differs',
  'the metadata is missing',
  'a fence has the entries of three holders who have ended',
  'an intent cannot be read',
  'a staging directory is a file',
  'a definition has problems',
] as const;

describe('datastore check --repair', { concurrency: 2 }, () => {
  for (const title of SHORT) test(`finds, names, mends or sets aside: ${title}`, { timeout: 60_000 }, (t) => repairs(t, title));
});

for (const [title, every] of [
  ['a version, its artifact and a stray beside it are damaged', 61],
  ['a fence has the entries of three holders who have ended', 53],
] as const) {
  test(`killed at some of its points, a repair is ended by the next one: ${title}`, { timeout: 120_000 }, (t) => survivesKills(t, title, every));
}

test('a removal that went half-way leaves what is in the trash to a sweep, and the artifact it left is set aside', async (t) => {
  const { repo, places } = await injuredRepo(t);
  const half = join(repo.layout.trash(places.id, 3, 'abcdefabcdef'), 'a');
  mkdirSync(half, { recursive: true });
  for (const version of ['1', '2']) renameSync(join(places.artifact, version), join(half, version));
  const [kind] = (await repairJson(repo, ['datastore', 'check'], 65)).findings;
  assert.equal(kind?.kind, 'missing_version');
  const { repaired, pending } = await repairJson(repo, [...REPAIR, '--force'], 0);
  assert.deepEqual(
    repaired.map(({ action, path }) => `${action} ${path}`),
    [`rebuilt ${displayPath(places.repo, repo.layout.tombstone(places.id, 'a'))}`, `quarantined ${displayPath(places.repo, places.artifact)}`],
  );
  assert.deepEqual(
    pending.map((item) => item.kind),
    ['trash'],
  );
  assert.deepEqual(readdirSync(half), ['1', '2'], "what a removal has committed is a sweep's business");
  await run(repo, ['datastore', 'sweep']);
  await check(repo);
});

for (const [what, file, then] of [
  ['the epochs of a model', (id: string) => `models/${id}/fences.json`, 'x'],
  ['the intent of a model', (id: string) => `models/${id}/bundle/intent.json`, '{}'],
  ['a change of a definition', () => 'definitions/0.json', '{"publish":{"path":"models/../x","text":""},"remove":[]}'],
] as const) {
  test(`a published restore that nobody can carry out is found and set aside, and keeps nobody out any more: ${what} is damaged`, async (t) => {
    const repo = await tempRepo(t, { pending: 'allowed' });
    await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'mine');
    const { dir } = writeTree(join(repo.base, 'backup'), [{ name: 'm', artifacts: { b: ['one'] } }]);
    await run(repo, ['backup', 'restore', dir, '--mode', 'replace', '--force'], { env: { SWAMP_FAILPOINTS: 'restore.published=kill' }, expect: 'any' });
    const [id = ''] = readdirSync(join(repo.layout.restoring, 'models'));
    writeFileSync(join(repo.layout.restoring, file(id)), then);
    await refused(repo, ['data', 'get', 'm', 'a'], 'corrupt');
    const { findings, pending } = await repairJson(repo, ['datastore', 'check'], 65);
    assert.deepEqual(
      findings.map(({ path, kind }) => [path, kind]),
      [['.swamp/v3/restoring', 'intent_invalid']],
    );
    assert.ok(pending.every(({ kind }) => kind !== 'restore'));
    const planned = await repairJson(repo, [...REPAIR, '--dry-run'], 65);
    assert.equal(planned.repaired[0]?.action, 'quarantined');
    const { repaired } = await repairJson(repo, [...REPAIR, '--force'], 0);
    assert.deepEqual(
      repaired.map(({ path, action }) => [path, action]),
      [['.swamp/v3/restoring', 'quarantined']],
    );
    assert.ok(existsSync(join(repo.dir, repaired[0]?.to ?? '', file(id))));
    assert.equal(await contentOf(repo, 'm', 'a'), 'mine');
    await run(repo, ['backup', 'restore', dir, '--mode', 'merge']);
    assert.equal(await contentOf(repo, 'm', 'b'), 'one');
  });
}

test('a definition that a restore had moved aside, which was then set aside itself, is in the way of no other restore', async (t) => {
  const repo = await tempRepo(t, { pending: 'allowed' });
  const id = await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'mine');
  const backup = await backupOf(repo.dir, join(repo.base, 'backup'));
  const definition = join(repo.dir, 'models/store/m.yaml');
  const text = readFileSync(definition, 'utf8');
  writeFileSync(definition, `${text}# edited\n`);
  const restore = ['backup', 'restore', backup, '--mode', 'replace', '--force'];
  await run(repo, restore, { env: { SWAMP_FAILPOINTS: 'definition.aside=kill' }, expect: 'any' });
  assert.ok(!existsSync(definition));
  writeFileSync(join(repo.layout.restoring, `models/${id}/fences.json`), 'x');
  await repairJson(repo, [...REPAIR, '--force'], 0);
  writeFileSync(definition, `${text}# edited again\n`);
  assert.doesNotMatch((await run(repo, restore)).stderr, /left as it is/);
  assert.equal(readFileSync(definition, 'utf8'), text);
});

test('what the system does not let us read is listed with owner and mode, one by one, and left where it is; list and info go on', unprivileged, async (t) => {
  const { repo, places } = await injuredRepo(t);
  const { layout } = places.repo;
  const { queues, trashes } = layout;
  mkdirSync(layout.queue({ kind: 'global' }), { recursive: true });
  const closed = [places.content, layout.artifact(places.id, 'back'), places.inParts, places.upload, places.tombstone, queues, trashes];
  for (const path of closed) chmodSync(path, 0o000);
  const listed = await runUnprivileged(repo, ['data', 'list', '--json'], 74);
  assert.deepEqual((toldError(listed, 'io').data['failed'] as { name: string }[]).map(({ name }) => name).sort(), ['back', 'parts']);
  assert.match((await runUnprivileged(repo, ['repo', 'info'], 0)).stderr, /data\/.*\/back could not be counted/);
  const { stdout } = await runUnprivileged(repo, ['datastore', 'check', '--json'], 65);
  const { findings } = JSON.parse(stdout) as Repaired;
  for (const path of closed) {
    const found = findings.find((finding) => finding.path.startsWith(displayPath(places.repo, path)));
    assert.match(`${found?.kind} ${found?.message}`, /^unreadable cannot be read \(EACCES; owner [0-9]+, mode 000\)$/, path);
  }
  for (const path of closed.slice(1)) chmodSync(path, lstatSync(path).isDirectory() ? 0o755 : 0o644);
  chmodSync(places.inParts, 0o755);
  const repaired = JSON.parse((await runUnprivileged(repo, [...REPAIR, '--force', '--json'], 65)).stdout) as Repaired;
  assert.deepEqual(
    [repaired.findings.map(({ kind, path }) => [kind, path]), repaired.repaired],
    [[['unreadable', displayPath(places.repo, places.content)]], []],
  );
  chmodSync(places.content, 0o644);
  await check(repo);
});

test('a lock with several entries is not mended while one names a live holder; the refusal says who, and the lock stays as it is (L7)', async (t) => {
  const { repo, places } = await injuredRepo(t);
  const { holder } = newSession(places.repo);
  mkdirSync(join(places.data, `50.${holder}`));
  const before = readdirSync(places.data).sort();
  const refusal = await run(repo, [...REPAIR, '--force', '--json', '--lock-timeout', '300'], { expect: 75 });
  assert.equal(refusal.stdout, '');
  assert.match(refusal.stderr, /"lock_timeout".*is damaged and cannot be repaired while a process holds it/);
  assert.match(refusal.stderr, new RegExp(`pid ${process.pid}`));
  assert.deepEqual(readdirSync(places.data).sort(), before);
  // And nobody acquires a damaged lock meanwhile.
  await run(repo, ['data', 'put', 'm', 'a'], { stdin: 'x', expect: 65 });
  renameSync(join(places.data, `50.${holder}`), join(places.data, '50.free-000000000000'));
  await repairJson(repo, [...REPAIR, '-y'], 0);
  const [entry = ''] = readdirSync(places.data);
  assert.ok(Number(entry.split('.')[0]) > 50, `${entry} is not above every epoch that was seen`);
});

test('on a terminal it shows what it would do and asks before it takes any lock; no changes nothing, yes repairs', onTerminal, async (t) => {
  const { repo, places } = await injuredRepo(t);
  writeFileSync(places.content, 'twO');
  const before = snapshot(repo.dir);
  const asked = startOnTerminal(repo, [...REPAIR]);
  await asked.says(/set aside .*data\/.*\/a\/2 \(checksum_mismatch\)/);
  await asked.says(/\n {2}set aside [^\n]*\r?\nRepair 2 things\? \[y\/N\] $/);
  assert.deepEqual(heldLocks(repo), []);
  assert.deepEqual(snapshot(repo.dir), before);
  asked.write('n\n');
  assert.match((await finished(asked)).stdout, /Nothing was changed\./);
  assert.deepEqual(snapshot(repo.dir), before);
  const json = startOnTerminal(repo, [...REPAIR, '--json']);
  await json.says(/\[y\/N\] /);
  json.write('n\n');
  const told = JSON.parse(/^\{.*\}/m.exec((await finished(json)).stdout)?.[0] ?? '') as Repaired;
  assert.deepEqual([told.cancelled, told.repaired, told.findings.length], [true, [], 1]);
  const interrupted = startOnTerminal(repo, [...REPAIR]);
  await interrupted.says(/\[y\/N\] /);
  interrupted.write('\u0003');
  await finished(interrupted, 130);
  assert.deepEqual(snapshot(repo.dir), before);
  const agreed = startOnTerminal(repo, [...REPAIR]);
  await agreed.says(/\[y\/N\] /);
  agreed.write('y\n');
  assert.match((await finished(agreed)).stdout, /quarantined +checksum_mismatch .*: no damage, 0 pending/s);
  assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1]);
  assert.equal(await contentOf(repo, 'm', 'a'), 'one');
});

test('--dry-run alone, and --repair on a read-only repository, are refused before anything is looked at', async (t) => {
  const { repo, places } = await injuredRepo(t);
  writeFileSync(places.content, 'twO');
  const before = snapshot(repo.dir);
  assert.match((await run(repo, ['datastore', 'check', '--dry-run', '--json'], { expect: 64 })).stderr, /"usage".*--repair --dry-run/);
  await run(repo, [...REPAIR, '--force', '--read-only'], { expect: 77 });
  assert.deepEqual(snapshot(repo.dir), before);
});

test('a store in order is repaired without a question to ask, a lock to take or a thing to do', async (t) => {
  const { repo } = await injuredRepo(t);
  const before = snapshot(repo.dir);
  const { repaired, findings } = await repairJson(repo, [...REPAIR, '--force'], 0);
  assert.deepEqual([repaired, findings], [[], []]);
  assert.deepEqual(snapshot(repo.dir), before);
});

test('while writers are at work a repair waits for nobody but them, and every write is acknowledged and read again', async (t) => {
  const { repo, places } = await injuredRepo(t);
  writeFileSync(places.content, 'twO');
  writeFileSync(join(places.v1, 'stray'), 'x');
  const writers = Array.from({ length: 4 }, (_, i) => start(repo, ['data', 'put', 'm', `w${i}`], { stdin: `content ${i}` }));
  const repairing = start(repo, [...REPAIR, '--force', '--json']);
  await Promise.all([...writers, repairing].map((running) => finished(running)));
  for (let i = 0; i < 4; i++) assert.equal(await contentOf(repo, 'm', `w${i}`), `content ${i}`);
  assert.ok(!existsSync(join(places.v1, 'stray')));
  const { repaired } = JSON.parse(repairing.stdout()) as Repaired;
  const stray = repaired.find(({ path }) => path === '.swamp/v3/stray');
  assert.equal(readFileSync(join(repo.dir, stray?.to ?? '-'), 'utf8'), 'x');
  await check(repo);
});
