/**
 * One file of a backup: a tar of its files alone, MANIFEST.json first, then CHECKSUMS, then the others as CHECKSUMS lists them,
 * compressed. The same backup gives the same tar, byte for byte: no times, no owners, two modes.
 */
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import type { Header, Pack } from 'tar-stream';
import { isErrno, SwampError } from '../errors.js';
import { filled, makeDir, NewFile, syncDir } from '../fs/durable.js';
import type { Handle } from '../fs/handle.js';
import { pieces } from '../fs/pieces.js';
import { readChecksums } from './checksums.js';
import { CHECKSUMS, CONTROL_MODE, MANIFEST, MAX_CONTROL_BYTES, MAX_MANIFEST_BYTES, MAX_SIDECAR_BYTES, type Manifest, SAVED_UPLOAD_RECORD } from './format.js';
import { finding, invalid } from './invalid.js';
import { parseManifest } from './manifest.js';
import { openRequired, textOf } from './open.js';
import { type BackupPlace, backupPlaceOf, inside, isContained } from './paths.js';
import type { Checked } from './verify/verify.js';

const CONTENT_MODE = 0o644;

export interface ArchiveOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (done: Checked, total?: number) => void;
}

/** What an archive may be compressed with, by how its name ends; `-` is gzip. */
interface Codec {
  readonly compress: () => Duplex;
  readonly expand: () => Duplex;
}

/** Throws `usage` for a name that names no compression, or one that this Node does not have. */
export function codecFor(file: string): Codec {
  if (file === '-' || /\.(tar\.gz|tgz)$/i.test(file)) return { compress: () => zlib.createGzip({ level: 6 }), expand: () => zlib.createGunzip() };
  if (!/\.tar\.zst$/i.test(file)) {
    throw new SwampError('usage', `The name ${JSON.stringify(file)} does not tell what the archive is.`, { hint: 'It ends in .tar.gz or .tar.zst.' });
  }
  const [compress, expand] = [Reflect.get(zlib, 'createZstdCompress') as unknown, Reflect.get(zlib, 'createZstdDecompress') as unknown];
  if (typeof compress === 'function' && typeof expand === 'function') return { compress: () => compress() as Duplex, expand: () => expand() as Duplex };
  throw new SwampError('usage', 'This version of Node has no Zstandard.', { hint: 'Name the file .tar.gz, or use Node 22.15 or newer.' });
}

/**
 * Gives the archive of the verified backup in `root` to `output`, piece by piece. Throws `checksum_mismatch` when a file has
 * changed since it was verified.
 */
export async function packTree(
  root: string,
  output: (bytes: Uint8Array) => Promise<void>,
  codec: Codec,
  { signal, onProgress }: ArchiveOptions,
): Promise<Checked> {
  const { pack } = await import('tar-stream');
  const archive = pack();
  const done = { files: 0, bytes: 0 };
  // The first failure is the cause: what the streams pass to one another afterwards says less.
  let cause: unknown;
  const failed = (error: unknown): never => {
    cause ??= error;
    archive.destroy();
    throw error;
  };
  const write = async (compressed: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of compressed) await output(chunk).catch(failed);
  };
  const onPiece = (bytes: number): void => {
    // Here, and not by the pipeline: its AbortError would reach the entry that is being written, which has no listener.
    signal.throwIfAborted();
    done.bytes += bytes;
    onProgress?.({ ...done });
  };
  const onFile = (): void => {
    done.files += 1;
  };
  const written = pipeline(archive as unknown as Readable, codec.compress(), write);
  const filled = fill(archive, root, { onPiece, onFile }).catch(failed);
  filled.catch(() => undefined);
  try {
    await written;
    await filled;
  } catch (error) {
    signal.throwIfAborted();
    throw cause ?? error;
  }
  return done;
}

interface Told {
  readonly onPiece: (bytes: number) => void;
  readonly onFile: () => void;
}

