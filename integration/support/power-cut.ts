/**
 * A power cut right after a command has answered: its system calls are replayed on a disk in memory that keeps only what was
 * synced (disk.ts), and what is left there takes the place of the real files. Then everything acknowledged must be there.
 *
 * Left out of the replay, one sync shows whether any promise needs it.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { Layout } from '../../src/layout/layout.js';
import { readFence } from '../../src/locks/fence.js';
import { listLocks } from '../../src/locks/survey.js';
import { type Before, commandOf, expectGoingOn, expectKnown, expectNoFindings, lookAt, type Verb } from './campaign.js';
import { Disk, type DiskDirectory, type DiskFile, type DiskNode } from './interleave/disk.js';
import { copyRepo, type TestRepo, tempRepo } from './repo.js';
import { type Call, nameless, traceCalls } from './strace.js';

const CHANGES_CONTENT = ['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'ftruncate', 'fallocate', 'copy_file_range', 'sendfile'];
const SYNCS = ['fsync', 'fdatasync'];

/** A command that has answered, and what it did to the disk. */
export interface Answered {
  readonly verb: Verb;
  readonly repo: TestRepo;
  /** The directory that holds the repository and everything beside it; only what is in it counts. */
  readonly scope: string;
  /** What was there before the command, all of it durable. */
  readonly start: Disk;
  readonly calls: readonly Call[];
  readonly contents: ReadonlyMap<number, Buffer>;
  readonly foreign: readonly string[];
  readonly before: Before;
  readonly epochs: ReadonlyMap<string, number>;
}

/** Runs the command to its end under strace. */
export async function answered(t: TestContext, verb: Verb): Promise<Answered> {
  const origin = await tempRepo(t, verb.bare === true ? { check: false } : { pending: 'allowed' });
  await verb.prepare(origin);
  const before = await lookAt(origin);
  const repo = copyRepo(origin);
  const scope = dirname(repo.dir);
  const command = commandOf(verb, repo);
  const start = load(scope);
  const { result, calls } = await traceCalls(repo, command);
  assert.equal(result.code, 0, result.stderr);
  await verb.done(repo);
  const done = calls.filter(({ outcome }) => !outcome.startsWith('-1') && outcome !== '?');
  return { verb, repo, scope, start, calls: done, ...realityAfter(start, done, scope), before, epochs: epochsOf(repo) };
}

/** The syncs that the command made, each with a name that is the same in every run. */
export function syncsOf({ calls, scope }: Answered): { readonly call: Call; readonly label: string }[] {
  return calls.flatMap((call) => {
    const path = SYNCS.includes(call.syscall) ? descriptorPath(call) : undefined;
    return path?.startsWith(scope) ? [{ call, label: nameless(path.slice(scope.length + 1)) }] : [];
  });
}

/** Cuts the power, as if the sync `without` had not been made, and throws unless everything acknowledged is still there. */
export async function expectSurvives(answer: Answered, without?: Call): Promise<void> {
  const { verb, calls, before, epochs } = answer;
  const kept = calls.filter((call) => call !== without);
  await afterCut(answer, kept, async (survivor) => {
    await expectNoFindings(survivor);
    await expectKnown(survivor, before.known, verb.takes ?? []);
    // What a sweep has removed may be there again, and it commits nothing under the locks that it takes.
    const commits = verb.mayLeaveSome !== true;
    if (commits) await verb.done(survivor);
    for (const [fence, epoch] of commits ? epochs : [])
      assert.ok((epochsOf(survivor).get(fence) ?? -1) >= epoch, `the epoch of ${nameless(fence)} went back (P6)`);
    await expectGoingOn(survivor, before.known);
  });
}

/** Cuts the power after each call that makes something durable or visible, and throws unless the store is whole each time. */
export async function expectWholeThroughout(answer: Answered): Promise<void> {
  const { verb, calls, before } = answer;
  for (const [i, call] of calls.entries()) {
    if (!SYNCS.includes(call.syscall) && !/^(rename|link)/.test(call.syscall)) continue;
    await afterCut(answer, calls.slice(0, i + 1), async (survivor) => {
      if (verb.bare === true) return;
      await expectNoFindings(survivor);
      await expectKnown(survivor, before.known, verb.takes ?? []);
    }).catch((error: unknown) => assert.fail(`after ${nameless(call.syscall + call.text).slice(0, 200)}: ${error instanceof Error ? error.message : error}`));
  }
}

