/** What is in the tree and is none of it, and what cannot be read: no command stops at it, each is named, and a person decides. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { edit, LONG_NAME, type Places, written } from '../../integration/support/injuries.js';
import { openRepo } from '../index.js';

/** Every directory below `dir`, and `dir`. */
function directories(dir: string): string[] {
  const below = readdirSync(dir).filter((name) => lstatSync(join(dir, name)).isDirectory());
  return [dir, ...below.flatMap((name) => directories(join(dir, name)))];
}

test("a dot name is nobody's at every level: check notes it, and every command goes on", async (t) => {
  const { repo, v1, upload } = await written(t);
  const { data, backup, datastore, upload: uploads, info } = openRepo(repo.root);
  await datastore.sweep();
  const before = (await info()).versions;
  const places = directories(v1);
  for (const dir of places) writeFileSync(join(dir, '.DS_Store'), 'x');
  const { findings, pending, notes } = await datastore.check();
  assert.deepEqual([findings, pending], [[], []]);
  assert.deepEqual(notes.map(({ path }) => join(repo.root, path)).sort(), places.map((dir) => join(dir, '.DS_Store')).sort());
  assert.deepEqual((await datastore.repair()).repaired, []);
  assert.equal((await info()).versions, before);
  assert.deepEqual((await datastore.status()).healthy, true);
  await backup.create({ dir: join(repo.root, '..', 'backup'), allVersions: true, includeIncompleteUploads: true, encodeNames: true });
  assert.deepEqual((await data.list()).failed, []);
  await uploads.complete({ upload: upload.slice(upload.lastIndexOf('/') + 1), parts: 1 });
  await data.put({ model: 'm', name: 'a', source: ['three'] });
  await data.delete({ model: 'm', name: 'a', version: 1 });
  await data.rename({ model: 'm', oldName: 'a', newName: 'z' });
  assert.equal(await text((await data.get({ model: 'm', name: 'z', verify: true })).openContent()), 'three');
  await data.delete({ model: 'm', all: true });
  assert.deepEqual((await datastore.check()).findings, []);
});

/** What no command has put there: a file and a directory on every level, and names that nearly belong. */
function strewn({ v1, id, repo, version }: Places): string[] {
  // What is in a fence is what holds it (L7); what is in the trash is to be removed.
  const levels = directories(v1).filter((dir) => !/\/(fences\/global|fences\/.*\/(data|run)|trash)(\/|$)/.test(dir));
  const strays = levels.flatMap((dir) => [join(dir, 'Notes'), join(dir, 'Nested')]);
  const nearly = [join(repo.layout.artifact(id, 'a'), '007'), join(repo.layout.model(id), 'notes')];
  for (const path of strays) path.endsWith('Nested') ? mkdirSync(path) : writeFileSync(path, 'x');
  cpSync(version, nearly[0] ?? '', { recursive: true });
  writeFileSync(nearly[1] ?? '', 'x');
  return [...strays, ...nearly].sort();
}

test('what belongs to nothing is treated alike at every level: left alone, warned about where it is listed, told by check, set aside by a repair', async (t) => {
  const places = await written(t);
  const { repo, id } = places;
  const warnings: string[] = [];
  const { data, backup, datastore } = openRepo(repo.root, { reporter: { info: () => {}, debug: () => {}, warn: (message) => warnings.push(message) } });
  await datastore.sweep();
  const before = await data.list();
  const strays = strewn(places);
  const warned = (): string[] =>
    warnings
      .splice(0)
      .flatMap((message) => strays.filter((path) => message.startsWith(`${path.slice(repo.root.length + 1)} does not belong`)))
      .sort();
  const below = (...dirs: readonly string[]): string[] => strays.filter((path) => dirs.includes(path.slice(0, path.lastIndexOf('/'))));
  const artifacts = readdirSync(repo.layout.model(id)).map((name) => join(repo.layout.model(id), name));
  assert.deepEqual(await data.list(), before);
  assert.deepEqual(warned(), below(repo.layout.model(id)));
  assert.equal((await data.versions({ model: 'm', name: 'a' })).total, 2);
  assert.deepEqual(warned(), below(repo.layout.artifact(id, 'a')));
  await backup.create({ dir: join(repo.root, '..', 'backup'), includeIncompleteUploads: true, encodeNames: true });
  assert.deepEqual(warned(), below(repo.layout.model(id), ...artifacts, repo.layout.tombstones(id), repo.layout.modelUploads(id)));
  const { findings, pending } = await datastore.check();
  assert.deepEqual(findings.map(({ path }) => join(repo.root, path)).sort(), strays);
  assert.deepEqual(pending, []);
  for (const { hint } of findings) assert.match(hint, /check --repair/);
  assert.deepEqual((await datastore.repair()).findings, []);
  assert.deepEqual(
    strays.filter((path) => existsSync(path)),
    [],
  );
  assert.deepEqual(await data.list(), before);
});

test('list names what it cannot read, and lists the rest; a stray among the artifacts is warned about', async (t) => {
  const { repo, metadata, id } = await written(t);
  const warnings: string[] = [];
  const open = openRepo(repo.root, { reporter: { info: () => {}, debug: () => {}, warn: (message) => warnings.push(message) } });
  const all = (await open.data.list()).total;
  writeFileSync(metadata, '');
  writeFileSync(join(repo.layout.artifact(id, LONG_NAME), 'artifact.json'), 'x');
  mkdirSync(join(repo.layout.model(id), 'Upper'));
  const { total, failed } = await open.data.list();
  assert.equal(total, all - 2);
  assert.deepEqual(
    failed.map(({ name, code }) => [name, code]),
    [
      [undefined, 'corrupt'],
      ['a', 'corrupt'],
    ],
  );
  assert.equal(warnings.filter((message) => message.includes(`data/${id}/Upper does not belong`)).length, 1);
  assert.equal((await open.info()).artifacts, all);
});

test('nobody is told to delete a version of which only the record is damaged', async (t) => {
  const { repo, metadata, inParts } = await written(t);
  const { datastore } = openRepo(repo.root);
  edit(metadata, (record) => ({ ...record, lifetime: 'long' }));
  unlinkSync(join(inParts, 'metadata.json'));
  const { findings } = await datastore.check();
  assert.equal(findings.length, 2);
  for (const { hint } of findings) assert.doesNotMatch(hint, /data delete/);
});
