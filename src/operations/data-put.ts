/** `data put`: stages the content without a lock, then commits it as the next version under the data fence. */
import { SwampError } from '../errors.js';
import { counted } from '../fs/counted.js';
import { checkArtifactName } from '../layout/names.js';
import type { Lease } from '../locks/lease.js';
import type { Session } from '../locks/session.js';
import { findModel, isStillDefined, type Model } from '../models/files.js';
import { withSession } from '../protocol/session.js';
import { write } from '../protocol/write.js';
import { displayPath, type Repo } from '../repo.js';
import { collectWritten } from '../store/collect.js';
import { syncCommit } from '../store/commit.js';
import { contentPathIn } from '../store/content.js';
import { isDeletedModel } from '../store/deleted.js';
import { DEFAULT_GC, DEFAULT_LIFETIME, requireLifetimes } from '../store/lifetimes.js';
import type { VersionMetadata } from '../store/metadata.js';
import { openSource, requireDemands, type SourceDemands, type SourceInput } from '../store/source.js';
import { type StagedVersion, stageVersion, type VersionFields } from '../store/stage.js';
import { type Committed, committedBefore, commitVersion, latestMetadata, latestVersion } from '../store/write.js';
import { modelCreate } from './model-create.js';
import { operation, settled } from './operation.js';

