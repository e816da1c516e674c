/** Named pipes, opened so that a signal still ends the command: open(2) waits for the other end, maybe for ever. */
import { closeSync, constants, open, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { isErrno } from '../errors.js';

/** Opens the pipe at `path` to read or to write it, when its other end is open. Destroy what it answers. Throws the reason of `signal`. */
export async function openPipe(path: string, mode: 'r' | 'w', signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  let both: number | undefined;
  const letGo = (): void => {
    both = openBothEnds(path);
  };
  signal.addEventListener('abort', letGo, { once: true });
  try {
    const file = await promisify(open)(path, mode);
    if (!signal.aborted) return new Socket({ fd: file, readable: mode === 'r', writable: mode === 'w' });
    closeSync(file);
    throw signal.reason;
  } finally {
    signal.removeEventListener('abort', letGo);
    if (both !== undefined) closeSync(both);
  }
}

/** Releases what waits at either end: a thread that waits there keeps the process from ending. Undefined where that is not allowed. */
function openBothEnds(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'EACCES', 'EPERM', 'EROFS', 'ENOENT')) return undefined;
    throw error;
  }
}
