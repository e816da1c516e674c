import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { deadHolder, libraryRepo, NEVER, newModel, putAll } from '../../integration/support/library-repo.js';
import { SwampError } from '../errors.js';
import { newSession } from '../locks/session.js';
import { openRepoAt, type Repo } from '../repo.js';
import { dataDelete } from './data-delete.js';
import { dataPut } from './data-put.js';
import { dataRename } from './data-rename.js';
import { type DatastoreCheckResult, datastoreCheck } from './datastore-check.js';
import { modelDelete } from './model-delete.js';
import { modelGet } from './model-get.js';
import { modelRename } from './model-rename.js';

const check = (repo: Repo): Promise<DatastoreCheckResult> => datastoreCheck(repo, {}, NEVER);
const LONG_NAME = 'x/'.repeat(200);
const UUID = '00000000-0000-4000-8000-000000000000';

/** Where things lie in the store that `written` makes. */
interface Places {
  readonly repo: Repo;
  readonly id: string;
  /** An artifact with versions 1 and 2. */
  readonly artifact: string;
  readonly version: string;
  readonly content: string;
  readonly metadata: string;
  readonly record: string;
  readonly tombstone: string;
  /** Its fences, and the entry of its data fence. */
  readonly data: string;
  readonly entry: string;
  readonly v1: string;
}

const cleanups: (() => void)[] = [];
let template = '';

before(async () => {
  const repo = await libraryRepo({ after: (cleanup) => void cleanups.push(cleanup) });
  await fill(repo);
  template = repo.root;
});

after(() => {
  for (const cleanup of cleanups) cleanup();
});

/** A copy of what `fill` wrote. */
async function written(t: TestContext): Promise<Places> {
  const dir = join(realpathSync(mkdtempSync(join(tmpdir(), 'swamp-check-'))), 'repo');
  t.after(() => rmSync(join(dir, '..'), { recursive: true, force: true, maxRetries: 3 }));
  cpSync(template, dir, { recursive: true });
  return placesIn(openRepoAt(dir, { env: {} }));
}

/** Two versions of `a`; `gone` was deleted; `back` was deleted and came again; one name is hashed. */
async function fill(repo: Repo): Promise<void> {
  await newModel(repo, 'm');
  await putAll(repo, 'm', 'a', 'one', 'two');
  await putAll(repo, 'm', LONG_NAME, 'long');
  await putAll(repo, 'm', 'gone', '1');
  await putAll(repo, 'm', 'back', '1', '2');
  for (const name of ['gone', 'back']) await dataDelete(repo, { model: 'm', name }, NEVER);
  await putAll(repo, 'm', 'back', '3');
}

async function placesIn(repo: Repo): Promise<Places> {
  const { id } = await modelGet(repo, { model: 'm' });
  const { layout } = repo;
  const artifact = layout.artifact(id, 'a');
  const version = join(artifact, '2');
  const data = layout.fence({ kind: 'data', modelId: id });
  const [entry = ''] = readdirSync(data);
  return {
    ...{ repo, id, artifact, version, data, v1: layout.root },
    content: join(version, 'content'),
    metadata: join(version, 'metadata.json'),
    record: join(artifact, 'artifact.json'),
    tombstone: layout.tombstone(id, 'gone'),
    entry: join(data, entry),
  };
}

function edit(path: string, change: (record: Record<string, unknown>) => Record<string, unknown>): void {
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>)));
}

/** The record of a deleted model that was `m`, with these fields. */
function writeDeleted(repo: Repo, id: string, fields: object): void {
  const path = 'models/store/m.yaml';
  const definition = readFileSync(join(repo.root, path), 'utf8');
  const base = {
    id,
    name: 'm',
    type: 'store',
    commit: '',
    deletedAt: '2026-01-01T00:00:00Z',
    epoch: 0,
    definitionPath: path,
    definition,
    versionsDeleted: 0,
    teardown: null,
  };
  mkdirSync(repo.layout.deleted, { recursive: true });
  writeFileSync(repo.layout.deletedModel(id), JSON.stringify({ ...base, ...fields }));
}

function fifo(path: string): void {
  execFileSync('mkfifo', [path], { timeout: 5_000 });
}

function replaceByFifo(path: string): void {
  unlinkSync(path);
  fifo(path);
}

