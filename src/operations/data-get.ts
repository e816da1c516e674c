/** `data get`: no lock; one listing, metadata and content of one version. */
import type { Readable } from 'node:stream';
import { SwampError } from '../errors.js';
import { failpoint } from '../fs/failpoints.js';
import { checkArtifactName } from '../layout/names.js';
import { findModel } from '../models/files.js';
import type { Repo } from '../repo.js';
import { closeContent, digestContent, type OpenContent, partMismatch, streamContent } from '../store/content.js';
import { type OpenVersion, openVersion, resolveName, tombstoneOf, versionNotFound } from '../store/read.js';
import { dataNotFound } from '../store/remove.js';
import { readWhole } from '../store/restoring.js';
import { type DataRecord, dataRecord } from './data-record.js';

export interface DataGetInput {
  readonly model: string;
  readonly name: string;
  readonly version?: number;
  /** Reads the content once before it is given out, and throws `checksum_mismatch` when it is not what was written. */
  readonly verify?: boolean;
}

export interface DataGetResult {
  readonly record: DataRecord;
  /** The content, once; it stays readable although the version may be deleted meanwhile. Read it or destroy it. */
  openContent(): Readable;
}

/** Throws `model_not_found`, `data_not_found`, `version_not_found`, `corrupt`, `checksum_mismatch`, `incomplete_chunks`. */
export async function dataGet(repo: Repo, input: DataGetInput, options: { readonly signal?: AbortSignal } = {}): Promise<DataGetResult> {
  checkArtifactName(input.name);
  const { record, content } = await readWhole(
    repo,
    () => get(repo, input, options),
    (found) => closeContent(found.content),
  );
  return { record, openContent: () => streamContent(content, record.name, { autoClose: true, ...options }) };
}

/** Two looks: which model has the name, and what that one has. */
async function get(
  repo: Repo,
  input: DataGetInput,
  options: { readonly signal?: AbortSignal },
): Promise<{ readonly record: DataRecord; readonly content: OpenContent }> {
  const model = await findModel(repo, input.model);
  await failpoint('data-get.model-found');
  const { name, opened } = openNamed(repo, model.id, input);
  const record = dataRecord(repo, model, name, opened);
  if (input.verify === true) await verify(record, opened, options.signal);
  return { record, content: opened.content };
}

/** Opens the artifact, by its own name or by one it had before. It may be renamed or deleted between two looks. */
function openNamed(repo: Repo, modelId: string, input: DataGetInput): { readonly name: string; readonly opened: OpenVersion } {
  for (let name: string | undefined = input.name; name !== undefined; name = resolveName(repo, modelId, input.name)) {
    const opened = openVersion(repo, modelId, name, input.version);
    if (opened !== undefined) return { name, opened };
  }
  throw notFound(repo, modelId, input);
}

function notFound(repo: Repo, modelId: string, { name, version }: DataGetInput): SwampError {
  const tombstone = tombstoneOf(repo, modelId, name);
  if (tombstone !== undefined && version !== undefined && version > tombstone.floor) return versionNotFound(name, version, []);
  if (tombstone === undefined) return dataNotFound(name);
  return new SwampError('data_not_found', `${JSON.stringify(name)} was deleted at ${tombstone.deletedAt}.`, {
    hint: 'List what there is with "swamp data list".',
    data: { name, deletedAt: tombstone.deletedAt },
  });
}

/** B5: each part, and the whole; the first part that is not what was written is told. */
async function verify(record: DataRecord, { content, metadata }: OpenVersion, signal: AbortSignal | undefined): Promise<void> {
  const { size, checksum, parts } = await digestContent(content, record.name, signal === undefined ? {} : { signal }).catch((error: unknown) => {
    closeContent(content);
    throw error;
  });
  if (checksum === record.checksum && size === record.size) return;
  closeContent(content);
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
