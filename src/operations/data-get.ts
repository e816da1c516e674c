/** `data get`: no lock; a few looks for the latest version, then its metadata and content. */
import { SwampError } from '../errors.js';
import { failpoint } from '../fs/failpoints.js';
import { checkArtifactName } from '../layout/names.js';
import { findModel, type Model } from '../models/files.js';
import type { Repo } from '../repo.js';
import { closeContent, digestContent, type OpenContent, partMismatch } from '../store/content.js';
import { type FoundVersion, findVersion, type OpenVersion, openVersion, resolveName, tombstoneOf, versionNotFound } from '../store/read.js';
import { absentData } from './absent-data.js';
import { type DataRecord, dataRecord } from './data-record.js';
import { operation } from './operation.js';

export interface DataGetInput {
  readonly model: string;
  readonly name: string;
  readonly version?: number;
  /** Reads the content once before anything is answered, and throws `checksum_mismatch` when it is not what was written. */
  readonly verify?: boolean;
}

/** A version whose content is open: it stays readable although the version may be deleted meanwhile. */
export interface OpenData {
  readonly record: DataRecord;
  /** The caller's to close with `closeContent`. */
  readonly content: OpenContent;
}

/** A content up to this size may be asked for in one piece; a text of 512 MiB is more than Node can hold. Bytes. */
const MAX_IN_MEMORY = 64 * 1024 * 1024;

/** `hint`: the way for what is larger. Throws `usage`. */
export function requireInMemory({ name, size }: DataRecord, hint: string): void {
  if (size <= MAX_IN_MEMORY) return;
  throw new SwampError('usage', `${JSON.stringify(name)} has ${size} bytes, and ${MAX_IN_MEMORY} is the most that is given out in one piece.`, {
    hint,
    data: { name, size, most: MAX_IN_MEMORY },
  });
}

/** Throws `model_not_found`, `data_not_found`, `version_not_found`, `corrupt`, `checksum_mismatch`, `incomplete_chunks`. */
export const dataGet = operation({ verb: 'data get', access: 'reads', discard }, async (repo: Repo, input: DataGetInput, options: DataGetOptions = {}) =>
  open(repo, { ...input, model: await modelOf(repo, input) }, options),
);

/** `dataGet` of a model that was looked up already: of two definitions of one id, the one that was asked for. */
export const dataGetOf = operation({ verb: 'data get', access: 'reads', discard }, open);

/** What is known of a version; nothing is left open. Throws as `dataGet`. */
export const dataGetRecord = operation(
  { verb: 'data get', access: 'reads' },
  async (repo: Repo, input: DataGetInput, options: DataGetOptions = {}) => (await findRecord(repo, input, options)).record,
);

/** The version, and the model that has it. Nothing is left open. */
export async function findRecord(repo: Repo, input: DataGetInput, options: DataGetOptions): Promise<{ readonly model: Model; readonly record: DataRecord }> {
  const model = await modelOf(repo, input);
  if (input.verify === true) {
    const opened = await open(repo, { ...input, model }, options);
    discard(opened);
    return { model, record: opened.record };
  }
  const { name, found } = await named(repo, model, input, (current) => findVersion(repo, model.id, current, input.version));
  return { model, record: dataRecord(repo, model, name, found) };
}

interface Cancel {
  readonly signal?: AbortSignal;
}

export interface DataGetOptions extends Cancel {
  /** Called while the content is verified: what was read so far, and how many bytes there are. */
  readonly onProgress?: (read: { readonly bytes: number }, size: number) => void;
}

function discard({ content }: OpenData): void {
  closeContent(content);
}

async function modelOf(repo: Repo, input: DataGetInput): Promise<Model> {
  checkArtifactName(input.name);
  const model = await findModel(repo, input.model);
  await failpoint('data-get.model-found');
  return model;
}

async function open(repo: Repo, input: Omit<DataGetInput, 'model'> & { readonly model: Model }, options: DataGetOptions = {}): Promise<OpenData> {
  const { model } = input;
  const { name, found } = await named(repo, model, input, (current) => openVersion(repo, model.id, current, input.version));
  const { content } = found;
  try {
    const record = dataRecord(repo, model, name, found);
    if (input.verify === true) await verify(record, found, options);
    return { record, content };
  } catch (error) {
    closeContent(content);
    throw error;
  }
}

/** Looks under the artifact's own name, then under those it went on as. It may be renamed or deleted between two looks. */
async function named<T extends FoundVersion>(
  repo: Repo,
  model: Model,
  input: Pick<DataGetInput, 'name' | 'version'>,
  look: (name: string) => T | undefined,
): Promise<{ readonly name: string; readonly found: T }> {
  for (let name: string | undefined = input.name; name !== undefined; name = await resolveName(repo, model.id, input.name)) {
    const found = look(name);
    if (found !== undefined) return { name, found };
  }
  throw notFound(repo, model, input);
}

function notFound(repo: Repo, model: Model, { name, version }: Pick<DataGetInput, 'name' | 'version'>): SwampError {
  const tombstone = tombstoneOf(repo, model.id, name);
  if (tombstone !== undefined && version !== undefined && version > tombstone.floor) return versionNotFound(name, version, 0);
  if (tombstone === undefined) return absentData(repo, model, name);
  return new SwampError('data_not_found', `${JSON.stringify(name)} was deleted at ${tombstone.deletedAt}.`, {
    hint: 'List what there is with "swamp data list".',
    data: { name, deletedAt: tombstone.deletedAt },
  });
}

/** B5: each part, and the whole; the first part that is not what was written is named. */
async function verify(record: DataRecord, { content, metadata }: OpenVersion, { signal, onProgress }: DataGetOptions): Promise<void> {
  const onBytes = (bytes: number): void => onProgress?.({ bytes }, record.size);
  const { size, checksum, parts } = await digestContent(content, record.name, { signal, onBytes });
  if (checksum === record.checksum && size === record.size) return;
  const altered = metadata.parts?.find((part, i) => part.checksum !== parts[i]);
  if (altered !== undefined) {
    const [path, found] = [`${record.contentPath}/${altered.number}`, parts[altered.number - 1] ?? ''];
    throw partMismatch({ name: record.name, path, part: altered.number, found: `SHA-256 ${found}`, expected: altered.checksum });
  }
  throw new SwampError(
    'checksum_mismatch',
    `${record.contentPath} is not what was written: ${size} bytes with SHA-256 ${checksum}, recorded ${record.size} bytes with ${record.checksum}.`,
    {
      hint: 'Restore it from a backup, or delete this version; "swamp datastore check" lists all damage.',
      data: { path: record.contentPath, expected: record.checksum, actual: checksum },
    },
  );
}