/** What a power cut leaves after `calls`, for `judge`. */
async function afterCut(answer: Answered, calls: readonly Call[], judge: (survivor: TestRepo) => Promise<void>): Promise<void> {
  const { repo, scope, foreign } = answer;
  const disk = replay(answer, calls);
  const place = join(repo.base, 'cut');
  try {
    materialise(disk.root, place);
    // What a method's own command wrote is its business.
    for (const path of foreign) if (existsSync(dirname(join(place, path)))) cpSync(join(scope, path), join(place, path), { recursive: true });
    const dir = join(place, repo.dir.slice(scope.length + 1));
    await judge({ ...repo, dir, layout: new Layout(join(dir, '.swamp')) });
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function epochsOf({ layout }: TestRepo): Map<string, number> {
  return new Map(
    listLocks(layout).flatMap((lock) => {
      const entry = readFence(layout.fence(lock));
      return entry === undefined ? [] : [[lock.kind === 'global' ? 'global' : `${lock.modelId}/${lock.kind}`, entry.epoch] as const];
    }),
  );
}

/** The disk after `calls`. A file that was synced after its last change has the bytes that it really has; strace cuts long writes. */
function replay({ start, scope, contents }: Pick<Answered, 'start' | 'scope' | 'contents'>, calls: readonly Call[]): Disk {
  const disk = start.copy();
  for (const call of calls) apply(disk, call, scope);
  for (const { node } of filesIn(disk.root, '/'))
    if (node.durable !== undefined && node.durable === node.bytes) node.durable = contents.get(node.id) ?? node.bytes;
  return disk;
}

/** What really is there after the command: the bytes of each file, by its number on the disk (the same calls give the same numbers), and what others wrote. */
function realityAfter(start: Disk, calls: readonly Call[], scope: string): Pick<Answered, 'contents' | 'foreign'> {
  const { root } = replay({ start, scope, contents: new Map() }, calls);
  // A catalog is derived: whatever is left of one is thrown away.
  const files = filesIn(root, scope).filter(({ path }) => !path.includes('/catalog/'));
  return { contents: new Map(files.map(({ node, path }) => [node.id, readFileSync(path)])), foreign: foreignIn(scope, root) };
}

function filesIn(directory: DiskDirectory, path: string): { readonly node: DiskFile; readonly path: string }[] {
  return [...directory.entries].flatMap(([name, node]) => {
    const child = join(path, name);
    return node.kind === 'directory' ? filesIn(node, child) : [{ node, path: child }];
  });
}

function apply(disk: Disk, call: Call, scope: string): void {
  const at = (path: string): string | undefined => (path.startsWith(`${scope}/`) ? path.slice(scope.length) : path === scope ? '/' : undefined);
  const [from, to] = [...call.text.matchAll(/"([^"]*)"/g)].map(([, path = '']) => at(path));
  const name = call.syscall.replace(/at2?$/, '');
  if (SYNCS.includes(call.syscall) || CHANGES_CONTENT.includes(call.syscall)) {
    const path = at(descriptorPath(call) ?? '');
    const node = path === undefined ? undefined : disk.find(path);
    if (node === undefined) return;
    if (SYNCS.includes(call.syscall)) disk.sync(node);
    else if (node.kind === 'file') disk.write(node, Buffer.concat([node.bytes, writtenBy(call)]));
  } else if (name === 'open' || name === 'creat') {
    if (from === undefined || !/O_CREAT|O_TRUNC/.test(call.text)) return;
    const there = disk.find(from);
    if (there === undefined) disk.create(from);
    else if (there.kind === 'file' && call.text.includes('O_TRUNC')) disk.write(there, Buffer.alloc(0));
  } else if (from === undefined && to === undefined) return;
  else if (name === 'rename') disk.rename(from ?? '', to ?? '');
  else if (name === 'link') disk.link(from ?? '', to ?? '');
  else if (name === 'mkdir') disk.mkdir(from ?? '');
  else if (name === 'rmdir' || (name === 'unlink' && call.text.includes('AT_REMOVEDIR'))) disk.rmdir(from ?? '');
  else if (name === 'unlink') disk.unlink(from ?? '');
}

/** The bytes of a write, whose text strace escapes as C does. A record is written at once; of a larger content only that it changed matters. */
function writtenBy({ text }: Call): Buffer {
  const escaped = /"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? '';
  const plain: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', v: '\v', f: '\f' };
  const decoded = (_: string, code: string): string => (/^[0-7]/.test(code) ? String.fromCharCode(Number.parseInt(code, 8)) : (plain[code] ?? code));
  return Buffer.from(escaped.replace(/\\([0-7]{1,3}|.)/g, decoded), 'latin1');
}

/** The path of the descriptor that the call is about: the last one of its arguments that is written to. */
function descriptorPath({ syscall, text }: Call): string | undefined {
  const paths = [...text.matchAll(/\b[0-9]+<([^>]*)>/g)].map(([, path = '']) => path);
  return syscall === 'copy_file_range' ? paths[1] : paths[0];
}

/** Below a directory, as a disk on which all is durable. */
function load(root: string): Disk {
  const disk = new Disk();
  const walk = (path: string): void => {
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) {
        disk.mkdir(child);
        walk(child);
      } else if (entry.isFile()) disk.write(disk.create(child), readFileSync(join(root, child)));
    }
  };
  walk('/');
  return disk.copy();
}

/** Writes what a power cut leaves below `directory` to `place`. */
function materialise(directory: DiskDirectory, place: string, moved: ReadonlySet<DiskNode> = movedIn(directory), written = new Map<DiskNode, string>()): void {
  mkdirSync(place);
  for (const [name, node] of directory.durable) {
    if (moved.has(node) && directory.entries.get(name) !== node) continue;
    const path = join(place, name);
    const other = written.get(node);
    written.set(node, path);
    if (node.kind === 'directory') materialise(node, path, moved, written);
    else if (other !== undefined) linkSync(other, path);
    else writeFileSync(path, node.durable ?? '');
  }
}

/** What is durable in its new place: a file system may lose a rename, and never leaves both names behind. */
function movedIn(root: DiskDirectory): ReadonlySet<DiskNode> {
  const arrived = new Set<DiskNode>();
  const walk = (directory: DiskDirectory, seen: Set<DiskDirectory>): void => {
    if (seen.has(directory)) return;
    seen.add(directory);
    for (const [name, node] of directory.durable) if (directory.entries.get(name) === node) arrived.add(node);
    for (const node of [...directory.durable.values(), ...directory.entries.values()]) if (node.kind === 'directory') walk(node, seen);
  };
  walk(root, new Set());
  return arrived;
}

/** Paths that are really below `scope` and that no call that was replayed has made: other programs wrote them. */
function foreignIn(scope: string, directory: DiskDirectory, path = ''): string[] {
  return readdirSync(join(scope, path), { withFileTypes: true }).flatMap((entry) => {
    const node = directory.entries.get(entry.name);
    const child = join(path, entry.name);
    if (node === undefined) return [child];
    return node.kind === 'directory' ? foreignIn(scope, node, child) : [];
  });
}
