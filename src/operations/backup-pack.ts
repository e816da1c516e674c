/** `backup pack`: one file of a backup, for carrying it about; the same backup gives the same archive. */

import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { type ArchiveOptions, codecFor, packTree } from '../backup/archive.js';
import { requireBackupDirectory } from '../backup/directory.js';
import { reclaimScratch, removeScratch, scratchFor } from '../backup/scratch.js';
import type { VerifyOptions } from '../backup/verify/verify.js';
import { isErrno, SwampError } from '../errors.js';
import { filled, NewFile, publishFile, takeBack } from '../fs/durable.js';
import { exists } from '../fs/tree.js';
import type { Reporter } from '../repo.js';
import { requireWholeBackup } from './backup-verify.js';

export interface BackupPackResult {
  readonly dir: string;
  /** Absolute. */
  readonly file: string;
  readonly files: number;
  /** In the archive, and of the archive. */
  readonly bytes: number;
  readonly size: number;
}

export interface PackOptions extends ArchiveOptions {
  readonly reporter: Reporter;
  /** How far the backup is verified. */
  readonly onVerify?: NonNullable<VerifyOptions['onProgress']>;
}

/** Verifies first. `file` must not exist, and appears whole or not at all. Throws `backup_invalid`, `checksum_mismatch`, `conflict`, `usage`, `io`. */
export async function backupPack(input: { readonly dir: string; readonly file: string }, options: PackOptions): Promise<BackupPackResult> {
  const codec = codecFor(input.file);
  const dir = requireBackupDirectory(input.dir);
  const file = resolve(input.file);
  if (exists(file)) throw inTheWay(file);
  const parent = realpathSync(dirname(file));
  if (`${join(parent, basename(file))}${sep}`.startsWith(realpathSync(dir) + sep)) {
    throw new SwampError('usage', `${file} would stand in the backup itself.`, { hint: 'Name a file elsewhere.', data: { dir, file } });
  }
  const { checked } = await requireWholeBackup(dir, verifying(options));
  await reclaimScratch(parent, options.reporter.warn);
  const scratch = scratchFor(file);
  try {
    const output = await NewFile.create(scratch);
    const { files, bytes } = await filled(output, () => packTree(dir, (piece) => output.write(piece), codec, packing(options, checked.bytes)));
    options.signal.throwIfAborted();
    await publishFile(scratch, file);
    return { dir, file, files, bytes, size: statSync(file).size };
  } catch (error) {
    await takeBack(() => removeScratch(scratch));
    throw isErrno(error, 'EEXIST') ? inTheWay(file) : error;
  }
}

/** The archive, compressed with gzip, given to `output` piece by piece. Verifies first. Throws `backup_invalid`, `checksum_mismatch`, `io`. */
export async function backupPackTo(
  input: { readonly dir: string },
  output: (bytes: Uint8Array) => Promise<void>,
  options: Omit<PackOptions, 'reporter'>,
): Promise<void> {
  const { dir, checked } = await requireWholeBackup(input.dir, verifying(options));
  await packTree(dir, output, codecFor('-'), packing(options, checked.bytes));
}

/** The options of packing `total` bytes. */
function packing({ signal, onProgress }: ArchiveOptions, total: number): ArchiveOptions {
  return { signal, onProgress: (done) => onProgress?.(done, total) };
}

/** The options of what is verified on the way. */
export function verifying({ signal, onVerify }: Pick<PackOptions, 'signal' | 'onVerify'>): VerifyOptions {
  return { signal, ...(onVerify === undefined ? {} : { onProgress: onVerify }) };
}

function inTheWay(path: string): SwampError {
  return new SwampError('conflict', `${path} exists.`, { hint: 'Name something that does not exist yet, or remove it first.', data: { path } });
}