function replaceByLink(path: string): void {
  renameSync(path, `${path}-elsewhere`);
  renameSync(`${path}-elsewhere`, join(path, '..', '..', 'elsewhere'));
  symlinkSync(join(path, '..', '..', 'elsewhere'), path);
}

/** The entry of the data fence, held by somebody of this machine who has ended. */
function heldByDead({ repo, data, entry }: Places): string {
  const held = join(data, `99.${deadHolder(newSession(repo).holder)}`);
  renameSync(entry, held);
  return held;
}

type Expectation = readonly (readonly [kind: string, path: string])[];

/** What is done to the store, and what must be told of it, exactly. */
const INJURIES: Readonly<Record<string, (places: Places) => Expectation>> = {
  'a byte of the content differs': ({ content }) => {
    writeFileSync(content, 'twO');
    return [['checksum_mismatch', content]];
  },
  'the content is too short': ({ content }) => {
    truncateSync(content, 1);
    return [['size_mismatch', content]];
  },
  'the content is too long': ({ content }) => {
    appendFileSync(content, '!');
    return [['size_mismatch', content]];
  },
  'the content is missing': ({ content }) => {
    unlinkSync(content);
    return [['missing_file', content]];
  },
  'the content is a FIFO': ({ content }) => {
    replaceByFifo(content);
    return [['wrong_type', content]];
  },
  'the content is a directory': ({ content }) => {
    unlinkSync(content);
    mkdirSync(content);
    return [['wrong_type', content]];
  },
  'the content is a link to the very same bytes': ({ content, repo }) => {
    renameSync(content, join(repo.root, 'bytes'));
    symlinkSync(join(repo.root, 'bytes'), content);
    return [['symlink', content]];
  },
  'the metadata is missing': ({ metadata }) => {
    unlinkSync(metadata);
    return [['missing_file', metadata]];
  },
  'the metadata is a FIFO': ({ metadata }) => {
    replaceByFifo(metadata);
    return [['wrong_type', metadata]];
  },
  'the metadata is empty': ({ metadata }) => {
    truncateSync(metadata, 0);
    return [['record_invalid', metadata]];
  },
  'the metadata is larger than any record': ({ metadata }) => {
    truncateSync(metadata, 2 * 1024 * 1024);
    return [['record_invalid', metadata]];
  },
  'the metadata has a checksum that is none': ({ metadata }) => {
    edit(metadata, (record) => ({ ...record, checksum: 'abc' }));
    return [['record_invalid', metadata]];
  },
  'the metadata has a time that is none': ({ metadata }) => {
    edit(metadata, (record) => ({ ...record, createdAt: 'yesterday' }));
    return [['record_invalid', metadata]];
  },
  'the metadata has a lifetime that is none': ({ metadata }) => {
    edit(metadata, (record) => ({ ...record, lifetime: 'long' }));
    return [['record_invalid', metadata]];
  },
  'a version has a third file': ({ version }) => {
    writeFileSync(join(version, 'notes'), '');
    return [['unknown_entry', join(version, 'notes')]];
  },
  'a version has a link beside its files': ({ version }) => {
    symlinkSync('content', join(version, 'latest'));
    return [['symlink', join(version, 'latest')]];
  },
  'a version is empty': ({ version }) => {
    rmSync(version, { recursive: true });
    mkdirSync(version);
    return [['empty_directory', version]];
  },
  'a version is a file': ({ version }) => {
    rmSync(version, { recursive: true });
    writeFileSync(version, '');
    return [['wrong_type', version]];
  },
  'a version is a link to a whole one': ({ version, repo }) => {
    renameSync(version, join(repo.root, 'moved'));
    symlinkSync(join(repo.root, 'moved'), version);
    return [['symlink', version]];
  },
  'a version has a number with a leading zero': ({ artifact, version }) => {
    renameSync(version, join(artifact, '02'));
    return [['unknown_entry', join(artifact, '02')]];
  },
  'an artifact has no version': ({ artifact }) => {
    for (const version of ['1', '2']) rmSync(join(artifact, version), { recursive: true });
    return [['missing_version', artifact]];
  },
  'an artifact is empty': ({ artifact }) => {
    rmSync(artifact, { recursive: true });
    mkdirSync(artifact);
    return [['empty_directory', artifact]];
  },
  'an artifact is a link': ({ artifact, repo }) => {
    renameSync(artifact, join(repo.root, 'moved'));
    symlinkSync(join(repo.root, 'moved'), artifact);
    return [['symlink', artifact]];
  },
  'an artifact is a file': ({ artifact }) => {
    rmSync(artifact, { recursive: true });
    writeFileSync(artifact, '');
    return [['wrong_type', artifact]];
  },
  'artifact.json is missing': ({ record }) => {
    unlinkSync(record);
    return [['missing_file', record]];
  },
  'artifact.json is a FIFO': ({ record }) => {
    replaceByFifo(record);
    return [['wrong_type', record]];
  },
  'artifact.json is a link': ({ record, repo }) => {
    renameSync(record, join(repo.root, 'record'));
    symlinkSync(join(repo.root, 'record'), record);
    return [['symlink', record]];
  },
  'artifact.json is no JSON': ({ record }) => {
    writeFileSync(record, '{"name": "a"');
    return [['record_invalid', record]];
  },
  'artifact.json has no generation': ({ record }) => {
    edit(record, ({ generation: _, ...rest }) => rest);
    return [['record_invalid', record]];
  },
  'artifact.json has another name': ({ record }) => {
    edit(record, (fields) => ({ ...fields, name: 'b' }));
    return [['name_mismatch', record]];
  },
  'artifact.json has a name that nothing can have': ({ record }) => {
    edit(record, (fields) => ({ ...fields, name: '' }));
    return [['name_mismatch', record]];
  },
  'artifact.json of a hashed segment has another name': ({ repo, id }) => {
    const record = join(repo.layout.artifact(id, LONG_NAME), 'artifact.json');
    edit(record, (fields) => ({ ...fields, name: `${LONG_NAME}y` }));
    return [['name_mismatch', record]];
  },
  'artifact.json has a generation above the epoch of the data fence': ({ record }) => {
    edit(record, (fields) => ({ ...fields, generation: 1_000 }));
    return [['generation_ahead', record]];
  },
  'an artifact stands beside a tombstone of a later generation': ({ repo, id, artifact }) => {
    writeFileSync(repo.layout.tombstone(id, 'a'), JSON.stringify({ name: 'a', generation: 5, floor: 2, deletedAt: '2026-01-01T00:00:00Z' }));
    return [['floor_broken', artifact]];
  },
  'an artifact counts on from below its tombstone': ({ repo, id }) => {
    const artifact = repo.layout.artifact(id, 'back');
    edit(join(artifact, 'artifact.json'), (fields) => ({ ...fields, floor: 1 }));
    return [['floor_broken', artifact]];
  },
  'an unknown file stands beside the versions': ({ artifact }) => {
    writeFileSync(join(artifact, 'README'), '');
    return [['unknown_entry', join(artifact, 'README')]];
  },
  'a directory stands among the artifacts that no name can have': ({ repo, id }) => {
    const stray = join(repo.layout.model(id), 'Upper');
    mkdirSync(stray);
    return [['unknown_entry', stray]];
  },
  'a file stands among the models': ({ repo }) => {
    writeFileSync(join(repo.layout.data, 'notes'), '');
    return [['unknown_entry', join(repo.layout.data, 'notes')]];
  },
  'the data of a model is a link': ({ repo, id }) => {
    replaceByLink(repo.layout.model(id));
    return [
      ['symlink', repo.layout.model(id)],
      ['unknown_entry', join(repo.layout.root, 'elsewhere')],
    ];
  },
  'a tombstone is no JSON': ({ tombstone }) => {
    writeFileSync(tombstone, 'x');
    return [['record_invalid', tombstone]];
  },
  'a tombstone is a FIFO': ({ tombstone }) => {
    replaceByFifo(tombstone);
    return [['wrong_type', tombstone]];
  },
  'a tombstone is that of another name': ({ tombstone }) => {
    edit(tombstone, (fields) => ({ ...fields, name: 'other' }));
    return [['name_mismatch', tombstone]];
  },
  'a tombstone has a generation above the epoch of the data fence': ({ tombstone }) => {
    edit(tombstone, (fields) => ({ ...fields, generation: 1_000 }));
    return [['generation_ahead', tombstone]];
  },
  'a tombstone has a time that is none': ({ tombstone }) => {
    edit(tombstone, (fields) => ({ ...fields, deletedAt: '' }));
    return [['record_invalid', tombstone]];
  },
  'a directory stands where a tombstone belongs': ({ tombstone }) => {
    unlinkSync(tombstone);
    mkdirSync(tombstone);
    return [['wrong_type', tombstone]];
  },
  'a file among the tombstones is none': ({ tombstone }) => {
    const stray = join(tombstone, '..', 'gone.txt');
    writeFileSync(stray, '');
    return [['unknown_entry', stray]];
  },
  'a fence has no entry': ({ data, entry }) => {
    rmSync(entry, { recursive: true });
    return [['fence_damaged', data]];
  },
  'a fence has two entries': ({ data }) => {
    mkdirSync(join(data, '3.free-000000000000'));
    return [['fence_damaged', data]];
  },
  'the entry of a fence has no epoch': ({ data, entry }) => {
    renameSync(entry, join(data, 'free'));
    return [['fence_damaged', data]];
  },
  'the entry of a fence is a file': ({ entry }) => {
    rmSync(entry, { recursive: true });
    writeFileSync(entry, '');
    return [['wrong_type', entry]];
  },
  'the entry of a fence is a link': ({ entry, repo }) => {
    renameSync(entry, join(repo.root, 'entry'));
    symlinkSync(join(repo.root, 'entry'), entry);
    return [['symlink', entry]];
  },
  'the fence of a model that has data is missing': ({ data }) => {
    rmSync(data, { recursive: true });
    return [['fence_missing', data]];
  },
  'a model has a third fence': ({ data }) => {
    mkdirSync(join(data, '..', 'read'));
    return [['unknown_entry', join(data, '..', 'read')]];
  },
  'something among the fences is no model': ({ repo }) => {
    mkdirSync(join(repo.layout.fences, 'models'));
    return [['unknown_entry', join(repo.layout.fences, 'models')]];
  },
  'a file stands where the fences of a model belong': ({ repo }) => {
    writeFileSync(join(repo.layout.fences, UUID), '');
    return [['wrong_type', join(repo.layout.fences, UUID)]];
  },
  'the global fence has two entries': ({ repo }) => {
    const fence = repo.layout.fence({ kind: 'global' });
    mkdirSync(join(fence, '3.free-000000000000'));
    return [['fence_damaged', fence]];
  },
  'something was left in a free entry that tells no owner': ({ entry }) => {
    mkdirSync(join(entry, 'mine'));
    return [['unknown_entry', join(entry, 'mine')]];
  },
  'an intent cannot be read': ({ entry, repo }) => {
    const intent = join(entry, `${newSession(repo).holder}.intent`);
    mkdirSync(intent);
    writeFileSync(join(intent, 'intent.json'), '{}');
    return [['intent_invalid', join(intent, 'intent.json')]];
  },
  'an intent is missing': ({ entry, repo }) => {
    const intent = join(entry, `${newSession(repo).holder}.intent`);
    mkdirSync(intent);
    return [['intent_invalid', join(intent, 'intent.json')]];
  },
  'a file in a queue is no ticket': ({ repo, id }) => {
    const queue = repo.layout.queue({ kind: 'data', modelId: id });
    mkdirSync(queue, { recursive: true });
    writeFileSync(join(queue, 'first'), '');
    return [['unknown_entry', join(queue, 'first')]];
  },
  'a ticket is a FIFO': ({ repo }) => {
    const queue = repo.layout.queue({ kind: 'global' });
    mkdirSync(queue, { recursive: true });
    const ticket = join(queue, `1700000000000-a-${newSession(repo).holder}.json`);
    fifo(ticket);
    return [['wrong_type', ticket]];
  },
  'a queue belongs to no lock': ({ repo, id }) => {
    const queue = join(repo.layout.queues, `${id}.write`);
    mkdirSync(queue, { recursive: true });
    return [['unknown_entry', queue]];
  },
  'a staging directory tells no session': ({ repo }) => {
    mkdirSync(join(repo.layout.stagings, 'tmp'), { recursive: true });
    return [['unknown_entry', join(repo.layout.stagings, 'tmp')]];
  },
  'a record of a deleted model is no JSON': ({ repo }) => {
    mkdirSync(repo.layout.deleted, { recursive: true });
    writeFileSync(repo.layout.deletedModel(UUID), '');
    return [['record_invalid', repo.layout.deletedModel(UUID)]];
  },
  'the record of a deleted model is about another one': ({ repo, id }) => {
    writeDeleted(repo, UUID, { id });
    return [['record_invalid', repo.layout.deletedModel(UUID)]];
  },
  'a model was deleted at an epoch its data fence has not reached': ({ repo, id }) => {
    writeDeleted(repo, id, { epoch: 1_000, definition: 'another text' });
    rmSync(repo.layout.model(id), { recursive: true });
    rmSync(repo.layout.tombstones(id), { recursive: true });
    unlinkSync(join(repo.root, 'models/store/m.yaml'));
    return [['generation_ahead', repo.layout.deletedModel(id)]];
  },
  'the definition of a deleted model came back with changes': ({ repo, id }) => {
    writeDeleted(repo, id, { definition: 'another text' });
    rmSync(repo.layout.model(id), { recursive: true });
    rmSync(repo.layout.tombstones(id), { recursive: true });
    return [['model_invalid', join(repo.root, 'models/store/m.yaml')]];
  },
  'a forward leads to a name that nothing can have': ({ tombstone }) => {
    edit(tombstone, (fields) => ({ ...fields, renamedTo: '' }));
    return [['record_invalid', tombstone]];
  },
  'something among the uploads is no model': ({ repo }) => {
    mkdirSync(join(repo.layout.uploads, 'u'), { recursive: true });
    return [['unknown_entry', join(repo.layout.uploads, 'u')]];
  },
  'a file among the deleted models is no record': ({ repo }) => {
    mkdirSync(repo.layout.deleted, { recursive: true });
    writeFileSync(join(repo.layout.deleted, 'm.json'), '{}');
    return [['unknown_entry', join(repo.layout.deleted, 'm.json')]];
  },
  'kept outputs have a name that is none': ({ repo, id }) => {
    const stray = join(repo.layout.kept, id, 'mine');
    mkdirSync(stray, { recursive: true });
    return [['unknown_entry', stray]];
  },
  'an unknown directory stands at the top': ({ v1 }) => {
    mkdirSync(join(v1, 'locks'));
    return [['unknown_entry', join(v1, 'locks')]];
  },
  'a file at the top has a name that every object knows': ({ v1 }) => {
    writeFileSync(join(v1, 'constructor'), '');
    return [['unknown_entry', join(v1, 'constructor')]];
  },
  'a file stands where the trash belongs': ({ repo }) => {
    rmSync(repo.layout.trashes, { recursive: true });
    writeFileSync(repo.layout.trashes, '');
    return [['wrong_type', repo.layout.trashes]];
  },
  'the catalog is a directory': ({ repo }) => {
    mkdirSync(repo.layout.catalog);
    return [['wrong_type', repo.layout.catalog]];
  },
  'all fences are behind a link': ({ repo }) => {
    replaceByLink(repo.layout.fences);
    return [['symlink', repo.layout.fences]];
  },
  'the datastore is behind a link': ({ repo }) => {
    const moved = `${repo.root}/moved`;
    renameSync(repo.layout.base, moved);
    symlinkSync(moved, repo.layout.base);
    return [['symlink', repo.layout.base]];
  },
  'the marker of the repository is missing': ({ repo }) => {
    unlinkSync(join(repo.root, '.swamp.yaml'));
    return [['marker_invalid', join(repo.root, '.swamp.yaml')]];
  },
  'the marker of the repository is that of another one': ({ repo }) => {
    writeFileSync(join(repo.root, '.swamp.yaml'), `formatVersion: 1\nrepoId: ${UUID}\n`);
    return [['marker_invalid', join(repo.root, '.swamp.yaml')]];
  },
  'a definition has problems': ({ repo }) => {
    const path = join(repo.root, 'models/store/m.yaml');
    appendFileSync(path, 'colour: red\n');
    return [['model_invalid', path]];
  },
  'two definitions have one id': ({ repo }) => {
    const [path, copy] = [join(repo.root, 'models/store/m.yaml'), join(repo.root, 'models/store/n.yaml')];
    writeFileSync(copy, readFileSync(path, 'utf8').replace('name: m', 'name: n'));
    return [
      ['model_invalid', path],
      ['model_invalid', copy],
    ];
  },
  'a definition is a link': ({ repo }) => {
    const path = join(repo.root, 'models/store/n.yaml');
    symlinkSync('m.yaml', path);
    return [['symlink', path]];
  },
  'the definitions are behind a link': ({ repo }) => {
    renameSync(join(repo.root, 'models'), join(repo.root, 'definitions'));
    symlinkSync('definitions', join(repo.root, 'models'));
    return [['symlink', join(repo.root, 'models')]];
  },
};

