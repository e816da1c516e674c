/** Reads what was listed, wherever it is now, and writes it into the scratch: streamed, hashed on the way, compared with what was recorded (B5, B6). */
import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SwampError } from '../../errors.js';
import type { Bulk } from '../../fs/bulk.js';
import type { Handle } from '../../fs/handle.js';
import { type Digest, pour, type Reading } from '../../fs/pieces.js';
import { listStore, readDir, readText } from '../../fs/tree.js';
import { CONTENT, METADATA, PARTS } from '../../layout/layout.js';
import { openPiece } from '../../store/content.js';
import { METADATA_RECORD, type Part, parseAs, readVersionMetadata, type VersionMetadata } from '../../store/metadata.js';
import { partNumber, sumOf } from '../../store/uploads/parts.js';
import { SUMS } from '../../store/uploads/place.js';
import { damaged, type ListedArtifact, type ListedUpload, type ListedVersion } from './listed.js';
import { type Listed, type Locating, openListed } from './locate.js';

export interface Copying extends Reading {
  readonly locating: Locating;
  readonly bulk: Bulk;
  /** Takes a content from an earlier backup, where that has it. */
  readonly fromBase: FromBase | undefined;
  /** Called when the record of a version was read, before its content is: how many bytes that has. */
  readonly onVersion: (bytes: number) => void;
}

/** Where a content came from: written anew from the store, copied from the base, or shared with it, which takes no space. */
export type Shared = 'store' | 'copied' | 'shared';

/** `store`: nothing is at `path`. */
export type FromBase = (content: Pick<VersionMetadata, 'checksum' | 'size'>, copying: Copying, path: string) => Promise<Shared>;

export interface Copied {
  readonly metadata: VersionMetadata;
  readonly from: Shared;
}

/** Which version of what: for errors, and for finding it. */
export interface CopySource {
  readonly modelId: string;
  readonly artifact: ListedArtifact;
  readonly listed: ListedVersion;
}

/** Copies one version to `path`. Throws `checksum_mismatch`, `incomplete_chunks`, `corrupt`, `no_space`, `io`; what is at `path` is then of no use. */
export async function copyVersion(copying: Copying, source: CopySource, path: string): Promise<Copied> {
  const { artifact, listed } = source;
  const place: Listed = {
    modelId: source.modelId,
    dir: join(artifact.dir, String(listed.version)),
    identity: listed.identity,
    inside: { identity: artifact.identity, name: String(listed.version) },
  };
  const opened = openListed(copying.locating, place, (dir) => openVersion(dir, artifact.name), closeOpened);
  if (opened === undefined) throw damaged(place.dir, `${METADATA} or ${CONTENT} is missing`);
  const { metadata } = opened;
  copying.onVersion(metadata.size);
  try {
    const from = (await copying.fromBase?.(metadata, copying, path)) ?? 'store';
    if (from !== 'store') return { metadata, from };
    const found =
      opened.file === undefined ? await copyParts(copying, source, place, metadata, path) : await copyFile(copying, opened.file, metadata.size, path);
    if (found.checksum !== metadata.checksum || found.size !== metadata.size) throw mismatch(source, metadata, found);
    return { metadata, from };
  } finally {
    closeOpened(opened);
  }
}

interface Opened {
  readonly metadata: VersionMetadata;
  /** Of a content that is one file. */
  readonly file: Handle | undefined;
}

function closeOpened({ file }: Opened): void {
  file?.close();
}

function openVersion(dir: string, name: string): Opened | undefined {
  const text = readText(join(dir, METADATA));
  if (text === undefined) return undefined;
  const metadata = parseAs(METADATA_RECORD, text, join(dir, METADATA));
  if (metadata.parts !== undefined) return { metadata, file: undefined };
  const file = openPiece({ path: join(dir, CONTENT), part: undefined }, name);
  return file === undefined ? undefined : { metadata, file };
}

/** What is shorter or longer than was written is not copied before it is refused. */
async function copyFile(copying: Copying, file: Handle, recorded: number, path: string): Promise<Digest> {
  return file.size === recorded ? copying.bulk.copy(path, file, copying) : { size: file.size, checksum: '' };
}

/** B5, B6: exactly those that the version declares, in their order; each is opened when its turn comes. */
async function copyParts(copying: Copying, source: CopySource, place: Listed, metadata: VersionMetadata, path: string): Promise<Digest> {
  const { name } = source.artifact;
  const declared = metadata.parts ?? [];
  const names = openListed(copying.locating, place, (dir) => listStore(join(dir, PARTS))) ?? [];
  const present = new Set(names);
  const missing = declared.find(({ number }) => !present.has(String(number)));
  // What no part is called is a stray, as beside the files of a version.
  const extra = names.find((one) => partNumber(one) !== undefined && !declared.some(({ number }) => String(number) === one));
  if (missing !== undefined) throw incomplete(source, `part ${missing.number} is missing`, missing.number);
  if (extra !== undefined) throw incomplete(source, `part ${extra} does not belong to it`, extra, WHOLE);
  if (declared.reduce((sum, { size }) => sum + size, 0) !== metadata.size)
    throw incomplete(source, `its parts have not the ${metadata.size} bytes that it has`);
  const whole = createHash('sha256');
  const size = await copying.bulk.stream(path, async (sink) => {
    let total = 0;
    for (const part of declared) total += await copyPart(copying, source, { place, part, name }, sink, whole);
    return total;
  });
  return { size, checksum: whole.digest('hex') };
}

