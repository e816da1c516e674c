/** Every field of every record, broken one at a time: a check, a backup of it, and a verification and a restore of such a backup call it damaged alike. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { listAnew } from '../../integration/support/backup-tree.js';
import { LONG_NAME, type Places, UUID, writeDeleted, written } from '../../integration/support/injuries.js';
import { backups, initRepo, openRepo } from '../index.js';

type Json = Record<string, unknown>;

/** What a field must not be; without an entry here, a value of another type. */
const WRONG: Readonly<Record<string, string>> = {
  createdAt: 'yesterday',
  deletedAt: '2026-13-45T00:00:00Z',
  lifetime: 'foo',
  garbageCollection: 'sometimes',
  checksum: 'ff',
  renamedTo: 'a\0b',
  modelId: 'm',
  reason: 'because',
};

/** Each way to break one field of `record`, however deep it is. */
function breakages(record: Json, above = ''): { readonly field: string; readonly apply: (record: Json) => void }[] {
  return Object.entries(record).flatMap(([key, value]) => {
    const field = above + key;
    const wrong = WRONG[key] ?? (typeof value === 'string' ? 7 : typeof value === 'number' ? -1 : 'x');
    const here = { field, apply: (one: Json) => Object.assign(one, { [key]: wrong }) };
    const below = typeof value === 'object' && value !== null ? breakages(value as Json, `${field}.`) : [];
    return [here, ...below.map((one) => ({ ...one, apply: (whole: Json) => one.apply(whole[key] as Json) }))];
  });
}

/** The text of the file at `path` with one field broken of its record, or of its first line; for each field. */
function brokenTexts(path: string): { readonly field: string; readonly text: string }[] {
  const text = readFileSync(path, 'utf8');
  const end = path.endsWith('.jsonl') ? text.indexOf('\n') : text.length;
  const fields = breakages(JSON.parse(text.slice(0, end)) as Json);
  assert.ok(fields.length > 2, path);
  return fields.map(({ field, apply }) => {
    const record = JSON.parse(text.slice(0, end)) as Json;
    apply(record);
    return { field: `${path.slice(path.lastIndexOf('/') + 1)}: ${field}`, text: JSON.stringify(record) + text.slice(end) };
  });
}

/** `written`, with a forward: every kind of record that a backup holds. */
async function withAll(t: TestContext): Promise<Places & { readonly forward: string; readonly backup: string }> {
  const places = await written(t);
  const { data, backup } = openRepo(places.repo.root);
  await data.rename({ model: 'm', oldName: 'back', newName: 'away' });
  const dir = join(places.repo.root, '..', 'backup');
  await backup.create({ dir, includeIncompleteUploads: true, encodeNames: true });
  return { ...places, forward: places.repo.layout.tombstone(places.id, 'back'), backup: dir };
}

test('a broken field of a record of the store is damage to a check and to a backup', async (t) => {
  const { repo, id, metadata, forward, inParts, upload, backup: dir } = await withAll(t);
  const { datastore, backup } = openRepo(repo.root);
  const inBackup = [metadata, join(inParts, 'metadata.json'), join(repo.layout.artifact(id, LONG_NAME), 'artifact.json'), forward, join(upload, 'upload.json')];
  const deleted = repo.layout.deletedModel(UUID);
  writeDeleted(repo, UUID, { teardown: { state: 'running', runner: 'r', pid: 7, startedAt: 's', processStart: 'p', host: 'h' } });
  const records = [...inBackup, deleted].map((path) => ({ path, whole: readFileSync(path), broken: brokenTexts(path) }));
  // A check waits before it looks at damage again: one field of each record at a time.
  for (let round = 0; records.some(({ broken }) => round < broken.length); round++) {
    const now = records.filter(({ broken }) => round < broken.length);
    for (const { path, broken } of now) writeFileSync(path, broken[round]?.text ?? '');
    const { findings } = await datastore.check();
    const told = findings.filter(({ kind }) => kind === 'record_invalid').map((finding) => join(repo.root, finding.path));
    for (const { path, broken } of now) assert.ok(told.includes(path) || (path.endsWith('upload.json') && told.includes(upload)), broken[round]?.field);
    for (const { path, whole } of now) writeFileSync(path, whole);
    for (const { path, whole, broken } of now.filter((one) => one.path !== deleted)) {
      writeFileSync(path, broken[round]?.text ?? '');
      await assert.rejects(backup.create({ dir: `${dir}-2`, includeIncompleteUploads: true, encodeNames: true }), { code: 'corrupt' }, broken[round]?.field);
      writeFileSync(path, whole);
    }
  }
});

test('the same field, broken in a backup whose checksums agree, is damage to a verification and to a restore', async (t) => {
  const { repo, upload, backup: dir } = await withAll(t);
  const checksums = new Map(
    [...readFileSync(join(dir, 'CHECKSUMS'), 'utf8').matchAll(/^([0-9a-f]{64}) {2}(.*)$/gm)].map(([, sum = '', path = '']) => [path, sum]),
  );
  const target = join(repo.root, '..', 'target');
  await initRepo(target);
  const restored = openRepo(target);
  const record = `uploads/m/${upload.slice(upload.lastIndexOf('/') + 1)}/record.json`;
  for (const file of ['MANIFEST.json', 'models/m/data/a.swamp-meta.json', 'models/m/_tombstones.jsonl', 'KEYMAP.jsonl', record]) {
    const whole = readFileSync(join(dir, file));
    for (const { field, text } of brokenTexts(join(dir, file))) {
      writeFileSync(join(dir, file), text);
      listAnew({ dir, checksums }, file);
      const { findings } = await backups.verify({ dir });
      assert.ok(
        findings.some(({ kind, path }) => path === file && ['manifest', 'keymap'].includes(kind)),
        `${field}: ${JSON.stringify(findings)}`,
      );
      await assert.rejects(restored.backup.restore({ dir }), { code: 'backup_invalid' }, field);
    }
    writeFileSync(join(dir, file), whole);
    listAnew({ dir, checksums }, file);
  }
  await restored.backup.restore({ dir });
  assert.deepEqual((await restored.datastore.check()).findings, []);
});