for (const [title, injure] of Object.entries(INJURIES)) {
  test(`check tells: ${title}`, { timeout: 20_000 }, async (t) => {
    const places = await written(t);
    const expected = injure(places);
    const { findings, pending } = await check(places.repo);
    const relative = (path: string): string => path.slice(places.repo.root.length + 1);
    assert.deepEqual(
      findings.map(({ kind, path }) => `${kind} ${path}`),
      expected.map(([kind, path]) => `${kind} ${relative(path)}`).sort((a, b) => (a.slice(a.indexOf(' ')) < b.slice(b.indexOf(' ')) ? -1 : 1)),
    );
    assert.deepEqual(pending, []);
    for (const { message, hint } of findings) assert.ok(message !== '' && hint !== '');
  });
}

/** What a later command mends, and the one thing that must be told of it. */
const PENDING: Readonly<Record<string, (places: Places) => Expectation>> = {
  'a fence is held by a process that has ended': (places) => [['dead_holder', heldByDead(places)]],
  'a removal stands in a free entry': ({ entry }) => {
    mkdirSync(join(entry, 'trash'));
    return [['leftover', join(entry, 'trash')]];
  },
  'a dead holder left a staged version': (places) => {
    const held = heldByDead(places);
    const item = join(held, `${held.slice(held.lastIndexOf('.') + 1)}.v`);
    mkdirSync(item);
    return [
      ['dead_holder', held],
      ['leftover', item],
    ];
  },
  'an intent stands in a free entry': ({ entry, repo }) => {
    const intent = join(entry, `${newSession(repo).holder}.intent`);
    mkdirSync(intent);
    writeFileSync(join(intent, 'intent.json'), '{"kind": "outputs", "items": []}');
    return [['leftover', intent]];
  },
  'a session ended and left its staging': ({ repo }) => {
    const staging = repo.layout.staging(deadHolder(newSession(repo).holder));
    mkdirSync(staging);
    return [['staging', staging]];
  },
  'something is in the trash': ({ repo }) => {
    const trash = repo.layout.trash(UUID, 1, 'abcdefabcdef');
    mkdirSync(trash);
    return [['trash', trash]];
  },
  'a method kept its outputs': ({ repo, id }) => {
    const kept = repo.layout.keptOutputs(id, 3, 'abcdefabcdef');
    mkdirSync(kept, { recursive: true });
    return [['kept', kept]];
  },
  'a process that has ended stands in a queue': ({ repo }) => {
    const queue = repo.layout.queue({ kind: 'global' });
    mkdirSync(queue, { recursive: true });
    const ticket = join(queue, `1700000000000-a-${deadHolder(newSession(repo).holder)}.json`);
    writeFileSync(ticket, '');
    return [['dead_ticket', ticket]];
  },
  'a model with data lost its definition': ({ repo, id }) => {
    unlinkSync(join(repo.root, 'models/store/m.yaml'));
    return [['orphan_model', repo.layout.model(id)]];
  },
  'nothing but tombstones is left of a model without a definition': ({ repo, id }) => {
    unlinkSync(join(repo.root, 'models/store/m.yaml'));
    rmSync(repo.layout.model(id), { recursive: true });
    return [['orphan_model', repo.layout.tombstones(id)]];
  },
  'a model was deleted, and its data still stands': ({ repo, id }) => {
    writeDeleted(repo, id, {});
    unlinkSync(join(repo.root, 'models/store/m.yaml'));
    return [['deleted_model', repo.layout.deletedModel(id)]];
  },
  'a model was deleted, and its definition and data still stand': ({ repo, id }) => {
    writeDeleted(repo, id, {});
    return [['deleted_model', repo.layout.deletedModel(id)]];
  },
  'a teardown has not run': ({ repo }) => {
    writeDeleted(repo, UUID, { definition: 'another text', teardown: { state: 'pending' } });
    return [['teardown', repo.layout.deletedModel(UUID)]];
  },
  'a teardown failed': ({ repo }) => {
    writeDeleted(repo, UUID, { definition: 'another text', teardown: { state: 'failed', reason: 'it exited with 1', output: '' } });
    return [['teardown', repo.layout.deletedModel(UUID)]];
  },
  'the runner of a teardown has ended': ({ repo }) => {
    writeDeleted(repo, UUID, {
      definition: 'another text',
      teardown: { state: 'running', runner: deadHolder(newSession(repo).holder), pid: 1, startedAt: '', processStart: '', host: '' },
    });
    return [['teardown', repo.layout.deletedModel(UUID)]];
  },
};

