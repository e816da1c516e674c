/** `--base`: an earlier backup, whose files are cloned where they have the checksum that is wanted. Nothing of it is trusted: what it gives is hashed. */
import { createHash } from 'node:crypto';
import { lstatSync, readFileSync } from 'node:fs';
import { isErrno } from '../errors.js';
import { removeFile } from '../fs/durable.js';
import { Handle } from '../fs/handle.js';
import type { Repo } from '../repo.js';
import type { VersionMetadata } from '../store/metadata.js';
import { parseChecksumLine } from './checksums.js';
import { type Copying, digestFile, type Reuse } from './copy.js';
import { CHECKSUMS, MAX_LINE_BYTES } from './format.js';
import { finding, invalid } from './invalid.js';
import { readManifest } from './manifest.js';
import { linesOf, openPlain, SMALL } from './open.js';
import { inside, isContained, placeOf } from './paths.js';

export class Base implements Reuse {
  readonly #repo: Repo;
  readonly #root: string;
  /** By checksum: the path of one content, relative to the root. */
  readonly #files: ReadonlyMap<string, string>;

  /** Reads which contents the backup in `root` has. Throws `backup_invalid`. */
  constructor(repo: Repo, root: string) {
    this.#repo = repo;
    this.#root = root;
    readManifest(root);
    const opened = openPlain(root, CHECKSUMS);
    if (opened === undefined) throw invalid(finding('manifest', CHECKSUMS, 'is missing'));
    const files = new Map<string, string>();
    for (const line of linesOf(opened, CHECKSUMS, MAX_LINE_BYTES)) {
      const { path = '', checksum = '' } = parseChecksumLine(line) ?? {};
      const kind = isContained(path) ? placeOf(path)?.kind : undefined;
      if (kind === 'content' || kind === 'version') files.set(checksum, path);
    }
    this.#files = files;
  }

  /** Takes the content from here, when it is here, whole and readable. False: it is to be copied from the store, and nothing stands at `path`. */
  async reuse(content: Pick<VersionMetadata, 'checksum' | 'size'>, copying: Copying, path: string): Promise<boolean> {
    const known = this.#files.get(content.checksum);
    if (known === undefined) return false;
    const from = inside(this.#root, known);
    try {
      if (await this.#take(from, content, copying, path)) return true;
    } catch (error) {
      if (!isErrno(error, 'EACCES', 'EPERM', 'EIO', 'ENOENT')) throw error;
    }
    await removeFile(path);
    this.#repo.reporter.warn(`${from} is damaged, gone, or cannot be read; its content was taken from the datastore.`);
    return false;
  }

  /** False: what stands at `path`, if anything, is not the content. */
  async #take(from: string, { checksum, size }: Pick<VersionMetadata, 'checksum' | 'size'>, copying: Copying, path: string): Promise<boolean> {
    const status = lstatSync(from, { throwIfNoEntry: false });
    if (status?.isFile() !== true || status.size !== size) return false;
    if (size <= SMALL) {
      const bytes = readFileSync(from);
      if (createHash('sha256').update(bytes).digest('hex') !== checksum) return false;
      await copying.bulk.write(path, bytes);
      copying.onBytes(bytes.length);
      return true;
    }
    await copying.bulk.clone(from, path);
    const file = Handle.open(path);
    try {
      return (await digestFile(copying, file)).checksum === checksum;
    } finally {
      file.close();
    }
  }
}
