/**
 * A disk in memory: files and directories as rename(2) and its kin treat them, and beside them what a power cut would
 * leave: of a file what was synced, of a directory the entries it had when it was synced.
 */
import { bytesSum, chain, chainSum, plus, type Sum, textSum, ZERO } from './hash.js';

export interface DiskFile {
  readonly kind: 'file';
  readonly id: number;
  bytes: Buffer;
  /** What is durable of it; undefined: nothing. */
  durable: Buffer | undefined;
  sum: Sum | undefined;
}

export interface DiskDirectory {
  readonly kind: 'directory';
  readonly id: number;
  entries: Map<string, DiskNode>;
  /** The entries that a power cut leaves. */
  durable: Map<string, DiskNode>;
  parent: DiskDirectory | undefined;
  sum: Sum | undefined;
}

export type DiskNode = DiskFile | DiskDirectory;

/** The error of a system call. No stack: looks that find nothing are the rule. */
export function systemError(code: string, syscall: string, path: string): Error {
  const error = Object.create(Error.prototype) as Error;
  return Object.assign(error, { name: 'Error', message: `${code}: ${syscall} '${path}'`, code, syscall, path });
}

export class Disk {
  readonly root: DiskDirectory;
  #ids = 0;

  constructor(root?: DiskDirectory) {
    this.root = root ?? this.#directory(undefined);
  }

  /** An equal disk, all of it durable. */
  copy(): Disk {
    const copied = new Map<DiskNode, DiskNode>();
    const copy = (node: DiskNode, parent: DiskDirectory | undefined): DiskNode => {
      if (node.kind === 'file') {
        const known = copied.get(node);
        const file = known ?? { ...node, durable: node.bytes };
        copied.set(node, file);
        return file;
      }
      const directory: DiskDirectory = { ...node, entries: new Map(), durable: new Map(), parent, sum: undefined };
      for (const [name, child] of node.entries) directory.entries.set(name, copy(child, directory));
      directory.durable = new Map(directory.entries);
      return directory;
    };
    const disk = new Disk(copy(this.root, undefined) as DiskDirectory);
    disk.#ids = this.#ids;
    return disk;
  }

  /** What stands at `path`; undefined when nothing does. Throws ENOTDIR. */
  find(path: string, syscall = 'stat'): DiskNode | undefined {
    let node: DiskNode = this.root;
    for (const name of segmentsOf(path)) {
      if (node.kind === 'file') throw systemError('ENOTDIR', syscall, path);
      const next = node.entries.get(name);
      if (next === undefined) return undefined;
      node = next;
    }
    return node;
  }

  get(path: string, syscall: string): DiskNode {
    const node = this.find(path, syscall);
    if (node === undefined) throw systemError('ENOENT', syscall, path);
    return node;
  }

  list(path: string): string[] {
    const node = this.get(path, 'scandir');
    if (node.kind === 'file') throw systemError('ENOTDIR', 'scandir', path);
    return [...node.entries.keys()].sort();
  }