for (const [title, leave] of Object.entries(PENDING)) {
  test(`check calls it pending, not damage: ${title}`, { timeout: 20_000 }, async (t) => {
    const places = await written(t);
    const expected = leave(places);
    const { findings, pending } = await check(places.repo);
    assert.deepEqual(findings, []);
    assert.deepEqual(
      pending.map(({ kind, path }) => `${kind} ${path}`),
      expected.map(([kind, path]) => `${kind} ${path.slice(places.repo.root.length + 1)}`),
    );
  });
}

test('check finds nothing in a repository that was used, and counts what it looked at', async (t) => {
  const { repo } = await written(t);
  const { findings, pending, checked, repaired } = await check(repo);
  assert.deepEqual({ findings, pending, repaired }, { findings: [], pending: [], repaired: [] });
  assert.deepEqual(checked, { models: 1, artifacts: 3, versions: 4, bytes: 'onetwolong3'.length, tombstones: 2, fences: 2 });
});

test('check finds nothing in a new repository, nor in a clone without its datastore', async (t) => {
  const repo = await libraryRepo(t);
  assert.deepEqual((await check(repo)).findings, []);
  await newModel(repo, 'm');
  rmSync(repo.layout.base, { recursive: true });
  assert.deepEqual((await check(repo)).findings, []);
});

