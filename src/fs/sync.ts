/** Makes many files or directories durable at once: a sync for each of ten thousand takes longer than writing them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { release } from 'node:os';
import { join } from 'node:path';
import { syncDir, syncPath } from './durable.js';
import { failpoint } from './failpoints.js';

/** So many are synced one by one, and so many at a time. */
export const FEW = 64;
const AT_ONCE = 16;

/** Makes the names in all these directories of one file system durable. Those that are synced one by one are so in their order, level by level. */
export async function syncDirsTogether(levels: readonly (readonly string[])[], signal: AbortSignal): Promise<void> {
  const dirs = levels.flat();
  const [first] = dirs;
  if (first === undefined || (dirs.length > FEW && (await syncFileSystem(first, signal)))) return;
  for (const level of levels) await someAtOnce(level, syncDir, signal);
}

/**
 * Makes files of one file system durable, then the names in these directories. What was written below one of them is complete then:
 * the file system as a whole is asked where there are many.
 */
export async function syncTogether([files, dirs]: readonly [files: readonly string[], dirs: readonly string[]], signal: AbortSignal): Promise<void> {
  const [first] = dirs;
  if (first === undefined || (files.length + dirs.length > FEW && (await syncFileSystem(first, signal)))) return;
  await someAtOnce(files, syncPath, signal);
  await someAtOnce(dirs, syncDir, signal);
}

export async function someAtOnce(paths: readonly string[], sync: (path: string) => Promise<void>, signal: AbortSignal): Promise<void> {
  const queue = [...paths];
  const work = async (): Promise<void> => {
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      signal.throwIfAborted();
      await sync(path);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/**
 * syncfs(2), which Node does not offer, by `sync -f` of coreutils: one flush for all files. False where there is no such command, where
 * it fails, or where the kernel does not report what could not be written (before Linux 5.8): then each file is synced.
 */
export async function syncFileSystem(dir: string, signal: AbortSignal): Promise<boolean> {
  if (!reportsErrors()) return false;
  await failpoint('fs.sync');
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn('sync', ['-f', join(dir, '.')], { stdio: 'ignore' });
    const abort = (): void => {
      child.kill();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    const end = (done: boolean): void => {
      signal.removeEventListener('abort', abort);
      resolve(done);
    };
    child.once('error', () => end(false));
    child.once('exit', (code) => end(code === 0));
    if (signal.aborted) abort();
  });
}

function reportsErrors(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return process.platform === 'linux' && (major > 5 || (major === 5 && minor >= 8));
}
