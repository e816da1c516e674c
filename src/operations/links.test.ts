/** Below the datastore's own directory no link is followed: whatever level of the tree is one, no command reads, writes or removes what it leads to. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { type Places, written } from '../../integration/support/injuries.js';
import { snapshot } from '../../integration/support/snapshot.js';
import { SwampError } from '../errors.js';
import { type OpenRepo, openRepo } from '../index.js';
import { Layout } from '../layout/layout.js';
import { newNonce } from '../locks/holder.js';
import { newSession } from '../locks/session.js';

/** What people do with a store, one word for each; each may be refused, and none may follow the link. */
const COMMANDS: Readonly<Record<string, (open: OpenRepo, places: Places, scratch: string) => Promise<unknown>>> = {
  get: async ({ data }) => text((await data.get({ model: 'm', name: 'a', verify: true })).openContent()),
  'get parts': async ({ data }) => text((await data.get({ model: 'm', name: 'parts', verify: true })).openContent()),
  'get what is gone': ({ data }) => data.get({ model: 'm', name: 'gone' }),
  versions: ({ data }) => data.versions({ model: 'm', name: 'a' }),
  list: ({ data }) => data.list(),
  info: ({ info }) => info(),
  uploads: ({ upload }) => upload.list(),
  'backup create': ({ backup }, _, scratch) =>
    backup.create({ dir: join(scratch, 'backup'), allVersions: true, includeIncompleteUploads: true, encodeNames: true }),
  status: ({ datastore }) => datastore.status(),
  'upload begin': ({ upload }) => upload.begin({ model: 'm', name: 'a' }),
  'upload part': ({ upload }, places) => upload.part({ upload: idOf(places), partNumber: 2, source: ['u2'] }),
  put: ({ data }) => data.put({ model: 'm', name: 'a', source: ['three'] }),
  'put a new name': ({ data }) => data.put({ model: 'm', name: 'b', source: ['one'] }),
  'put what was deleted': ({ data }) => data.put({ model: 'm', name: 'gone', source: ['again'] }),
  rename: ({ data }) => data.rename({ model: 'm', oldName: 'back', newName: 'forth' }),
  'upload complete': ({ upload }, places) => upload.complete({ upload: idOf(places), parts: 1 }),
  'upload abort': ({ upload }, places) => upload.abort({ upload: idOf(places) }),
  'delete a version': ({ data }) => data.delete({ model: 'm', name: 'a', version: 1 }),
  delete: ({ data }) => data.delete({ model: 'm', name: 'parts' }),
  'delete all': ({ data }) => data.delete({ model: 'm', all: true }),
  sweep: ({ datastore }) => datastore.sweep({ kept: true }),
  'model delete': ({ model }) => model.delete({ model: 'm', withData: true }),
  'lock release': ({ datastore }) => datastore.lockRelease({}),
};

function idOf({ upload }: Places): string {
  return upload.slice(upload.lastIndexOf('/') + 1);
}

const READING = ['get', 'versions', 'list', 'backup create'];
const WRITING = ['put', 'put a new name', 'delete a version', 'delete', 'delete all'];
/** `delete all` reports what it cannot delete. */
const LOGGED = ['put', 'put a new name', 'delete a version', 'delete', 'rename'];
const UPLOADING = ['upload begin', 'upload part', 'upload complete', 'upload abort'];