test('check looks into a configured datastore that is reached through a link', async (t) => {
  const { repo, id } = await written(t);
  const moved = join(repo.root, '..', 'moved');
  renameSync(repo.layout.base, moved);
  symlinkSync(moved, join(repo.root, '..', 'link'));
  appendFileSync(join(repo.root, '.swamp.yaml'), 'datastore: { path: ../link }\n');
  const elsewhere = openRepoAt(repo.root, { env: {} });
  writeFileSync(join(elsewhere.layout.version(id, 'a', 1), 'content'), 'onE');
  const { findings, checked } = await check(elsewhere);
  assert.deepEqual(
    findings.map(({ kind }) => kind),
    ['checksum_mismatch'],
  );
  assert.equal(checked.versions, 4);
});

test('check leaves alone what a living session stages and holds', async (t) => {
  const { repo, data, entry } = await written(t);
  const { holder, staging } = newSession(repo);
  mkdirSync(join(staging, 'v'), { recursive: true });
  const held = join(data, `99.${holder}`);
  renameSync(entry, held);
  mkdirSync(join(held, 'trash'));
  mkdirSync(join(held, 'anything'));
  const { findings, pending } = await check(repo);
  assert.deepEqual({ findings, pending }, { findings: [], pending: [] });
});

test('check calls a delete that was interrupted after its tombstone no damage', async (t) => {
  const { repo, id, record } = await written(t);
  const fields = JSON.parse(readFileSync(record, 'utf8')) as object;
  writeFileSync(repo.layout.tombstone(id, 'a'), JSON.stringify({ ...fields, floor: 2, deletedAt: '2026-01-01T00:00:00Z' }));
  assert.deepEqual((await check(repo)).findings, []);
});