async function fill(archive: Pack, root: string, { onPiece, onFile }: Told): Promise<void> {
  const add = async (path: string, checksum: string | undefined): Promise<void> => {
    const opened = openRequired(root, path);
    const digest = await addFile(archive, { path, opened, onPiece }).catch((error: unknown) => {
      // One that has grown or shrunk: the archive knows no system call that failed.
      throw error instanceof Error && !('syscall' in error) && !archive.destroyed ? changed(path) : error;
    });
    if (checksum !== undefined && digest !== checksum) throw changed(path);
    onFile();
  };
  await add(MANIFEST, undefined);
  await add(CHECKSUMS, undefined);
  for (const { path, checksum } of readChecksums(root)) {
    if (path === undefined) throw invalid(finding('manifest', CHECKSUMS, 'has changed since it was verified'));
    if (path !== MANIFEST) await add(path, checksum);
  }
  archive.finalize();
}

function changed(path: string): SwampError {
  return new SwampError('checksum_mismatch', `${path} has changed since it was verified.`, {
    hint: 'Nobody may write to a backup.',
    data: { findings: [finding('altered', path, 'does not have its checksum')] },
  });
}

/** True for what follows the umask: contents, and parts of uploads. */
function isContent(path: string): boolean {
  const kind = backupPlaceOf(path)?.kind;
  return kind === 'content' || kind === 'version' || (kind === 'upload' && !path.endsWith(`/${SAVED_UPLOAD_RECORD}`));
}

/** The checksum of what went into the archive. */
async function addFile(archive: Pack, { path, opened, onPiece }: { readonly path: string; readonly opened: Handle } & Pick<Told, 'onPiece'>): Promise<string> {
  const mode = isContent(path) ? CONTENT_MODE : CONTROL_MODE;
  const header: Header = {
    name: path,
    size: opened.size,
    mode,
    mtime: new Date(0),
    type: 'file',
    linkname: '',
    uid: 0,
    gid: 0,
    uname: '',
    gname: '',
    devmajor: 0,
    devminor: 0,
  };
  const hash = createHash('sha256');
  let settle: (error?: Error | null) => void = () => undefined;
  const ended = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === null || error === undefined ? resolve() : reject(error));
  });
  // The caller that waits for it gets the failure; one that comes while a piece is written must not end the process.
  ended.catch(() => undefined);
  const sink = archive.entry(header, (error) => settle(error));
  for (const piece of pieces(opened)) {
    hash.update(piece);
    onPiece(piece.length);
    if (!sink.write(Buffer.from(piece))) await Promise.race([ended, new Promise<void>((drained) => sink.once('drain', () => drained()))]);
  }
  sink.end(null);
  await ended;
  return hash.digest('hex');
}

/** Holds what an archive gives against what its manifest says, before a byte of it is written. */
class Limits {
  readonly #seen = new Set<string>();
  #manifest: Manifest | undefined;
  #left = 0;

  set manifest(manifest: Manifest) {
    this.#manifest = manifest;
    this.#left = manifest.counts.bytes;
  }

