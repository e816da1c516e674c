/** `-o FILE`: the whole content appears under that name, or nothing does. */
import { randomBytes } from 'node:crypto';
import { realpathSync, type Stats, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isErrno, SwampError } from '../errors.js';
import { descriptorNamed, writeDescriptor } from '../fs/descriptors.js';
import { removeFile, rename, syncDir, syncFile, takeBack } from '../fs/durable.js';
import { openPipe } from '../fs/pipe.js';

const STDOUT = 1;
const NEVER = new AbortController().signal;

/**
 * Writes `content` to a file beside `path` and renames it into place, keeping the mode of a file that was there. A link is
 * followed; a device, a pipe, or a descriptor that is open is written to as it is. Nothing is written below the directory `spared`: stored data changes by commits
 * alone. Throws `usage`, `io`, `no_space`.
 */
export async function writeOutputFile(
  path: string,
  content: AsyncIterable<Uint8Array>,
  { signal = NEVER, spared }: { readonly signal?: AbortSignal; readonly spared?: string } = {},
): Promise<void> {
  const there: Stats | undefined = statSync(path, { throwIfNoEntry: false });
  if (there?.isDirectory() === true) {
    throw new SwampError('io', `${path} is a directory.`, { hint: 'Name a file in it.', data: { path, errno: 'EISDIR' } });
  }
  if (there?.isFIFO() === true) return pipeline(content, await openPipe(path, 'w', signal));
  if (there !== undefined && !there.isFile() && !there.isSocket()) return writeInto(await open(path, 'w'), content);
  const descriptor = descriptorNamed(path);
  // At its end: emptying the file would take away what the other process wrote.
  if (descriptor === 'elsewhere') return writeInto(await open(path, 'a'), content);
  if (descriptor !== undefined) return writeToDescriptor(path, descriptor, content);
  const target = there === undefined ? path : realpathSync(path);
  if (spared !== undefined && isBelow(target, spared)) {
    throw new SwampError('usage', `${path} lies in the datastore.`, { hint: 'Name a file outside; data is stored with "swamp data put".', data: { path } });
  }
  const temporary = join(dirname(target), `.${beginning(basename(target))}.${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(temporary, 'wx');
    if (there !== undefined) await file.chmod(there.mode & 0o777);
    await writeInto(file, content, { sync: true });
    await rename(temporary, target);
    await syncDir(dirname(target));
  } catch (error) {
    await takeBack(() => removeFile(temporary));
    throw error;
  }
}

async function writeToDescriptor(path: string, descriptor: number, content: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await writeDescriptor(descriptor, content);
  } catch (error) {
    if (!isErrno(error, 'EBADF')) throw error;
    throw new SwampError('io', `${path} is not open for writing.`, {
      hint: `Open it in your shell: ${descriptor}>FILE`,
      data: { path, errno: 'EBADF' },
      cause: error,
    });
  }
}

/** True when the path is another name of stdout. */
export function isStdout(path: string): boolean {
  return descriptorNamed(path) === STDOUT;
}

/** So much of a name that a nonce fits beside it: a name has up to 255 bytes. */
function beginning(name: string): string {
  const bytes = Buffer.from(name).subarray(0, 200);
  return bytes.toString().replace(/\uFFFD+$/, '');
}

function isBelow(path: string, directory: string): boolean {
  return realpathSync(dirname(path))
    .concat(sep)
    .startsWith(realpathSync(directory) + sep);
}

async function writeInto(file: FileHandle, content: AsyncIterable<Uint8Array>, { sync = false } = {}): Promise<void> {
  try {
    // writeFile, unlike write, goes on after a short write.
    for await (const chunk of content) await file.writeFile(chunk);
    if (sync) await syncFile(file);
  } finally {
    await file.close();
  }
}