test('check finds nothing after an artifact was renamed onto a name that was deleted at higher numbers, and after a model was renamed and deleted', async (t) => {
  const { repo } = await written(t);
  await putAll(repo, 'm', 'gone', '2', '3');
  await dataDelete(repo, { model: 'm', name: 'gone' }, NEVER);
  await dataRename(repo, { model: 'm', oldName: 'back', newName: 'gone' }, NEVER);
  await dataRename(repo, { model: 'm', oldName: 'a', newName: 'c' }, NEVER);
  await modelRename(repo, { model: 'm', newName: 'n' }, NEVER);
  const renamed = await check(repo);
  assert.deepEqual({ findings: renamed.findings, pending: renamed.pending }, { findings: [], pending: [] });
  await modelDelete(repo, { model: 'n', withData: true }, NEVER);
  const { findings, pending } = await check(repo);
  assert.deepEqual({ findings, pending }, { findings: [], pending: [] });
});

test('check leaves alone a teardown whose runner lives', async (t) => {
  const { repo } = await written(t);
  writeDeleted(repo, UUID, {
    definition: 'another text',
    teardown: { state: 'running', runner: newSession(repo).holder, pid: 1, startedAt: '', processStart: '', host: '' },
  });
  assert.deepEqual((await check(repo)).pending, []);
});