  /** Throws `backup_invalid` for what no archive of a backup holds. */
  check({ name, type, size, linkname }: Header): void {
    const told = JSON.stringify(name);
    if (!isContained(name)) throw invalid(finding('traversal', name, 'leads outside'));
    if (type === 'symlink') throw invalid(finding('symlink', name, `is a symbolic link to ${JSON.stringify(linkname)}`));
    if (type === 'link') throw invalid(finding('hardlink', name, `is a link to ${JSON.stringify(linkname)}`));
    if (type !== 'file') throw invalid(finding('special_file', name, `is not a file, but ${type ?? 'something unknown'}`));
    const place = backupPlaceOf(name);
    if (place === undefined) throw invalid(finding('unlisted', name, 'has no place in a backup'));
    if (this.#seen.has(name)) throw invalid(finding('manifest', name, 'is there twice'));
    this.#seen.add(name);
    if (name !== MANIFEST && this.#manifest === undefined) throw invalid(finding('manifest', MANIFEST, `is not the first file of the archive, but ${told}`));
    this.#checkSize(name, place, size);
  }

  #checkSize(name: string, place: BackupPlace, size: number): void {
    const tooLarge = (limit: string): SwampError => invalid(finding('manifest', name, `has ${size} bytes, ${limit}`));
    if (place.kind === 'content' || place.kind === 'version') {
      if (size > this.#left) throw tooLarge(`more than the ${this.#manifest?.counts.bytes ?? 0} bytes of content that the manifest states leave room for`);
      this.#left -= size;
    } else if (place.kind === 'upload') {
      if (this.#manifest?.options.incompleteUploads !== true) throw invalid(finding('unlisted', name, 'is of an upload, and the manifest names none'));
    } else {
      const limit =
        place.kind === 'sidecar'
          ? MAX_SIDECAR_BYTES
          : place.kind === 'definition'
            ? MAX_CONTROL_BYTES
            : name === MANIFEST
              ? MAX_MANIFEST_BYTES
              : Number.POSITIVE_INFINITY;
      if (size > limit) throw tooLarge(`and may have ${limit}`);
    }
    const { counts } = this.#manifest ?? {};
    if (counts === undefined || counts.uploads > 0) return;
    // Two records a model, two files an artifact, one more an older version, three at the top.
    const most = 3 + 2 * (counts.models + counts.orphans) + counts.artifacts + counts.versions;
    if (this.#seen.size > most) throw invalid(finding('manifest', MANIFEST, `states at most ${most} files, and there are more`));
  }
}

/**
 * Writes what is in the archive `input`, which stays open, to the new directory `root`, every file and directory synced. What is written is for
 * `verifyTree` to judge. Throws `backup_invalid`; the caller removes `root`.
 */
export async function unpackTree(input: Handle, root: string, codec: Codec, { signal, onProgress }: ArchiveOptions): Promise<Checked> {
  const { extract } = await import('tar-stream');
  const entries = extract();
  const limits = new Limits();
  const directories = new Set(['']);
  const done = { files: 0, bytes: 0 };
  let total: number | undefined;
  const read = pipeline(input.chunks(), codec.expand(), entries as unknown as NodeJS.WritableStream, { signal });
  // What is wrong with the stream comes out of the loop as well.
  read.catch(() => undefined);
  try {
    for await (const entry of entries) {
      const { header } = entry;
      limits.check(header);
      await makeParents(root, header.name, directories);
      const file = await NewFile.create(inside(root, header.name), isContent(header.name) ? {} : { mode: CONTROL_MODE });
      const manifest: Uint8Array[] = [];
      await filled(file, async () => {
        for await (const chunk of entry) {
          await file.write(chunk as Uint8Array);
          done.bytes += (chunk as Uint8Array).length;
          onProgress?.({ ...done }, total);
          if (header.name === MANIFEST) manifest.push(chunk as Uint8Array);
        }
      });
      done.files += 1;
      if (header.name === MANIFEST) {
        const parsed = parseManifest(textOf(Buffer.concat(manifest), MANIFEST));
        limits.manifest = parsed;
        total = parsed.counts.bytes;
      }
    }
    await read;
  } catch (error) {
    signal.throwIfAborted();
    throw asInvalid(error);
  }
  for (const directory of directories) await syncDir(directory === '' ? root : inside(root, directory));
  return done;
}

async function makeParents(root: string, path: string, made: Set<string>): Promise<void> {
  const directory = dirname(path);
  if (directory === '.' || made.has(directory)) return;
  await makeParents(root, directory, made);
  await makeDir(inside(root, directory));
  made.add(directory);
}

/** What the libraries say of a damaged archive has neither a code of ours nor a system call. */
function asInvalid(error: unknown): unknown {
  if (error instanceof SwampError || !(error instanceof Error)) return error;
  if (isErrno(error, 'EEXIST', 'ENOTDIR', 'EISDIR')) return invalid(finding('manifest', error.path ?? '', 'is in the way of another file of the archive'));
  return 'syscall' in error
    ? error
    : new SwampError('backup_invalid', `This is not a whole archive of a backup: ${error.message}.`, { cause: error, data: { findings: [] } });
}
