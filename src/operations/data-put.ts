/** `data put`: stages the content without a lock, then commits it as the next version under the data fence. */
import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { SwampError } from '../errors.js';
import { openPipe } from '../fs/pipe.js';
import { checkArtifactName } from '../layout/names.js';
import type { Session } from '../locks/session.js';
import { isDeletedModel } from '../models/definition-file.js';
import { findModel, type Model } from '../models/files.js';
import { withSession } from '../protocol/session.js';
import { type Writer, write } from '../protocol/write.js';
import { displayPath, type Repo, requireWritable, underName } from '../repo.js';
import { DEFAULT_GC, DEFAULT_LIFETIME, parseGc, parseLifetime } from '../store/lifetimes.js';
import { type Source, type StagedVersion, stageVersion, type VersionFields } from '../store/stage.js';
import { committedBefore, commitVersion, latestMetadata, latestVersion } from '../store/write.js';
import { modelCreate } from './model-create.js';

export interface DataPutInput {
  /** Name or id. */
  readonly model: string;
  readonly name: string;
  readonly source: Source | { readonly file: string };
  readonly contentType?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly lifetime?: string;
  readonly gc?: string;
  /** Compare-and-swap: the latest version must have this number; 0: there must be none. */
  readonly expectVersion?: number;
  /** Writes nothing when the content equals the latest. */
  readonly ifChanged?: boolean;
  /** Makes a `store` model of that name when there is none. */
  readonly create?: boolean;
}

export interface DataPutResult {
  readonly modelId: string;
  readonly modelName: string;
  readonly name: string;
  readonly version: number;
  readonly generation: number;
  readonly size: number;
  readonly checksum: string;
  readonly contentPath: string;
  readonly changed: boolean;
}

/** Of tags and content type together, as JSON: indented, as their record holds them, they may take twice as much, and a record is read up to 1 MiB. */
const MAX_FIELDS_BYTES = 256 * 1024;

/** Throws `conflict` (expectVersion), `model_not_found`, `name_invalid`, `usage`, `io`, `no_space`, `lock_timeout`. */
export async function dataPut(repo: Repo, input: DataPutInput, options: { readonly signal: AbortSignal }): Promise<DataPutResult> {
  requireWritable(repo);
  checkArtifactName(input.name);
  const fields = versionFields(input);
  const source = await openSource(input.source, options.signal);
  try {
    const model = await modelFor(repo, input, options);
    return await withSession(underName(repo, `data put ${model.name} ${input.name}`), async (session) => {
      const staged = await stageVersion(session, 'v', source.chunks, fields, options);
      return write(session.repo, model.id, (writer) => commit(writer, model, input, staged, session), { session, signal: options.signal });
    });
  } finally {
    await source.close();
  }
}

async function commit(writer: Writer, model: Model, input: DataPutInput, staged: StagedVersion, session: Session): Promise<DataPutResult> {
  const { repo } = session;
  requireModel(repo, model);
  const { size, checksum } = staged.metadata;
  const before = await committedBefore(writer, input.name, staged);
  if (before === undefined) expectVersion(latestVersion(writer, input.name), input);
  const latest = input.ifChanged === true && before === undefined ? latestMetadata(writer, input.name) : undefined;
  const unchanged = latest !== undefined && latest.metadata.checksum === checksum && latest.metadata.size === size;
  const { version, generation } = before ?? (unchanged ? latest : await commitVersion(writer, input.name, staged));
  const contentPath = displayPath(repo, `${repo.layout.version(model.id, input.name, version)}/content`);
  return { modelId: model.id, modelName: model.name, name: input.name, version, generation, size, checksum, contentPath, changed: !unchanged };
}

/** D11: a write that comes after its model's delete fails and leaves nothing behind. */
export function requireModel(repo: Repo, model: Model): void {
  if (!isDeletedModel(repo, model.id)) return;
  throw new SwampError('model_not_found', `The model "${model.name}" was deleted meanwhile.`, {
    hint: 'Nothing was written. "swamp model list" shows what there is.',
    data: { model: model.name, modelId: model.id },
  });
}

function expectVersion(latest: number, { name, expectVersion: expected }: DataPutInput): void {
  if (expected === undefined || expected === latest) return;
  const there = latest === 0 ? 'it does not exist' : `its latest version is ${latest}`;
  throw new SwampError('conflict', `${JSON.stringify(name)} was expected at version ${expected}, and ${there}.`, {
    hint: 'Read it again, decide again, and put with the new number.',
    data: { name, expectedVersion: expected, actualVersion: latest },
  });
}

function versionFields(input: DataPutInput): VersionFields {
  const lifetime = input.lifetime ?? DEFAULT_LIFETIME;
  const garbageCollection = input.gc ?? DEFAULT_GC;
  parseLifetime(lifetime);
  parseGc(garbageCollection);
  const { expectVersion: expected } = input;
  if (expected !== undefined && (!Number.isSafeInteger(expected) || expected < 0))
    throw new SwampError('usage', `--expect-version must be a whole number from 0, not ${expected}.`);
  const fields = {
    contentType: input.contentType ?? 'application/octet-stream',
    lifetime,
    garbageCollection,
    tags: { ...input.tags },
    ownerDefinition: { ownerType: 'manual', ownerRef: 'data put' },
  };
  requireReadable(fields);
  return fields;
}

/** What a reader would refuse must not be acknowledged: a record that is too large, or a value that is no text. */
function requireReadable({ contentType, tags }: VersionFields): void {
  if ([contentType, ...Object.values(tags)].some((value) => typeof value !== 'string'))
    throw new SwampError('usage', 'Tags and content type must be texts.', { hint: 'Write numbers in quotes.' });
  const bytes = Buffer.byteLength(JSON.stringify({ contentType, tags }));
  if (bytes <= MAX_FIELDS_BYTES) return;
  throw new SwampError('usage', `Tags and content type take ${bytes} bytes; ${MAX_FIELDS_BYTES} is the most.`, {
    hint: 'Store what is long as content.',
    data: { bytes, most: MAX_FIELDS_BYTES },
  });
}

async function modelFor(repo: Repo, input: DataPutInput, options: { readonly signal: AbortSignal }): Promise<Model> {
  try {
    return await findModel(repo, input.model);
  } catch (error) {
    if (input.create !== true || !(error instanceof SwampError) || error.code !== 'model_not_found') throw error;
  }
  try {
    await modelCreate(repo, { type: 'store', name: input.model }, options);
  } catch (error) {
    // Somebody else created it first: that is the model that was asked for.
    if (!(error instanceof SwampError) || error.code !== 'model_exists') throw error;
  }
  return findModel(repo, input.model);
}

/** A file is opened before anything is created, so that one that cannot be read leaves no trace. */
async function openSource(source: DataPutInput['source'], signal: AbortSignal): Promise<{ readonly chunks: Source; close(): Promise<void> }> {
  if (!('file' in source)) return { chunks: source, close: async () => {} };
  if (statSync(source.file, { throwIfNoEntry: false })?.isFIFO() === true) {
    const pipe = await openPipe(source.file, 'r', signal);
    return { chunks: pipe, close: async () => void pipe.destroy() };
  }
  const file = await open(source.file, 'r');
  if ((await file.stat()).isDirectory()) {
    await file.close();
    throw new SwampError('io', `${source.file} is a directory.`, {
      hint: 'Name a file, or leave it out and pipe the content in.',
      data: { path: source.file, errno: 'EISDIR' },
    });
  }
  return { chunks: file.createReadStream({ autoClose: false, highWaterMark: 256 * 1024 }), close: () => file.close() };
}