test('check calls no data an orphan while a definition cannot be read', async (t) => {
  const { repo } = await written(t);
  writeFileSync(join(repo.root, 'models/store/m.yaml'), '- nothing');
  const { findings, pending } = await check(repo);
  assert.deepEqual(
    findings.map(({ kind }) => kind),
    ['model_invalid'],
  );
  assert.deepEqual(pending, []);
});

test('check tells the command that deletes a damaged version, with the name quoted for a shell', async (t) => {
  const repo = await libraryRepo(t);
  const id = await newModel(repo, 'm');
  await putAll(repo, 'm', "it's", 'x');
  writeFileSync(join(repo.layout.version(id, "it's", 1), 'content'), 'y');
  assert.match((await check(repo)).findings[0]?.hint ?? '', new RegExp(`swamp data delete ${id} 'it'\\\\''s' --version 1$`));
});

test('check reads content larger than its buffer, and finds one byte that differs in it', async (t) => {
  const repo = await libraryRepo(t);
  const id = await newModel(repo, 'm');
  const bytes = Buffer.alloc(3 * 1024 * 1024 + 7, 'swamp');
  await dataPut(repo, { model: 'm', name: 'large', source: [bytes] }, NEVER);
  assert.deepEqual((await check(repo)).findings, []);
  bytes[2 * 1024 * 1024] = 0;
  writeFileSync(join(repo.layout.version(id, 'large', 1), 'content'), bytes);
  assert.deepEqual(
    (await check(repo)).findings.map(({ kind }) => kind),
    ['checksum_mismatch'],
  );
});

