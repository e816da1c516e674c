/** Walks the tree of a backup: in the order of its paths' bytes, no link followed, one directory open at a time. */
import { isUtf8 } from 'node:buffer';
import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../errors.js';
import { byCodePoint } from '../store/read.js';

export interface TreeEntry {
  /** Relative, with slashes. */
  readonly path: string;
  readonly stats: Stats;
  /** Of a directory: it is empty. */
  readonly empty: boolean;
  /** False: the name is not UTF-8, and `path` only shows it. */
  readonly readable: boolean;
  /** Why the system does not let it be looked at; what is below it is left out. */
  readonly refused?: NodeJS.ErrnoException;
}

/** Everything below `root`, or below the directory `below` in it (with a slash at its end), a directory before what it holds. What vanishes meanwhile is left out. */
export function walkTree(root: string, below = ''): Generator<TreeEntry> {
  return walk(root, below, namesIn(join(root, below)));
}

interface Name {
  readonly name: string;
  readonly readable: boolean;
}

function* walk(root: string, below: string, names: readonly Name[]): Generator<TreeEntry> {
  for (const { name, readable } of names) {
    const path = below + name;
    if (!readable) {
      yield { path, stats: lstatSync(join(root, below)), empty: false, readable };
      continue;
    }
    let stats: Stats | undefined;
    let children: readonly Name[] | undefined;
    try {
      stats = lstatSync(join(root, path), { throwIfNoEntry: false });
      children = stats?.isDirectory() === true ? namesIn(join(root, path)) : undefined;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      yield { path, stats: stats ?? lstatSync(join(root, below)), empty: false, readable, refused: error };
      continue;
    }
    if (stats === undefined) continue;
    yield { path, stats, empty: children?.length === 0, readable };
    if (children !== undefined) yield* walk(root, `${path}/`, children);
  }
}

/** True for what a bad disk or a file of another account answers: about one thing, not about all. */
export function isUnreadable(error: unknown): error is NodeJS.ErrnoException {
  return isErrno(error, 'EACCES', 'EPERM', 'EIO');
}

/** The names in the directory `path` of the backup, in the order of their bytes; none where the directory does not exist. */
export function listDirectory(root: string, path: string): string[] {
  return namesIn(join(root, path)).map(({ name }) => name);
}

/** As names are in paths: `a-b` comes before what is in `a`. */
function namesIn(directory: string): readonly Name[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true, encoding: 'buffer' });
    const keyed = entries.map((entry) => {
      const name = entry.name.toString();
      return { name, readable: isUtf8(entry.name), key: entry.isDirectory() ? `${name}/` : name };
    });
    return keyed.sort((a, b) => byCodePoint(a.key, b.key));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
