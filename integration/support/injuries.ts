/** What can happen to a store on disk: each injury, and what a check must tell of it, exactly. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
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
import { newSession } from '../../src/locks/session.js';
import { dataDelete } from '../../src/operations/data-delete.js';
import { modelGet } from '../../src/operations/model-get.js';
import { uploadBegin } from '../../src/operations/upload-begin.js';
import { uploadComplete } from '../../src/operations/upload-complete.js';
import { uploadPart } from '../../src/operations/upload-part.js';
import { openRepoAt, type Repo } from '../../src/repo.js';
import { deadHolder, libraryRepo, NEVER, newModel, putAll } from './library-repo.js';

export const LONG_NAME = 'x/'.repeat(200);
export const UUID = '00000000-0000-4000-8000-000000000000';

/** Where things lie in the store that `written` makes. */
export interface Places {
  readonly repo: Repo;
  readonly id: string;
  /** An artifact with versions 1 and 2. */
  readonly artifact: string;
  readonly version: string;
  readonly content: string;
  readonly metadata: string;
  readonly record: string;
  readonly tombstone: string;
  /** A version in two parts, and an unfinished upload with one. */
  readonly inParts: string;
  readonly upload: string;
  /** Its fences, and the entry of its data fence. */
  readonly data: string;
  readonly entry: string;
  readonly v1: string;
}

let template: Promise<string> | undefined;

async function makeTemplate(): Promise<string> {
  const repo = await libraryRepo({ after: (cleanup) => void process.on('exit', cleanup) });
  await fill(repo);
  return repo.root;
}

/** A copy of what `fill` wrote. */
export async function written(t: { after(cleanup: () => void): void }): Promise<Places> {
  const dir = join(realpathSync(mkdtempSync(join(tmpdir(), 'swamp-injured-'))), 'repo');
  t.after(() => rmSync(join(dir, '..'), { recursive: true, force: true, maxRetries: 3 }));
  template ??= makeTemplate();
  cpSync(await template, dir, { recursive: true });
  return placesIn(openRepoAt(dir, { env: {} }));
}

/** Two versions of `a`; `gone` was deleted; `back` was deleted and came again; one name is hashed; `parts` was written in parts, and an upload is unfinished. */
async function fill(repo: Repo): Promise<void> {
  await newModel(repo, 'm');
  await putAll(repo, 'm', 'a', 'one', 'two');
  await putAll(repo, 'm', LONG_NAME, 'long');
  await putAll(repo, 'm', 'gone', '1');
  await putAll(repo, 'm', 'back', '1', '2');
  for (const name of ['gone', 'back']) await dataDelete(repo, { model: 'm', name }, NEVER);
  await putAll(repo, 'm', 'back', '3');
  await uploadComplete(repo, { upload: await sent(repo, 'parts', 'p1', 'p2') }, NEVER);
  await sent(repo, 'dump', 'u1');
}

/** An upload with these parts; its id. */
async function sent(repo: Repo, name: string, ...parts: readonly string[]): Promise<string> {
  const { uploadId } = await uploadBegin(repo, { model: 'm', name }, NEVER);
  for (const [i, text] of parts.entries()) await uploadPart(repo, { upload: uploadId, partNumber: i + 1, source: [text] }, NEVER);
  return uploadId;
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
    inParts: layout.version(id, 'parts', 1),
    upload: layout.upload(id, readdirSync(layout.modelUploads(id))[0] ?? ''),
    entry: join(data, entry),
  };
}

export function edit(path: string, change: (record: Record<string, unknown>) => Record<string, unknown>): void {
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>)));
}