test('check tells nothing of what stood still only for its first look', async (t) => {
  const { repo, data, entry } = await written(t);
  cpSync(entry, join(data, '98.free-000000000000'), { recursive: true });
  const checking = check(repo);
  await setTimeout(20);
  rmSync(join(data, '98.free-000000000000'), { recursive: true });
  assert.deepEqual((await checking).findings, []);
});

test('check tells of damage in a directory in which others are at work all the time', async (t) => {
  const { repo, id, artifact } = await written(t);
  rmSync(repo.layout.artifact(id, 'back'), { recursive: true });
  writeFileSync(join(artifact, 'README'), '');
  let done = false;
  const writing = (async () => {
    while (!done) await putAll(repo, 'm', 'a', 'more');
  })();
  edit(join(artifact, 'artifact.json'), (fields) => ({ ...fields, generation: 900 }));
  const { findings } = await check(repo);
  done = true;
  await writing;
  assert.deepEqual(
    findings.map(({ kind }) => kind),
    ['unknown_entry', 'generation_ahead'],
  );
});

test('check tells nothing while writers and deletes are at work', { timeout: 60_000 }, async (t) => {
  const repo = await libraryRepo(t);
  await newModel(repo, 'm');
  let done = false;
  const writers = ['a', 'b', 'c', 'a'].map(async (name) => {
    while (!done) await putAll(repo, 'm', name, 'x');
  });
  const deleter = (async () => {
    while (!done) {
      for (const name of ['a', 'b', 'c']) {
        await dataDelete(repo, { model: 'm', name }, NEVER).catch((error: unknown) => {
          if (!(error instanceof SwampError) || error.code !== 'data_not_found') throw error;
        });
      }
    }
  })();
  for (let round = 0; round < 8; round++) assert.deepEqual((await check(repo)).findings, []);
  done = true;
  await Promise.all([...writers, deleter]);
  const { findings, pending } = await check(repo);
  assert.deepEqual({ findings, pending }, { findings: [], pending: [] });
});

test('check ends when its signal fires, with the reason', async (t) => {
  const { repo } = await written(t);
  const reason = new Error('enough');
  await assert.rejects(datastoreCheck(repo, {}, { signal: AbortSignal.abort(reason) }), reason);
});