async function copyPart(
  copying: Copying,
  source: CopySource,
  { place, part, name }: { readonly place: Listed; readonly part: Part; readonly name: string },
  sink: FileHandle,
  whole: Hash,
): Promise<number> {
  const file = openListed(copying.locating, place, (dir) => openPiece({ path: join(dir, PARTS, String(part.number)), part }, name), close);
  if (file === undefined) throw incomplete(source, `part ${part.number} is missing`, part.number);
  try {
    const own = createHash('sha256');
    const size = await pour(file, sink, { ...copying, hashes: [whole, own] });
    const checksum = own.digest('hex');
    if (checksum === part.checksum && size === part.size) return size;
    throw mismatch(source, part, { size, checksum }, part.number);
  } finally {
    file.close();
  }
}

function close(file: Handle): void {
  file.close();
}

/**
 * Copies the parts of an unfinished upload; each must be what was sent. `pathOf` says where a part goes. The upload may have
 * been completed or aborted since it was listed. The digests, by number of the part.
 */
export async function copyUpload(
  copying: Copying,
  modelId: string,
  upload: ListedUpload,
  pathOf: (number: number) => string,
): Promise<ReadonlyMap<number, string>> {
  const place: Listed = { modelId, dir: join(upload.dir, PARTS), identity: upload.identity, deep: true };
  const { name } = upload.record;
  const digests = new Map<number, string>();
  for (const number of upload.parts.flatMap((one) => partNumber(one) ?? []).sort((a, b) => a - b)) {
    const file = openListed(copying.locating, place, (dir) => openPiece({ path: join(dir, String(number)), part: undefined }, name), close);
    if (file === undefined) throw damaged(place.dir, `part ${number} went away`);
    try {
      const { size, checksum } = await copying.bulk.copy(pathOf(number), file, copying);
      const sum = sumOf({ number, size, checksum });
      const known = upload.sums.includes(sum) || openListed(copying.locating, place, sumsBeside)?.includes(sum);
      if (known !== true) throw notSent(upload, number, checksum);
      digests.set(number, checksum);
    } finally {
      file.close();
    }
  }
  return digests;
}

/** What the parts in `dir` are, as recorded beside them: by the upload, or by the version that it has become. */
function sumsBeside(dir: string): string[] {
  const declared = readVersionMetadata(join(dirname(dir), METADATA))?.parts ?? [];
  return [...(readDir(join(dirname(dir), SUMS)) ?? []), ...declared.map(sumOf)];
}

function notSent({ id, record: { name } }: ListedUpload, part: number, actual: string): SwampError {
  return new SwampError('checksum_mismatch', `Part ${part} of the unfinished upload ${id} of ${JSON.stringify(name)} is not what was sent.`, {
    hint: 'Send the part again, or leave out --include-incomplete-uploads. Nothing was written.',
    data: { name, part, uploadId: id, actual },
  });
}

/** Where all of the content is there, no hint says to delete it. */
const WHOLE = 'Nothing was written. The declared parts are all there: "swamp datastore check --repair" sets the other one aside.';
const HINT = 'Nothing was written. Delete this version, or restore it from an earlier backup; "swamp datastore check" lists all damage.';

function mismatch({ modelId, artifact, listed }: CopySource, recorded: Digest, found: Digest, part?: number): SwampError {
  const what = `${part === undefined ? 'Version' : `Part ${part} of version`} ${listed.version} of ${JSON.stringify(artifact.name)} (model ${modelId})`;
  const bytes = found.size === recorded.size ? `SHA-256 ${found.checksum}, recorded ${recorded.checksum}` : `${found.size} bytes, recorded ${recorded.size}`;
  return new SwampError('checksum_mismatch', `${what} is not what was written: it has ${bytes}.`, {
    hint: HINT,
    data: {
      modelId,
      name: artifact.name,
      version: listed.version,
      ...(part === undefined ? {} : { part }),
      expected: recorded.checksum,
      actual: found.checksum,
    },
  });
}

function incomplete({ modelId, artifact, listed }: CopySource, why: string, part?: number | string, hint: string = HINT): SwampError {
  return new SwampError('incomplete_chunks', `Version ${listed.version} of ${JSON.stringify(artifact.name)} (model ${modelId}) is not complete: ${why}.`, {
    hint,
    data: { modelId, name: artifact.name, version: listed.version, ...(part === undefined ? {} : { part }) },
  });
}