/** The record of a deleted model that was `m`, with these fields. */
export function writeDeleted(repo: Repo, id: string, fields: object): void {
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

export function fifo(path: string): void {
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
export function heldByDead({ repo, data, entry }: Places): string {
  const held = join(data, `99.${deadHolder(newSession(repo).holder)}`);
  renameSync(entry, held);
  return held;
}

/** What a person must do: a repair tells it again, and leaves it as it is. */
export const TOLD: ReadonlySet<string> = new Set([
  'the marker of the repository is missing',
  'the marker of the repository is that of another one',
  'a definition has problems',
  'two definitions have one id',
  'a definition is a link',
  'the definitions are behind a link',
  'the definition of a deleted model came back with changes',
]);

/** The content of every file of the repository, by its hash; what locks, queues and sessions keep for themselves aside. */
export function readableBytes(root: string): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (dir: string): void => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile() && entry.name !== 'holder.json' && !entry.name.startsWith('scope.'))
        found.set(createHash('sha256').update(readFileSync(path)).digest('hex'), path);
    }
  };
  walk(root);
  return found;
}

export type Expectation = readonly (readonly [kind: string, path: string])[];

/** What is done to the store, and what must be told of it, exactly. */
export const INJURIES: Readonly<Record<string, (places: Places) => Expectation>> = {
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
    truncateSync(metadata, 5 * 1024 * 1024);
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
  'a version that no delete removed is missing': ({ artifact }) => {
    rmSync(join(artifact, '1'), { recursive: true });
    return [['version_lost', artifact]];
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
    return [['record_invalid', record]];
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
    rmSync(repo.layout.modelUploads(id), { recursive: true });
    unlinkSync(join(repo.root, 'models/store/m.yaml'));
    return [['generation_ahead', repo.layout.deletedModel(id)]];
  },
  'the definition of a deleted model came back with changes': ({ repo, id }) => {
    writeDeleted(repo, id, { definition: 'another text' });
    rmSync(repo.layout.model(id), { recursive: true });
    rmSync(repo.layout.tombstones(id), { recursive: true });
    rmSync(repo.layout.modelUploads(id), { recursive: true });
    return [['model_invalid', join(repo.root, 'models/store/m.yaml')]];
  },
  'a forward leads to a name that nothing can have': ({ tombstone }) => {
    edit(tombstone, (fields) => ({ ...fields, renamedTo: '' }));
    return [['record_invalid', tombstone]];
  },
  'a part differs': ({ inParts }) => {
    writeFileSync(join(inParts, 'parts/2'), 'P2');
    return [['checksum_mismatch', join(inParts, 'parts/2')]];
  },
  'a part is too short': ({ inParts }) => {
    truncateSync(join(inParts, 'parts/1'), 1);
    return [['size_mismatch', join(inParts, 'parts/1')]];
  },
  'a part is missing': ({ inParts }) => {
    unlinkSync(join(inParts, 'parts/1'));
    return [['missing_file', join(inParts, 'parts/1')]];
  },
  'a part is a link to the very same bytes': ({ inParts, repo }) => {
    renameSync(join(inParts, 'parts/1'), join(repo.root, 'bytes'));
    symlinkSync(join(repo.root, 'bytes'), join(inParts, 'parts/1'));
    return [['symlink', join(inParts, 'parts/1')]];
  },
  'all parts are missing': ({ inParts }) => {
    rmSync(join(inParts, 'parts'), { recursive: true });
    return [['missing_file', join(inParts, 'parts')]];
  },
  'a part is there that nobody declared': ({ inParts }) => {
    writeFileSync(join(inParts, 'parts/3'), 'p3');
    return [['unknown_entry', join(inParts, 'parts/3')]];
  },
  'a content stands beside parts': ({ inParts }) => {
    writeFileSync(join(inParts, 'content'), 'p1p2');
    return [['unknown_entry', join(inParts, 'content')]];
  },
  'parts stand beside a content': ({ version }) => {
    mkdirSync(join(version, 'parts'));
    return [['unknown_entry', join(version, 'parts')]];
  },
  'the metadata of a version in parts is missing': ({ inParts }) => {
    unlinkSync(join(inParts, 'metadata.json'));
    return [['missing_file', join(inParts, 'metadata.json')]];
  },
  'the parts do not add up': ({ inParts }) => {
    edit(join(inParts, 'metadata.json'), (record) => ({ ...record, parts: [] }));
    return [['record_invalid', join(inParts, 'metadata.json')]];
  },
  'the parts are not what the whole was': ({ inParts }) => {
    edit(join(inParts, 'metadata.json'), (record) => ({ ...record, checksum: 'a'.repeat(64) }));
    return [['checksum_mismatch', join(inParts, 'parts')]];
  },
  'a part of an upload is not what was sent': ({ upload }) => {
    writeFileSync(join(upload, 'parts/1'), 'U1');
    return [['checksum_mismatch', join(upload, 'parts/1')]];
  },
  'a part of an upload is a FIFO': ({ upload }) => {
    replaceByFifo(join(upload, 'parts/1'));
    return [['wrong_type', join(upload, 'parts/1')]];
  },
  'something in an upload is no part': ({ upload }) => {
    writeFileSync(join(upload, 'parts/01'), '');
    writeFileSync(join(upload, 'sums/1'), '');
    writeFileSync(join(upload, 'notes'), '');
    return [
      ['unknown_entry', join(upload, 'parts/01')],
      ['unknown_entry', join(upload, 'sums/1')],
      ['unknown_entry', join(upload, 'notes')],
    ];
  },
  'the record of an upload is missing': ({ upload }) => {
    unlinkSync(join(upload, 'upload.json'));
    return [['missing_file', upload]];
  },
  'the record of an upload is no record': ({ upload }) => {
    writeFileSync(join(upload, 'upload.json'), '{}');
    return [['record_invalid', upload]];
  },
  'an upload has no place for parts': ({ upload }) => {
    rmSync(join(upload, 'parts'), { recursive: true });
    return [['missing_file', upload]];
  },
  'an upload has a name that is none': ({ upload }) => {
    renameSync(upload, `${upload}.x`);
    return [['unknown_entry', `${upload}.x`]];
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
  'a file stands where the catalog belongs': ({ repo }) => {
    rmSync(repo.layout.catalogs, { recursive: true, force: true });
    writeFileSync(repo.layout.catalogs, '');
    return [['wrong_type', repo.layout.catalogs]];
  },
  'something unknown stands among the catalogs': ({ repo }) => {
    mkdirSync(join(repo.layout.catalogs, 'index.db'), { recursive: true });
    return [['unknown_entry', join(repo.layout.catalogs, 'index.db')]];
  },
  'all fences are behind a link': ({ repo }) => {
    replaceByLink(repo.layout.fences);
    return [['symlink', repo.layout.fences]];
  },
  'the marker of the repository is missing': ({ repo }) => {
    unlinkSync(join(repo.root, '.swamp.yaml'));
    return [['marker_invalid', join(repo.root, '.swamp.yaml')]];
  },
  'the marker of the repository is that of another one': ({ repo }) => {
    writeFileSync(join(repo.root, '.swamp.yaml'), `formatVersion: 3\nrepoId: ${UUID}\n`);
    return [['marker_invalid', join(repo.root, '.swamp.yaml')]];
  },
  'a definition has problems': ({ repo }) => {
    const path = join(repo.root, 'models/store/m.yaml');
    appendFileSync(path, 'colour: red\n');
    return [['model_invalid', path]];
  },
  'two definitions have one id': ({ repo }) => {
    const [path, copy] = [join(repo.root, 'models/store/m.yaml'), join(repo.root, 'models/store/n.yaml')];
    writeFileSync(copy, readFileSync(path, 'utf8'));
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
  'the only version of an artifact is altered': ({ repo, id }) => {
    const content = join(repo.layout.version(id, 'back', 3), 'content');
    writeFileSync(content, '4');
    return [['checksum_mismatch', content]];
  },
  'every version of an artifact is damaged': ({ artifact, content }) => {
    writeFileSync(content, 'twO');
    unlinkSync(join(artifact, '1', 'metadata.json'));
    return [
      ['missing_file', join(artifact, '1', 'metadata.json')],
      ['checksum_mismatch', content],
    ];
  },
  'a version, its artifact and a stray beside it are damaged': ({ artifact, record, metadata }) => {
    writeFileSync(metadata, '[]');
    writeFileSync(record, '{"name": "a", "generation": 1, "floor": 7');
    writeFileSync(join(artifact, 'notes'), 'n');
    return [
      ['record_invalid', metadata],
      ['record_invalid', record],
      ['unknown_entry', join(artifact, 'notes')],
    ];
  },
  'artifact.json has a generation that no lock reaches': ({ record }) => {
    edit(record, (fields) => ({ ...fields, generation: Number.MAX_SAFE_INTEGER }));
    return [['generation_ahead', record]];
  },
  'artifact.json of a hashed segment is no JSON': ({ repo, id }) => {
    const record = join(repo.layout.artifact(id, LONG_NAME), 'artifact.json');
    writeFileSync(record, '{');
    return [['record_invalid', record]];
  },
  'artifact.json of a hashed segment is cut off behind its name': ({ repo, id }) => {
    const record = join(repo.layout.artifact(id, LONG_NAME), 'artifact.json');
    writeFileSync(record, `{"name": ${JSON.stringify(LONG_NAME)}, "gen`);
    return [['record_invalid', record]];
  },
  'a tombstone is cut off behind its floor': ({ tombstone }) => {
    writeFileSync(tombstone, '{"name": "gone", "generation": 1, "floor": 12, "deletedAt');
    return [['record_invalid', tombstone]];
  },
  'the tombstone of a live artifact is no JSON': ({ repo, id }) => {
    const tombstone = repo.layout.tombstone(id, 'back');
    writeFileSync(tombstone, '"floor": 9');
    return [['record_invalid', tombstone]];
  },
  'the details of the last holder are a FIFO': ({ entry }) => {
    rmSync(join(entry, 'holder.json'), { force: true });
    fifo(join(entry, 'holder.json'));
    return [['wrong_type', join(entry, 'holder.json')]];
  },
  'the details of the last holder are a link': ({ entry, repo }) => {
    rmSync(join(entry, 'holder.json'), { force: true });
    symlinkSync(join(repo.root, 'README'), join(entry, 'holder.json'));
    return [['symlink', join(entry, 'holder.json')]];
  },
  'the scope of the last structural command is a directory': ({ repo }) => {
    const fence = repo.layout.fence({ kind: 'global' });
    const scope = join(fence, readdirSync(fence)[0] ?? '', 'scope.1.closed.json');
    rmSync(scope, { force: true });
    mkdirSync(scope);
    return [['wrong_type', scope]];
  },
  'the trash in an entry is a file': ({ entry }) => {
    writeFileSync(join(entry, 'trash'), '');
    return [['wrong_type', join(entry, 'trash')]];
  },
  'the trash in an entry is a link': ({ entry, repo }) => {
    symlinkSync(repo.root, join(entry, 'trash'));
    return [['symlink', join(entry, 'trash')]];
  },
  'an intent does not say what to move': ({ entry, repo }) => {
    const intent = join(entry, `${newSession(repo).holder}.intent`);
    mkdirSync(intent);
    writeFileSync(join(intent, 'intent.json'), '{"kind": "steps"}');
    return [['intent_invalid', join(intent, 'intent.json')]];
  },
  'an intent wants to publish a version that is there already': ({ entry, repo, version }) => {
    const intent = join(entry, `${newSession(repo).holder}.intent`);
    cpSync(version, join(intent, 'log'), { recursive: true });
    writeFileSync(join(intent, 'intent.json'), '{"kind": "steps", "steps": [{"out": "log", "to": {"artifact": "a", "version": 1}}]}');
    return [['intent_invalid', join(intent, 'intent.json')]];
  },
  'an intent wants to rename what is not there': ({ entry, repo }) => {
    const intent = join(entry, `${newSession(repo).holder}.intent`);
    mkdirSync(intent);
    writeFileSync(join(intent, 'artifact.json'), '{"name": "y", "generation": 1, "floor": 1}');
    writeFileSync(
      join(intent, 'intent.json'),
      '{"kind": "steps", "steps": [{"take": {"artifact": "x"}, "as": "artifact"}, {"put": "artifact.json", "as": "artifact/artifact.json"}]}',
    );
    return [['intent_invalid', join(intent, 'intent.json')]];
  },
  'the entry of a fence has an epoch that no lock reaches': ({ data, entry }) => {
    renameSync(entry, join(data, '999999999999999.free-000000000000'));
    return [['fence_damaged', data]];
  },
  'a fence has two entries of dead holders, each with a version on its way': (places) => {
    const { data, repo } = places;
    const first = heldByDead(places);
    const second = join(data, `12.${deadHolder(newSession(repo).holder)}`);
    for (const entry of [first, second]) cpSync(places.version, join(entry, `${entry.slice(entry.lastIndexOf('.') + 1)}.v`), { recursive: true });
    return [['fence_damaged', data]];
  },
  'the highest entry of a fence is a file': ({ data }) => {
    writeFileSync(join(data, '77.free-000000000000'), '');
    return [['fence_damaged', data]];
  },
  'the entry of the global fence has no epoch': ({ repo }) => {
    const fence = repo.layout.fence({ kind: 'global' });
    renameSync(join(fence, readdirSync(fence)[0] ?? ''), join(fence, 'free'));
    return [['fence_damaged', fence]];
  },
  'the fence of a model of which only tombstones are left is missing': ({ repo, id, data }) => {
    rmSync(repo.layout.model(id), { recursive: true });
    rmSync(data, { recursive: true });
    return [['fence_missing', data]];
  },
  'a file stands where a fence belongs': ({ data }) => {
    rmSync(data, { recursive: true });
    writeFileSync(data, 'x');
    return [['wrong_type', data]];
  },
  'a fence is behind a link': ({ data, repo }) => {
    renameSync(data, join(repo.root, 'fence'));
    symlinkSync(join(repo.root, 'fence'), data);
    return [['symlink', data]];
  },
  'a fence is a link that leads nowhere': ({ data, repo }) => {
    rmSync(data, { recursive: true });
    symlinkSync(join(repo.root, 'nowhere'), data);
    return [['symlink', data]];
  },
  'the fences of a model are behind a link': ({ data, repo }) => {
    renameSync(join(data, '..'), join(repo.root, 'fences'));
    symlinkSync(join(repo.root, 'fences'), join(data, '..'));
    return [['symlink', join(data, '..')]];
  },
  'the global fence is behind a link': ({ repo }) => {
    const fence = repo.layout.fence({ kind: 'global' });
    renameSync(fence, join(repo.root, 'fence'));
    symlinkSync(join(repo.root, 'fence'), fence);
    return [['symlink', fence]];
  },
  'a file stands where all fences belong': ({ repo }) => {
    rmSync(repo.layout.fences, { recursive: true });
    writeFileSync(repo.layout.fences, 'x');
    return [['wrong_type', repo.layout.fences]];
  },
  'a file stands where the queues belong': ({ repo }) => {
    rmSync(repo.layout.queues, { recursive: true, force: true });
    writeFileSync(repo.layout.queues, 'x');
    return [['wrong_type', repo.layout.queues]];
  },
  'a file stands where a queue belongs': ({ repo }) => {
    const queue = repo.layout.queue({ kind: 'global' });
    mkdirSync(repo.layout.queues, { recursive: true });
    rmSync(queue, { recursive: true, force: true });
    writeFileSync(queue, 'x');
    return [['wrong_type', queue]];
  },
  'a queue is behind a link': ({ repo }) => {
    const queue = repo.layout.queue({ kind: 'global' });
    rmSync(queue, { recursive: true, force: true });
    mkdirSync(join(repo.root, 'queue'));
    mkdirSync(repo.layout.queues, { recursive: true });
    symlinkSync(join(repo.root, 'queue'), queue);
    return [['symlink', queue]];
  },
  'a file stands where sessions prepare': ({ repo }) => {
    rmSync(repo.layout.stagings, { recursive: true });
    writeFileSync(repo.layout.stagings, 'x');
    return [['wrong_type', repo.layout.stagings]];
  },
  'sessions prepare behind a link': ({ repo }) => {
    replaceByLink(repo.layout.stagings);
    return [['symlink', repo.layout.stagings]];
  },
  'all data is behind a link': ({ repo }) => {
    renameSync(repo.layout.data, join(repo.root, 'data'));
    symlinkSync(join(repo.root, 'data'), repo.layout.data);
    return [['symlink', repo.layout.data]];
  },
  'a file stands where all tombstones belong': ({ repo }) => {
    rmSync(repo.layout.tombstoneRoot, { recursive: true });
    writeFileSync(repo.layout.tombstoneRoot, 'x');
    return [['wrong_type', repo.layout.tombstoneRoot]];
  },
  'a file stands where the tombstones of a model belong': ({ repo, id }) => {
    rmSync(repo.layout.tombstones(id), { recursive: true });
    rmSync(repo.layout.modelUploads(id), { recursive: true });
    writeFileSync(repo.layout.tombstones(id), 'x');
    return [['wrong_type', repo.layout.tombstones(id)]];
  },
  'a file stands where the deleted models belong': ({ repo }) => {
    writeFileSync(repo.layout.deleted, 'x');
    return [
      ['wrong_type', repo.layout.deleted],
      ['model_invalid', join(repo.root, 'models/store/m.yaml')],
    ];
  },
  'a file stands where the quarantine belongs': ({ repo }) => {
    writeFileSync(repo.layout.quarantines, 'x');
    return [['wrong_type', repo.layout.quarantines]];
  },
  'a record of a deleted model is no JSON, and the model stands': ({ repo, id }) => {
    mkdirSync(repo.layout.deleted, { recursive: true });
    writeFileSync(repo.layout.deletedModel(id), 'x');
    return [
      ['record_invalid', repo.layout.deletedModel(id)],
      ['model_invalid', join(repo.root, 'models/store/m.yaml')],
    ];
  },
  'a model was deleted at an epoch that no lock reaches': ({ repo }) => {
    writeDeleted(repo, UUID, { epoch: Number.MAX_SAFE_INTEGER, definition: 'another text' });
    mkdirSync(join(repo.layout.fence({ kind: 'data', modelId: UUID }), '5.free-000000000000'), { recursive: true });
    return [['generation_ahead', repo.layout.deletedModel(UUID)]];
  },
  'the metadata is a link': ({ metadata, repo }) => {
    renameSync(metadata, join(repo.root, 'record'));
    symlinkSync(join(repo.root, 'record'), metadata);
    return [['symlink', metadata]];
  },
  'the metadata is a directory': ({ metadata }) => {
    unlinkSync(metadata);
    mkdirSync(metadata);
    return [['wrong_type', metadata]];
  },
  'the metadata is cut off': ({ metadata }) => {
    truncateSync(metadata, 40);
    return [['record_invalid', metadata]];
  },
  'the metadata is no text': ({ metadata }) => {
    writeFileSync(metadata, Buffer.from([0, 255, 254, 128, 10, 0]));
    return [['record_invalid', metadata]];
  },
  'the metadata tells the checksum of other content': ({ metadata }) => {
    edit(metadata, (record) => ({ ...record, checksum: 'f'.repeat(64) }));
    return [['checksum_mismatch', join(metadata, '..', 'content')]];
  },
  'the metadata tells another size': ({ metadata }) => {
    edit(metadata, (record) => ({ ...record, size: 2 }));
    return [['size_mismatch', join(metadata, '..', 'content')]];
  },
  'the content and the metadata are those of another version': ({ version, artifact }) => {
    const first = join(artifact, '1');
    renameSync(join(version, 'content'), join(version, 'c'));
    renameSync(join(first, 'content'), join(version, 'content'));
    renameSync(join(version, 'c'), join(first, 'content'));
    return [
      ['checksum_mismatch', join(first, 'content')],
      ['checksum_mismatch', join(version, 'content')],
    ];
  },
  'artifact.json is empty': ({ record }) => {
    truncateSync(record, 0);
    return [['record_invalid', record]];
  },
  'artifact.json is a directory': ({ record }) => {
    unlinkSync(record);
    mkdirSync(record);
    return [['wrong_type', record]];
  },
  'a tombstone is empty': ({ tombstone }) => {
    truncateSync(tombstone, 0);
    return [['record_invalid', tombstone]];
  },
  'a tombstone is a link': ({ tombstone, repo }) => {
    renameSync(tombstone, join(repo.root, 'record'));
    symlinkSync(join(repo.root, 'record'), tombstone);
    return [['symlink', tombstone]];
  },
  'a fence has a file without an epoch beside its entry': ({ data }) => {
    writeFileSync(join(data, 'note'), 'n');
    return [['fence_damaged', data]];
  },
  'a fence has the entries of three holders who have ended': (places) => {
    heldByDead(places);
    for (const epoch of [3, 100]) mkdirSync(join(places.data, `${epoch}.${deadHolder(newSession(places.repo).holder)}`));
    return [['fence_damaged', places.data]];
  },
  'the entry of a fence has a holder that is none': ({ data, entry }) => {
    writeFileSync(join(entry, 'holder.json'), '{"command": ');
    renameSync(entry, join(data, 'x.free-000000000000'));
    return [['fence_damaged', data]];
  },
  'the run fence of a model has no entry': ({ repo, id }) => {
    const fence = repo.layout.fence({ kind: 'run', modelId: id });
    rmSync(fence, { recursive: true, force: true });
    mkdirSync(fence);
    return [['fence_damaged', fence]];
  },
  'a staging directory is a file': ({ repo }) => {
    const staging = repo.layout.staging(newSession(repo).holder);
    writeFileSync(staging, 'x');
    return [['wrong_type', staging]];
  },
  'a ticket has no time': ({ repo }) => {
    const queue = repo.layout.queue({ kind: 'global' });
    mkdirSync(queue, { recursive: true });
    const ticket = join(queue, `17-a-${newSession(repo).holder}.json`);
    writeFileSync(ticket, '{}');
    return [['unknown_entry', ticket]];
  },
  'a record of a deleted model is cut off': ({ repo }) => {
    writeDeleted(repo, UUID, { epoch: 7, definition: 'another text' });
    truncateSync(repo.layout.deletedModel(UUID), 60);
    return [['record_invalid', repo.layout.deletedModel(UUID)]];
  },
  'a record of a deleted model is a link': ({ repo }) => {
    writeDeleted(repo, UUID, { definition: 'another text' });
    renameSync(repo.layout.deletedModel(UUID), join(repo.root, 'record'));
    symlinkSync(join(repo.root, 'record'), repo.layout.deletedModel(UUID));
    return [['symlink', repo.layout.deletedModel(UUID)]];
  },
  'a record of a deleted model is a directory': ({ repo }) => {
    mkdirSync(repo.layout.deletedModel(UUID), { recursive: true });
    return [['wrong_type', repo.layout.deletedModel(UUID)]];
  },
  'a file stands where the uploads of a model belong': ({ repo, id }) => {
    rmSync(repo.layout.modelUploads(id), { recursive: true, force: true });
    mkdirSync(repo.layout.uploads, { recursive: true });
    rmSync(repo.layout.modelUploads(id), { recursive: true, force: true });
    writeFileSync(repo.layout.modelUploads(id), 'x');
    return [['wrong_type', repo.layout.modelUploads(id)]];
  },
  'a file stands where kept outputs belong': ({ repo, id }) => {
    mkdirSync(repo.layout.modelKept(id), { recursive: true });
    writeFileSync(repo.layout.keptOutputs(id, 3, 'abcdefabcdef'), 'x');
    return [['wrong_type', repo.layout.keptOutputs(id, 3, 'abcdefabcdef')]];
  },
  'kept outputs are behind a link': ({ repo }) => {
    mkdirSync(join(repo.root, 'kept'));
    symlinkSync(join(repo.root, 'kept'), repo.layout.kept);
    return [['symlink', repo.layout.kept]];
  },
  'the trash is behind a link': ({ repo }) => {
    replaceByLink(repo.layout.trashes);
    return [['symlink', repo.layout.trashes]];
  },
  'the catalog is a link': ({ repo }) => {
    rmSync(repo.layout.catalogs, { recursive: true, force: true });
    mkdirSync(join(repo.root, 'catalog'));
    symlinkSync(join(repo.root, 'catalog'), repo.layout.catalogs);
    return [['symlink', repo.layout.catalogs]];
  },
};
