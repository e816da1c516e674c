/** `node:fs` as a simulated process sees it: the disk in memory, each call a step that the scheduler grants. */
import { constants } from 'node:fs';
import type { Access } from './conflicts.js';
import { type Disk, type DiskDirectory, type DiskFile, type DiskNode, systemError } from './disk.js';
import { ROOT } from './host.js';

/** What stands between a process and the disk. */
export interface Steps {
  readonly disk: Disk;
  /** Waits for the scheduler, then makes the call. */
  step<T>(access: Access, act: () => T): T;
  /** fsync(2). */
  synced(path: string, node: DiskNode): void;
  /** Text of a file outside the repository: what the system tells of machine and processes. */
  systemFile(path: string): string | undefined;
}

interface Descriptor {
  readonly path: string;
  readonly node: DiskNode;
}

const NONE: readonly string[] = Object.freeze([]);
/** No look at a file's age decides anything here: everything is as old as the run. */
const MODIFIED_MS = Date.UTC(2026, 0, 1);

function look(call: string, path: string): Access {
  return { call, looks: [path], listings: NONE, changes: NONE };
}

function change(call: string, ...changes: readonly string[]): Access {
  return { call, looks: NONE, listings: NONE, changes };
}

/** The functions of node:fs that the program uses. */
export class ProcessFs {
  readonly constants = constants;
  readonly #steps: Steps;
  readonly #open = new Map<number, Descriptor>();
  #next = 100;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  /** As an object whose functions need no `this`. */
  get module(): Readonly<Record<string, unknown>> {
    const names = Object.getOwnPropertyNames(ProcessFs.prototype).filter((name) => !['constructor', 'module'].includes(name));
    const functions = names.map((name) => {
      const method = Reflect.get(this, name) as (...args: unknown[]) => unknown;
      return [name, (...args: unknown[]) => method.apply(this, args)] as const;
    });
    // No link is ever on this disk, so the look of `reach` at what is there can answer nothing else at another time: it is no step.
    const native = (path: string): string => (this.#steps.disk.find(path, 'realpath') === undefined ? this.realpathSync(path) : path);
    const realpathSync = Object.assign((path: string) => this.realpathSync(path), { native });
    return { ...Object.fromEntries(functions), realpathSync, constants };
  }

  existsSync(path: string): boolean {
    return this.#find(path, 'access') !== undefined;
  }

  lstatSync(path: string, options: { readonly bigint?: boolean; readonly throwIfNoEntry?: boolean } = {}): object | undefined {
    const node = this.#find(path, 'lstat');
    if (node !== undefined) return statsOf(node, options.bigint === true);
    if (options.throwIfNoEntry === false) return undefined;
    throw systemError('ENOENT', 'lstat', path);
  }

  statSync(path: string, options: { readonly throwIfNoEntry?: boolean } = {}): object | undefined {
    return this.lstatSync(path, options);
  }

  fstatSync(fd: number, options: { readonly bigint?: boolean } = {}): object {
    const { node } = this.#descriptor(fd);
    return statsOf(node, options.bigint === true);
  }

  realpathSync(path: string): string {
    if (this.#find(path, 'realpath') === undefined) throw systemError('ENOENT', 'realpath', path);
    return path;
  }

  readlinkSync(path: string): string {
    const text = this.#steps.systemFile(path);
    if (text === undefined) throw systemError('ENOENT', 'readlink', path);
    return text;
  }

  readdirSync(path: string, options: { readonly withFileTypes?: boolean } = {}): unknown[] {
    const { disk } = this.#steps;
    const access: Access = { call: 'list', looks: NONE, listings: [path], changes: NONE };
    const names = this.#steps.step(access, () => disk.list(path));
    if (options.withFileTypes !== true) return names;
    const { entries } = disk.get(path, 'scandir') as DiskDirectory;
    return names.map((name) => ({ name, parentPath: path, ...typeOf(entries.get(name)) }));
  }

  opendirSync(path: string): object {
    const entries = this.readdirSync(path, { withFileTypes: true });
    return { readSync: () => entries.shift() ?? null, closeSync: () => {} };
  }

  readFileSync(from: string | number, encoding?: string | { readonly encoding?: string }): string | Buffer {
    const bytes = typeof from === 'number' ? contentOf(this.#descriptor(from)) : this.#read(from);
    return encoding === undefined ? bytes : bytes.toString('utf8');
  }

  readSync(fd: number, buffer: Buffer, offset: number, length: number, position: number): number {
    return contentOf(this.#descriptor(fd)).copy(buffer, offset, position, position + length);
  }

  read(fd: number, buffer: Buffer, offset: number, length: number, position: number, done: (error: null, bytes: number) => void): void {
    done(null, this.readSync(fd, buffer, offset, length, position));
  }

  writeFileSync(to: string | number, data: string | Uint8Array): void {
    if (typeof to === 'string') {
      const fd = this.openSync(to, constants.O_CREAT);
      this.writeFileSync(fd, data);
      this.closeSync(fd);
      return;
    }
    const { path, node } = this.#descriptor(to);
    const file = node as DiskFile;
    const bytes = Buffer.concat([file.bytes, Buffer.from(data as string)]);
    this.#steps.step(change('write', path), () => this.#steps.disk.write(file, bytes));
  }

  openSync(path: string, flags: string | number): number {
    const { disk } = this.#steps;
    const exclusive = flags === 'wx';
    const creates = exclusive || (typeof flags === 'number' && (flags & constants.O_CREAT) !== 0);
    const node = creates
      ? this.#steps.step(change('create', path), () => created(disk, path, exclusive))
      : this.#steps.step(look('open', path), () => disk.get(path, 'open'));
    const fd = this.#next++;
    this.#open.set(fd, { path, node });
    return fd;
  }

  closeSync(fd: number): void {
    if (!this.#open.delete(fd)) throw systemError('EBADF', 'close', String(fd));
  }

  fsyncSync(fd: number): void {
    const { path, node } = this.#descriptor(fd);
    this.#steps.synced(path, node);
  }

  fsync(fd: number, done: (error: null) => void): void {
    this.fsyncSync(fd);
    done(null);
  }

  mkdirSync(path: string): void {
    this.#steps.step(change('mkdir', path), () => this.#steps.disk.mkdir(path));
  }

  rmdirSync(path: string): void {
    this.#steps.step({ ...change('rmdir', path), listings: [path] }, () => this.#steps.disk.rmdir(path));
  }

  renameSync(from: string, to: string): void {
    this.#steps.step({ ...change('rename', from, to), listings: [to] }, () => this.#steps.disk.rename(from, to));
  }

  linkSync(existing: string, path: string): void {
    this.#steps.step({ ...change('link', path), looks: [existing] }, () => this.#steps.disk.link(existing, path));
  }

  unlinkSync(path: string): void {
    this.#steps.step(change('unlink', path), () => this.#steps.disk.unlink(path));
  }

  /** A heartbeat: nobody here judges by it, but it fails when the path is gone. */
  utimesSync(path: string): void {
    if (this.#find(path, 'utime') === undefined) throw systemError('ENOENT', 'utime', path);
  }

  /** No event is ever sent: the scheduler knows by itself whose wait may be over. */
  watch(): object {
    const watcher = { on: () => watcher, close: () => {} };
    return watcher;
  }

  #find(path: string, call: string): DiskNode | undefined {
    return this.#steps.step(look(call, path), () => this.#steps.disk.find(path, call));
  }

  #read(path: string): Buffer {
    if (!path.startsWith(ROOT)) {
      const text = this.#steps.systemFile(path);
      if (text === undefined) throw systemError('ENOENT', 'open', path);
      return Buffer.from(text);
    }
    const node = this.#steps.step(look('read', path), () => this.#steps.disk.get(path, 'open'));
    return contentOf({ path, node });
  }

  #descriptor(fd: number): Descriptor {
    const descriptor = this.#open.get(fd);
    if (descriptor === undefined) throw systemError('EBADF', 'read', String(fd));
    return descriptor;
  }
}

/** A new file, or an old one made empty. */
function created(disk: Disk, path: string, exclusive: boolean): DiskFile {
  const there = exclusive ? undefined : disk.find(path, 'open');
  if (there === undefined) return disk.create(path);
  if (there.kind === 'directory') throw systemError('EISDIR', 'open', path);
  disk.write(there, Buffer.alloc(0));
  return there;
}

function contentOf({ path, node }: Descriptor): Buffer {
  if (node.kind === 'directory') throw systemError('EISDIR', 'read', path);
  return node.bytes;
}

function typeOf(node: DiskNode | undefined): object {
  return { isFile: () => node?.kind === 'file', isDirectory: () => node?.kind === 'directory', isSymbolicLink: () => false };
}

function statsOf(node: DiskNode, bigint: boolean): object {
  const size = node.kind === 'file' ? node.bytes.length : 0;
  const mode = node.kind === 'file' ? 0o100644 : 0o040755;
  // As most file systems count: a directory is named by itself, by its parent, and by each directory in it.
  const nlink = node.kind === 'file' ? node.names : 2 + [...node.entries.values()].filter(({ kind }) => kind === 'directory').length;
  const numbers = { dev: 1, ino: node.id, nlink, size, mode, mtimeMs: MODIFIED_MS, ctimeMs: MODIFIED_MS };
  const values = bigint
    ? { ...Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, BigInt(value)])), mtimeNs: 0n, ctimeNs: 0n }
    : { ...numbers, mtime: new Date(MODIFIED_MS) };
  return { ...values, ...typeOf(node) };
}
