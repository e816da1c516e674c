/** What no other account can have written: files and directories whose content is believed as if it were part of the program. */
import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync, type Stats, statSync } from 'node:fs';

/** Undefined for what another account wrote, or could have written, and for what has more than `limit` bytes. */
export function readPrivate(path: string, limit: number): Buffer | undefined {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const status = fstatSync(file);
    return status.isFile() && isOwn(status) && (status.mode & 0o077) === 0 && status.size <= limit ? readFileSync(file) : undefined;
  } finally {
    closeSync(file);
  }
}

function isOwn({ uid }: Stats): boolean {
  return uid === process.geteuid?.();
}

/** True when the directory is this account's, and neither it nor one above it can be written to, or exchanged, by another one (but root). */
export function isPrivate(dir: string): boolean {
  const real = realpathSync.native(dir);
  const own = statSync(real);
  if (!isOwn(own) || (own.mode & 0o022) !== 0) return false;
  for (let end = real.lastIndexOf('/'); end >= 0; end = real.lastIndexOf('/', end - 1)) {
    const status = statSync(real.slice(0, end) || '/');
    const { uid, mode } = status;
    // In a sticky directory, such as /tmp, an entry is moved by its owner alone.
    if (!(uid === 0 || isOwn(status)) || ((mode & 0o022) !== 0 && (mode & 0o1000) === 0)) return false;
    if (end === 0) break;
  }
  return true;
}