/** Each level of the tree, and the commands that cannot do without it. */
const LEVELS: Readonly<Record<string, readonly [level: (places: Places) => string, refused: readonly string[]]>> = {
  'everything below the datastore': [({ v1 }) => v1, [...READING, ...WRITING, ...UPLOADING]],
  'all data': [({ repo }) => repo.layout.data, [...READING, ...WRITING, 'info', 'rename']],
  'the data of a model': [({ repo, id }) => repo.layout.model(id), [...READING, ...WRITING, 'rename']],
  'an artifact': [({ artifact }) => artifact, ['get', 'versions', 'backup create', 'put', 'delete a version']],
  'a version': [({ version }) => version, ['get', 'backup create']],
  'the parts of a version': [({ inParts }) => join(inParts, 'parts'), ['get parts', 'backup create']],
  'all tombstones': [({ repo }) => repo.layout.tombstoneRoot, ['get what is gone', 'put what was deleted', 'delete', 'rename', 'backup create']],
  'the tombstones of a model': [
    ({ repo, id }) => repo.layout.tombstones(id),
    ['get what is gone', 'put what was deleted', 'delete', 'rename', 'backup create'],
  ],
  'all uploads': [({ repo }) => repo.layout.uploads, [...UPLOADING, 'uploads', 'backup create']],
  'the uploads of a model': [({ repo, id }) => repo.layout.modelUploads(id), [...UPLOADING, 'uploads', 'backup create']],
  'an upload': [({ upload }) => upload, ['upload part', 'upload complete']],
  'the parts of an upload': [({ upload }) => join(upload, 'parts'), ['upload part', 'upload complete']],
  'the digests of an upload': [({ upload }) => join(upload, 'sums'), ['upload part', 'upload complete']],
  'all locks': [({ repo }) => repo.layout.fences, [...WRITING, 'rename']],
  'the locks of a model': [({ repo, id }) => repo.layout.modelFences(id), [...WRITING, 'rename']],
  'the lock of a commit': [({ data }) => data, [...WRITING, 'rename']],
  'the entry of a lock': [({ entry }) => entry, [...WRITING, 'rename']],
  'the global lock': [({ repo }) => repo.layout.fence({ kind: 'global' }), ['delete a version', 'delete', 'delete all', 'rename', 'backup create']],
  'what sessions prepare': [({ repo }) => repo.layout.stagings, WRITING],
  'the trash': [({ repo }) => repo.layout.trashes, ['put', 'put a new name', 'put what was deleted']],
  'one removal in the trash': [({ repo }) => made(repo.layout.trash('global', 1, newNonce())), []],
  'all deleted models': [({ repo }) => made(repo.layout.deleted), ['model delete']],
  'all kept outputs': [({ repo }) => made(repo.layout.kept), []],
  'the kept outputs of a model': [({ repo, id }) => made(repo.layout.modelKept(id)), []],
  'some kept outputs': [({ repo, id }) => made(repo.layout.keptOutputs(id, 1, newNonce())), []],
  'the change logs': [({ repo, id }) => dirname(made(repo.layout.changeLog(id))), LOGGED],
  'the change log of a model': [({ repo, id }) => made(repo.layout.changeLog(id)), LOGGED],
  'the pins of backups': [({ repo }) => made(repo.layout.pins), ['backup create']],
  'the reserve of removals': [({ repo }) => made(repo.layout.reserve), []],
  'the quarantine': [({ repo }) => made(repo.layout.quarantines), []],
  'what an abandoned session prepared': [({ repo }) => made(repo.layout.staging(newSession(repo).holder)), []],
};

function made(dir: string): string {
  mkdirSync(join(dir, 'inside'), { recursive: true });
  return dir;
}

describe('a link in the tree is followed by no command', { concurrency: 4 }, () => {
  for (const [title, [level, refused]] of Object.entries(LEVELS)) {
    test(title, { timeout: 60_000 }, async (t) => {
      const places = await written(t);
      const path = level(places);
      const outside = join(places.repo.root, '..', 'outside');
      renameSync(path, outside);
      symlinkSync(outside, path);
      const before = snapshot(outside);
      const open = openRepo(places.repo.root, { lockTimeoutMs: 2_000 });
      for (const [command, run] of Object.entries(COMMANDS)) {
        const outcome = await run(open, places, join(outside, '..')).then(
          () => 'done',
          (error: unknown) => (error instanceof SwampError ? error.code : String(error)),
        );
        assert.deepEqual(snapshot(outside), before, `${command} changed what the link leads to`);
        if (refused.includes(command)) assert.equal(outcome, 'corrupt', command);
        else assert.ok(!['internal', 'io'].includes(outcome), `${command}: ${outcome}`);
      }
    });
  }
});

test('the datastore itself may be a link: it is resolved when it is opened, and checked like any other', async (t) => {
  const { repo, content } = await written(t);
  const elsewhere = join(repo.root, '..', 'elsewhere');
  renameSync(repo.layout.base, elsewhere);
  symlinkSync(elsewhere, repo.layout.base);
  const open = openRepo(repo.root);
  const { version, contentPath } = await open.data.put({ model: 'm', name: 'a', source: ['three'] });
  assert.equal(contentPath, join(new Layout(elsewhere).version((await open.model.get({ model: 'm' })).id, 'a', version), 'content'));
  assert.equal(readFileSync(contentPath, 'utf8'), 'three');
  assert.deepEqual((await open.datastore.check()).findings, []);
  writeFileSync(content, 'twO');
  assert.deepEqual(
    (await open.datastore.check()).findings.map(({ kind }) => kind),
    ['checksum_mismatch'],
  );
  await open.datastore.repair();
  assert.deepEqual((await open.datastore.check()).findings, []);
});
