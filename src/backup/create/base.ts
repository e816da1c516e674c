/** `--base`: an earlier backup, whose contents are shared where they have the checksum that is wanted. Nothing of it is trusted: what it gives is hashed. */
import { lstatSync } from 'node:fs';
import { isErrno } from '../../errors.js';
import { removeFile } from '../../fs/durable.js';
import { Handle } from '../../fs/handle.js';
import { digest } from '../../fs/pieces.js';
import type { Repo } from '../../repo.js';
import type { VersionMetadata } from '../../store/metadata.js';
import { readChecksums } from '../checksums.js';
import { readManifest } from '../manifest.js';
import { inside, isContained, mayBeShared } from '../paths.js';
import type { Copying, Shared } from './copy.js';

export interface Base {
  readonly repo: Repo;
  readonly root: string;
  /** By checksum: the path of one content, relative to the root. */
  readonly files: ReadonlyMap<string, string>;
  /** In the order in which they are tried: a way that the file system has not is tried once. */
  readonly ways: ('clone' | 'link' | 'copy')[];
}

/** Reads which contents the backup in `root` has; `copies`: it shares nothing. Throws `backup_invalid`. */
export function readBase(repo: Repo, root: string, copies: boolean): Base {
  readManifest(root);
  const files = new Map<string, string>();
  for (const { path = '', checksum = '' } of readChecksums(root)) if (isContained(path) && mayBeShared(path)) files.set(checksum, path);
  return { repo, root, files, ways: copies ? ['copy'] : ['clone', 'link', 'copy'] };
}

/** Takes the content from the base, when it is there, whole and readable. `store`: copy it from the store; nothing is at `path`. */
export async function takeFromBase(base: Base, content: Pick<VersionMetadata, 'checksum' | 'size'>, copying: Copying, path: string): Promise<Shared> {
  const known = base.files.get(content.checksum);
  if (known === undefined) return 'store';
  const from = inside(base.root, known);
  try {
    const status = lstatSync(from, { throwIfNoEntry: false });
    if (status?.isFile() === true && status.size === content.size) {
      const how = await bring(base, { from, mode: status.mode }, copying, path);
      if ((await digest(Handle.open(path), copying)).checksum === content.checksum) return how;
    }
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'EIO', 'ENOENT')) throw error;
  }
  await removeFile(path);
  base.repo.reporter.warn(`${from} is damaged, gone, or cannot be read; its content was taken from the datastore.`, { topic: 'backup', path: from });
  return 'store';
}

/** What a file system says that cannot clone, or cannot link this file. */
const REFUSALS = ['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'EXDEV', 'EPERM', 'EMLINK', 'ENOTTY', 'EBADF'];

async function bring(
  { ways }: Base,
  { from, mode }: { readonly from: string; readonly mode: number },
  { bulk }: Copying,
  path: string,
): Promise<'copied' | 'shared'> {
  // A link has the permissions of its file; a backup's contents have those of a new file.
  const fits = (mode & 0o7777) === (0o666 & ~process.umask());
  for (const way of ways.filter((one) => one !== 'link' || fits)) {
    try {
      await bulk.bring(way, from, path);
      return way === 'copy' ? 'copied' : 'shared';
    } catch (error) {
      if (way === 'copy' || !isErrno(error, ...REFUSALS)) throw error;
      await removeFile(path);
      // Too many links of one file say nothing about the next file.
      const at = ways.indexOf(way);
      if (at >= 0 && error.code !== 'EMLINK') ways.splice(at, 1);
    }
  }
  throw new TypeError('a copy is the last way');
}
