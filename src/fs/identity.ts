/** Whether what is at a path is what was there before: the same object, and the same state of it. No link is followed. */
import { type BigIntStats, lstatSync } from 'node:fs';

/** What is at the path, or undefined when nothing is. */
export function statusOf(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

/**
 * The object: the same text after a rename and after a change of its content, another one for everything else that comes to that path.
 * A file system gives the inode of what was removed to the next thing that is made, so its time of birth belongs to it.
 */
export function identityIn({ dev, ino, mode, birthtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${mode & TYPE}:${birthtimeNs}`;
}

/** Undefined when nothing is there. */
export function identityOf(path: string): string | undefined {
  const status = statusOf(path);
  return status === undefined ? undefined : identityIn(status);
}

/** The state of the object: another text after a rename, an entry that comes or goes, a change of content. */
export function stateIn({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

/** Undefined when nothing is there. */
export function stateOf(path: string): string | undefined {
  const status = statusOf(path);
  return status === undefined ? undefined : stateIn(status);
}

/** As the comparison of two `stateIn`, which takes longer than asking the system: for listings of many. */
export function isSameState(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.ctimeNs === b.ctimeNs && a.mtimeNs === b.mtimeNs && a.size === b.size && a.dev === b.dev;
}

/** What a record may keep of a file: it lasts through a rename and a mount, and changes with the content. Undefined when nothing is there. */
export function lastingMarkOf(path: string): string | undefined {
  const status = statusOf(path);
  return status === undefined ? undefined : `${status.ino}:${status.mtimeNs}`;
}

/** The bits of a mode that say what kind of thing it is (inode(7), S_IFMT). */
const TYPE = 0o170000n;