  /** A new empty file. Throws EEXIST. */
  create(path: string): DiskFile {
    const [parent, name] = this.#place(path, 'open');
    if (parent.entries.has(name)) throw systemError('EEXIST', 'open', path);
    const file: DiskFile = { kind: 'file', id: ++this.#ids, bytes: Buffer.alloc(0), durable: undefined, sum: undefined };
    this.#put(parent, name, file);
    return file;
  }

  write(path: string, file: DiskFile, bytes: Buffer): void {
    file.bytes = bytes;
    file.sum = undefined;
    forget(this.#place(path, 'write')[0]);
  }

  mkdir(path: string): void {
    const [parent, name] = this.#place(path, 'mkdir');
    if (parent.entries.has(name)) throw systemError('EEXIST', 'mkdir', path);
    this.#put(parent, name, this.#directory(parent));
  }

  rename(from: string, to: string): void {
    const [source, oldName] = this.#place(from, 'rename');
    const [target, newName] = this.#place(to, 'rename');
    const node = source.entries.get(oldName);
    if (node === undefined) throw systemError('ENOENT', 'rename', from);
    if (node.kind === 'directory' && isWithin(target, node)) throw systemError('EINVAL', 'rename', from);
    const there = target.entries.get(newName);
    if (there === node) return;
    if (there !== undefined) requireReplaceable(node, there, to);
    source.entries.delete(oldName);
    forget(source);
    if (node.kind === 'directory') node.parent = target;
    this.#put(target, newName, node);
  }

  link(existing: string, path: string): void {
    const file = this.get(existing, 'link');
    const [parent, name] = this.#place(path, 'link');
    if (file.kind === 'directory') throw systemError('EPERM', 'link', existing);
    if (parent.entries.has(name)) throw systemError('EEXIST', 'link', path);
    this.#put(parent, name, file);
  }

  unlink(path: string): void {
    if (this.get(path, 'unlink').kind === 'directory') throw systemError('EISDIR', 'unlink', path);
    this.#remove(path);
  }

  rmdir(path: string): void {
    const node = this.get(path, 'rmdir');
    if (node.kind === 'file') throw systemError('ENOTDIR', 'rmdir', path);
    if (node.entries.size > 0) throw systemError('ENOTEMPTY', 'rmdir', path);
    this.#remove(path);
  }

  sync(node: DiskNode): void {
    if (node.kind === 'file') node.durable = node.bytes;
    else node.durable = new Map(node.entries);
    if (node.kind === 'directory') forget(node);
  }

  /** Tells this state from any other. */
  get sum(): Sum {
    return sumOf(this.root);
  }

  #directory(parent: DiskDirectory | undefined): DiskDirectory {
    return { kind: 'directory', id: ++this.#ids, entries: new Map(), durable: new Map(), parent, sum: undefined };
  }

  /** The directory that holds, or will hold, `path`, and the name in it. */
  #place(path: string, syscall: string): readonly [DiskDirectory, string] {
    const segments = segmentsOf(path);
    let node: DiskNode | undefined = this.root;
    for (let i = 0; i < segments.length - 1; i++) {
      if (node.kind === 'file') throw systemError('ENOTDIR', syscall, path);
      const next: DiskNode | undefined = node.entries.get(segments[i] ?? '');
      if (next === undefined) throw systemError('ENOENT', syscall, path);
      node = next;
    }
    if (node.kind === 'file') throw systemError('ENOTDIR', syscall, path);
    return [node, segments.at(-1) ?? ''];
  }

  #put(parent: DiskDirectory, name: string, node: DiskNode): void {
    parent.entries.set(name, node);
    forget(parent);
  }

  #remove(path: string): void {
    const [parent, name] = this.#place(path, 'unlink');
    parent.entries.delete(name);
    forget(parent);
  }
}

function requireReplaceable(node: DiskNode, there: DiskNode, to: string): void {
  if (node.kind === 'file' && there.kind === 'directory') throw systemError('EISDIR', 'rename', to);
  if (node.kind === 'directory' && there.kind === 'file') throw systemError('ENOTDIR', 'rename', to);
  if (there.kind === 'directory' && there.entries.size > 0) throw systemError('ENOTEMPTY', 'rename', to);
}

function isWithin(node: DiskDirectory, ancestor: DiskDirectory): boolean {
  for (let at: DiskDirectory | undefined = node; at !== undefined; at = at.parent) if (at === ancestor) return true;
  return false;
}

/** The sums of a directory and of those above it are to be found anew. */
function forget(directory: DiskDirectory): void {
  for (let at: DiskDirectory | undefined = directory; at?.sum !== undefined; at = at.parent) at.sum = undefined;
}

function sumOf(node: DiskNode): Sum {
  if (node.sum !== undefined) return node.sum;
  if (node.kind === 'file') {
    node.sum = bytesSum(node.bytes);
    return node.sum;
  }
  let sum = ZERO;
  for (const [name, child] of node.entries) {
    const durable = node.durable.get(name) === child ? 1 : 0;
    sum = plus(sum, chain(chainSum(textSum(name), sumOf(child)), durable));
  }
  node.sum = sum;
  return sum;
}

const paths = new Map<string, readonly string[]>();

export function segmentsOf(path: string): readonly string[] {
  let segments = paths.get(path);
  if (segments === undefined) {
    segments = path.split('/').filter((segment) => segment !== '');
    paths.set(path, segments);
  }
  return segments;
}
