/** `backup unpack`: the backup in an archive, verified before it appears. */
import { constants } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { codecFor, unpackTree } from '../backup/archive.js';
import { inTheWay, parentOf, requireFree } from '../backup/create/target.js';
import { resolveNamed } from '../backup/directory.js';
import { reclaimScratch, removeScratch, scratchFor } from '../backup/scratch.js';
import { isErrno, SwampError } from '../errors.js';
import { makeDir, rename, syncDir, takeBack } from '../fs/durable.js';
import { Handle } from '../fs/handle.js';
import { type PackOptions, verifying } from './backup-pack.js';
import { requireWholeBackup } from './backup-verify.js';

export interface BackupUnpackResult {
  /** Absolute. */
  readonly file: string;
  readonly dir: string;
  readonly files: number;
  readonly bytes: number;
  readonly createdAt: string | null;
}

/** `dir` must not exist, or be empty; it appears by one rename. Throws `backup_invalid`, `checksum_mismatch`, `conflict`, `usage`, `io`. */
export async function backupUnpack(input: { readonly file: string; readonly dir: string }, options: PackOptions): Promise<BackupUnpackResult> {
  const codec = codecFor(input.file);
  const file = resolve(input.file);
  const dir = resolveNamed(input.dir);
  // Looked at for the error alone: `dir` is shown as it was named.
  parentOf(dir);
  requireFree(dir);
  await reclaimScratch(dirname(dir), options.reporter.warn);
  const scratch = scratchFor(dir);
  try {
    await makeDir(scratch);
    const archive = openArchive(file);
    const { files, bytes } = await unpackTree(archive, scratch, codec, options).finally(() => archive.close());
    const { createdAt } = await requireWholeBackup(scratch, verifying(options));
    options.signal.throwIfAborted();
    await publish(scratch, dir);
    return { file, dir, files, bytes, createdAt };
  } catch (error) {
    await takeBack(() => removeScratch(scratch));
    throw told(error, { file, scratch });
  }
}

async function publish(scratch: string, dir: string): Promise<void> {
  try {
    await rename(scratch, dir);
  } catch (error) {
    throw isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR') ? inTheWay(dir, 'appeared while the archive was unpacked') : error;
  }
  await syncDir(dirname(dir));
}

/** A link is followed: the person named it. What is not a file is not waited for. */
function openArchive(file: string): Handle {
  const archive = Handle.open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  if (archive.status.isFile()) return archive;
  archive.close();
  throw new SwampError('io', `${file} is not a regular file.`, { hint: 'Name an archive that "swamp backup pack" has made.', data: { path: file } });
}

/** An error of the archive names the file that the person named, not scratch that is gone. */
function told(error: unknown, { file, scratch }: { readonly file: string; readonly scratch: string }): unknown {
  if (!(error instanceof SwampError) || !['backup_invalid', 'checksum_mismatch'].includes(error.code)) return error;
  return new SwampError(error.code, `${file}: ${error.message.replace(`${scratch} is not a whole backup: `, '')}`, {
    hint: 'Nothing was unpacked. Take another copy of the archive.',
    data: { file, findings: error.data['findings'] ?? [] },
    cause: error,
  });
}