/** What a version is to be, without its content. */
export interface VersionInput {
  /** Name or id. */
  readonly model: string;
  readonly name: string;
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

export interface DataPutInput extends VersionInput, SourceDemands {
  readonly source: SourceInput;
}

export interface DataPutResult {
  readonly modelId: string;
  readonly modelName: string;
  readonly name: string;
  readonly version: number;
  readonly generation: number;
  readonly size: number;
  readonly checksum: string;
  /** The file, or the directory of the parts of a content that was written in parts. */
  readonly contentPath: string;
  readonly changed: boolean;
}

/** Of tags and content type together, as JSON: indented, as their record holds them, they may take twice as much, and a record is read up to 4 MiB, of which ten thousand parts take 1.5. */
const MAX_FIELDS_BYTES = 256 * 1024;

export interface DataPutOptions {
  readonly signal: AbortSignal;
  /** Called as the content is read: how many bytes so far. */
  readonly onProgress?: (bytes: number) => void;
}

/** Throws `conflict` (expectVersion), `model_not_found`, `name_invalid`, `usage`, `io`, `no_space`, `lock_timeout`. */
export const dataPut = operation({ verb: 'data put', access: 'writes', about: ({ model, name }) => `${model} ${name}` }, put);

async function put(repo: Repo, input: DataPutInput, options: DataPutOptions): Promise<DataPutResult> {
  checkArtifactName(input.name);
  const fields = versionFields(input, 'data put');
  const source = await openSource(input.source, options.signal);
  try {
    const model = await modelFor(repo, input, options);
    return await withSession(repo, async (session) => {
      const { onProgress } = options;
      const content = onProgress === undefined ? source.chunks : counted(source.chunks, onProgress);
      const staged = await stageVersion(session, 'v', content, fields, options);
      requireDemands(repo, source, input, staged.metadata.size);
      return write(session.repo, model.id, (writer) => commit(writer, model, input, staged, session), { session, signal: options.signal });
    });
  } finally {
    source.close();
  }
}

async function commit(writer: Lease, model: Model, input: DataPutInput, staged: StagedVersion, session: Session): Promise<DataPutResult> {
  const { repo } = session;
  requireModel(repo, model);
  const { metadata } = staged;
  const before = await committedBefore(writer, input.name, staged);
  if (before === undefined) expectVersion(() => latestVersion(writer, input.name), input);
  const unchanged = before === undefined ? await sameAsLatest(writer, input, metadata) : undefined;
  const committed = before ?? unchanged ?? (await commitVersion(writer, input.name, staged));
  if (unchanged === undefined) await collectWritten(writer, [input.name], model);
  return putResult(repo, model, { name: input.name, committed, metadata: unchanged?.metadata ?? metadata, changed: unchanged === undefined });
}

/**
 * The latest version, when its content is the same and nothing is to be written then. It is durable when this resolves: whoever wrote it may have
 * died before its sync, and "unchanged" acknowledges it.
 */
export async function sameAsLatest(
  writer: Lease,
  { name, ifChanged }: Pick<VersionInput, 'name' | 'ifChanged'>,
  { checksum, size }: Pick<VersionMetadata, 'checksum' | 'size'>,
): Promise<ReturnType<typeof latestMetadata>> {
  const latest = ifChanged === true ? latestMetadata(writer, name) : undefined;
  if (latest?.metadata.checksum !== checksum || latest.metadata.size !== size) return undefined;
  const { layout } = writer.repo;
  await syncCommit(writer, [layout.artifact(writer.modelId, name), layout.model(writer.modelId)]);
  return latest;
}

export function putResult(
  repo: Repo,
  model: Model,
  done: { readonly name: string; readonly committed: Committed; readonly metadata: VersionMetadata; readonly changed: boolean },
): DataPutResult {
  const { name, committed, metadata, changed } = done;
  const { version, generation } = committed;
  const { size, checksum } = metadata;
  const contentPath = displayPath(repo, contentPathIn(repo.layout.version(model.id, name, version), metadata));
  return { modelId: model.id, modelName: model.name, name, version, generation, size, checksum, contentPath, changed };
}

/** True while the model, which was read, is neither deleted nor removed. */
export function isThere(repo: Repo, model: Model): boolean {
  return !isDeletedModel(repo, model.id) && isStillDefined(repo, model);
}

/** D11: a write that comes after its model's delete, or after a restore that removed it, fails and leaves nothing behind. */
export function requireModel(repo: Repo, model: Model): void {
  if (isThere(repo, model)) return;
  throw new SwampError('model_not_found', `The model "${model.name}" was deleted meanwhile.`, {
    hint: 'Nothing was written. "swamp model list" shows what there is.',
    data: { model: model.name, modelId: model.id },
  });
}

/** Throws `conflict` when another version is the latest. */
export function expectVersion(latestNow: () => number, { name, expectVersion: expected }: Pick<VersionInput, 'name' | 'expectVersion'>): void {
  if (expected === undefined) return;
  const latest = latestNow();
  if (expected === latest) return;
  const there = latest === 0 ? 'it does not exist' : `its latest version is ${latest}`;
  throw new SwampError('conflict', `${JSON.stringify(name)} was expected at version ${expected}, and ${there}.`, {
    hint: 'Read it again, decide again, and put with the new number.',
    data: { name, expectedVersion: expected, actualVersion: latest },
  });
}

/** `ownerRef`: the command. Throws `usage`. */
export function versionFields(input: VersionInput, ownerRef: string): VersionFields {
  const lifetime = input.lifetime ?? DEFAULT_LIFETIME;
  const garbageCollection = input.gc ?? DEFAULT_GC;
  requireLifetimes(lifetime, garbageCollection);
  const { expectVersion: expected } = input;
  if (expected !== undefined && (!Number.isSafeInteger(expected) || expected < 0))
    throw new SwampError('usage', `--expect-version must be a whole number from 0, not ${expected}.`);
  const fields = {
    contentType: input.contentType ?? 'application/octet-stream',
    lifetime,
    garbageCollection,
    tags: { ...input.tags },
    ownerDefinition: { ownerType: 'manual', ownerRef },
  };
  requireReadable(fields);
  return fields;
}

/** What a reader would refuse must not be acknowledged: a record that is too large, or a value that is not a text. */
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

type Wanted = Pick<VersionInput, 'model' | 'name' | 'create' | 'expectVersion'>;

/** The model, made first when it is to be. Starts over by itself: the source is open by then, and a pipe gives its bytes once. Throws `model_not_found`. */
export function modelFor(repo: Repo, input: Wanted, options: { readonly signal: AbortSignal }): Promise<Model> {
  return settled(() => findOrCreate(repo, input, options), options);
}

async function findOrCreate(repo: Repo, input: Wanted, options: { readonly signal: AbortSignal }): Promise<Model> {
  try {
    return await findModel(repo, input.model);
  } catch (error) {
    if (input.create !== true || !(error instanceof SwampError) || error.code !== 'model_not_found') throw error;
  }
  // A model that does not exist has no versions: a write that must fail leaves no model behind.
  expectVersion(() => 0, input);
  try {
    await modelCreate(repo, { type: 'store', name: input.model }, options);
  } catch (error) {
    // Another process created it first: that is the model that was asked for.
    if (!(error instanceof SwampError) || error.code !== 'model_exists') throw error;
  }
  return findModel(repo, input.model);
}
