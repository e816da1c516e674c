/**
 * Runs the program under strace: lists the file-system calls that change something, and breaks one of them.
 *
 * strace counts `when=N` for each thread by itself. With one thread in libuv's pool every file-system call is made either by
 * the main thread or by that worker, so a call is told by its thread, its name and its number there. Where another thread
 * makes as many calls of that name, the thread that is meant makes harmless ones first (PADDING), and N is beyond the others.
 * No --seccomp-bpf: with it the signal of an injection is lost.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestRepo } from './repo.js';
import { finished, launch, type Result, type StartOptions } from './swamp.js';

/** `kill`: SIGKILL instead of the call. The others: the call does nothing and answers with the error. */
export type Fault = 'kill' | 'ENOSPC' | 'EIO';

/** A call that changes something below the directory that is looked at, or the one that prints the result; those of child processes are none. */
export interface Point {
  readonly thread: 'main' | 'worker';
  readonly syscall: string;
  /** Its number among the calls of that name in its thread. */
  readonly nth: number;
  /** The same in every run: what is random in its paths is left out. */
  readonly label: string;
  /** Its number among the points of that label. */
  readonly occurrence: number;
  /** How many calls of that name any other thread made at most. */
  readonly others: number;
}

export interface Command {
  readonly args: readonly string[];
  readonly options: StartOptions;
}

export interface Broken {
  readonly repo: TestRepo;
  readonly result: Result;
}

/** A command in a repository that nobody has used yet; only what lies in `scope` counts. */
export interface Fresh {
  readonly repo: TestRepo;
  readonly scope: string;
  readonly command: Command;
}

/** One call of the log, in the order in which they began. */
export interface Call {
  readonly tid: number;
  readonly syscall: string;
  readonly nth: number;
  readonly text: string;
  outcome: string;
}

/** What changes a name or a directory, by path. */
const BY_PATH = [
  ...[
    'rename',
    'renameat',
    'renameat2',
    'mkdir',
    'mkdirat',
    'open',
    'openat',
    'creat',
    'unlink',
    'unlinkat',
    'rmdir',
    'link',
    'linkat',
    'symlink',
    'symlinkat',
  ],
  ...['mknod', 'mknodat', 'truncate', 'chmod', 'fchmodat', 'chown', 'lchown', 'fchownat', 'utime', 'utimes', 'futimesat', 'utimensat', 'setxattr'],
];
/** What changes an open file, or makes a change durable. */
const BY_DESCRIPTOR = [
  ...['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'fsync', 'fdatasync', 'sync_file_range', 'ftruncate', 'fallocate', 'fchmod', 'fchown'],
  ...['sendfile', 'copy_file_range', 'splice'],
];
const OPENS = ['open', 'openat'];
const STDOUT = '<stdout>';
/** A write of more bytes is cut in the log. */
const LONGEST_WRITE = 1 << 20;
/** Waits are timed, and a directory is listed in any order: a call may come a little later or earlier than the last time. */
const ATTEMPTS = 25;
const MARGIN = 20;

/** Why nothing can be traced here; undefined when it can. */
export function cannotTrace(): string | undefined {
  if (process.platform !== 'linux') return 'strace runs on Linux alone';
  const { error, status, stderr } = spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=write', 'true'], { encoding: 'utf8', timeout: 10_000 });
  if (error !== undefined) return `strace cannot be run: ${error.message}`;
  return status === 0 ? undefined : `ptrace is not permitted: ${stderr.trim().split('\n')[0]}`;
}

/** The points that the command passes in `scope`, in order. Fails unless it ends well. */
export async function tracePoints({ repo, scope, command }: Fresh): Promise<Point[]> {
  const { ended, calls } = await trace(repo, command);
  const result = await ended;
  if (result.code !== 0) throw new Error(`swamp ${command.args.join(' ')}: ended with ${result.code ?? result.signal}\n${result.stderr}`);
  return pointsIn(calls, scope);
}

/** Every call of the program's own threads that changes something or makes it durable, in order, and how the program ended. */
export async function traceCalls(repo: TestRepo, command: Command): Promise<{ readonly result: Result; readonly calls: readonly Call[] }> {
  const { ended, calls } = await trace(repo, command, undefined, LONGEST_WRITE);
  const children = childrenIn(calls);
  return { result: await ended, calls: calls.filter(({ tid }) => !children.has(tid)) };
}

/** Every look and every change of the command below the repository, by call and path, without what is random or counts in it; sorted, for threads take turns. */
export async function lookedAt(repo: TestRepo, args: readonly string[], options: StartOptions = {}): Promise<string[]> {
  const log = join(mkdtempSync(join(repo.base, 'strace-')), 'log');
  const words = ['-f', '-qq', '-y', '-e', 'trace=%file,getdents64', '-e', 'signal=none', '-o', log];
  await finished(launch(repo, 'strace', [...words, process.execPath, repo.bin, ...args], { timeoutMs: 60_000, ...options }));
  const calls = [...readFileSync(log, 'utf8').matchAll(/^[0-9]+ +([a-z0-9]+)\((.*)/gm)].flatMap(([, name = '', rest = '']) => {
    const paths = [...rest.matchAll(name === 'getdents64' ? /<([^>]*)>/g : /"([^"]*)"/g)]
      .map(([, path = '']) => path)
      .filter((path) => path.startsWith(repo.dir));
    return paths.length === 0 ? [] : [`${name} ${paths.map((path) => nameless(path.slice(repo.dir.length)).replaceAll(/(?<=\/)[0-9]+/g, 'N')).join(' ')}`];
  });
  return calls.sort();
}

/** Threads of other programs that were started. */
function childrenIn(calls: readonly Call[]): ReadonlySet<number> {
  const main = calls[0]?.tid;
  return new Set(calls.filter(({ tid, syscall }) => syscall === 'execve' && tid !== main).map(({ tid }) => tid));
}

/**
 * Runs the command in a fresh repository and breaks the call that `point` tells; again, until the log says that exactly this
 * call was broken. Undefined when it was not to be hit.
 */
export async function breakAt(point: Point, fault: Fault, fresh: () => Fresh): Promise<Broken | undefined> {
  const padding = point.others > 0 && point.nth <= point.others + MARGIN ? point.others + MARGIN : 0;
  let { nth } = point;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { repo, scope, command } = fresh();
    const { ended, calls } = await trace(repo, command, { point, fault, nth: nth + padding, padding });
    const points = pointsIn(calls, scope);
    const same = points.find(({ thread, label, occurrence }) => thread === point.thread && label === point.label && occurrence === point.occurrence);
    const broken = calls.filter((call) => isBroken(call, fault, point.syscall, nth + padding));
    if (same?.nth === nth + padding && broken.length === 1) return { repo, result: await ended };
    // It ran on: the log tells the number. It ended too early, or hung without one of Node's own writes: there was another call before.
    nth = same === undefined ? nth + 1 : same.nth - padding;
  }
  return undefined;
}

function isBroken({ syscall, nth, outcome }: Call, fault: Fault, name: string, n: number): boolean {
  if (fault !== 'kill') return outcome.includes('(INJECTED)');
  return syscall === name && nth === n && outcome === '?';
}

interface Injection {
  readonly point: Point;
  readonly fault: Fault;
  readonly nth: number;
  readonly padding: number;
}

/** `ended` rejects when the command had to be killed; resolves when the log is complete. */
async function trace(
  repo: TestRepo,
  { args, options }: Command,
  injection?: Injection,
  bytes = 0,
): Promise<{ readonly ended: Promise<Result>; readonly calls: readonly Call[] }> {
  const dir = mkdtempSync(join(repo.base, 'strace-'));
  const log = join(dir, 'log');
  const padding = join(dir, 'padding.cjs');
  writeFileSync(padding, PADDING);
  const traced = ['execve', ...BY_PATH, ...BY_DESCRIPTOR].map((name) => `?${name}`).join();
  const expressions = ['-e', `trace=${traced}`, ...(injection === undefined ? [] : ['-e', `inject=${expression(injection)}`])];
  const strace = ['-f', '-qq', '-y', '-s', String(bytes), '-e', 'signal=none', ...expressions, '-o', log];
  const env = { ...options.env, UV_THREADPOOL_SIZE: '1', ...(injection === undefined ? {} : paddingFor(injection)) };
  const program = [process.execPath, '--require', padding, repo.bin, ...args];
  const { exited: ended } = launch(repo, 'strace', [...strace, ...program], { title: `swamp ${args.join(' ')}, traced`, ...options, env });
  await ended.catch(() => undefined);
  return { ended, calls: parseLog(readFileSync(log, 'utf8')) };
}

/** With the signal the call is also made to fail: it must not happen even if the kernel lets it go on. */
function expression({ point: { syscall }, fault, nth }: Injection): string {
  return `${syscall}:error=${fault === 'kill' ? 'EIO:signal=SIGKILL' : fault}:when=${nth}`;
}

function paddingFor({ point, padding }: Injection): Record<string, string> {
  return padding === 0 ? {} : { STRACE_PADDING: `${point.thread} ${point.syscall} ${padding}` };
}

/**
 * Loaded before the program: so many calls of one name by one thread. The worker's writes go on while the main thread waits
 * for them, so that the worker wakes it by one more write and not by an unknown number.
 */
const PADDING = `
const fs = require('node:fs');
const [thread, syscall, count] = (process.env.STRACE_PADDING || '').split(' ');
delete process.env.STRACE_PADDING;
const times = (act) => { for (let i = 0; i < Number(count); i++) act(); };
if (thread === 'main' && syscall === 'write') {
  const fd = fs.openSync('/dev/null', 'w');
  times(() => fs.writeSync(fd, 'x'));
} else if (thread === 'main' && syscall === 'openat') {
  times(() => fs.closeSync(fs.openSync('/dev/null', 'r')));
} else if (thread === 'worker' && syscall === 'write') {
  const file = __filename + '.count';
  const fd = fs.openSync(file, 'w');
  times(() => fs.write(fd, 'x', () => undefined));
  while (fs.fstatSync(fd).size < Number(count));
} else if (thread === 'worker' && syscall === 'openat') {
  times(() => fs.open('/dev/null', 'r', () => undefined));
} else if (thread !== '') {
  throw new Error('no padding for ' + thread + ' ' + syscall);
}
`;

const LINE = /^([0-9]+) +(?:<\.\.\. ([a-z0-9_]+) resumed>(.*)|([a-z0-9_]+)\((.*))$/;

function parseLog(log: string): Call[] {
  const calls: Call[] = [];
  const counts = new Map<string, number>();
  for (const line of log.split('\n')) {
    const [, pid, resumed, rest = '', syscall, text = ''] = LINE.exec(line) ?? [];
    if (pid === undefined) continue;
    const tid = Number(pid);
    if (syscall === undefined) {
      const begun = calls.findLast((call) => call.tid === tid && call.syscall === resumed);
      if (begun !== undefined) begun.outcome = outcomeOf(rest);
      continue;
    }
    const key = `${tid} ${syscall}`;
    const nth = (counts.get(key) ?? 0) + 1;
    counts.set(key, nth);
    calls.push({ tid, syscall, nth, text, outcome: text.endsWith('<unfinished ...>') ? '?' : outcomeOf(text) });
  }
  return calls;
}

function outcomeOf(text: string): string {
  return text.slice(text.lastIndexOf(' = ') + 3).trim();
}

function pointsIn(calls: readonly Call[], scope: string): Point[] {
  const main = calls[0]?.tid;
  const children = childrenIn(calls);
  const occurrences = new Map<string, number>();
  return calls.flatMap((call): Point[] => {
    const paths = pathsOf(call, main).filter((path) => path === STDOUT || path.startsWith(`${scope}/`));
    if (paths.length === 0 || children.has(call.tid) || (OPENS.includes(call.syscall) && !/O_CREAT|O_TRUNC/.test(call.text))) return [];
    const label = `${call.syscall} ${paths.map((path) => labelOf(call.syscall, path.replace(`${scope}/`, ''))).join(' -> ')}`;
    const occurrence = (occurrences.get(label) ?? 0) + 1;
    occurrences.set(label, occurrence);
    const others = Math.max(0, ...calls.filter(({ tid, syscall }) => tid !== call.tid && syscall === call.syscall).map(({ nth }) => nth));
    return [{ thread: call.tid === main ? 'main' : 'worker', syscall: call.syscall, nth: call.nth, label, occurrence, others }];
  });
}

/** In the trash, directories have random names and are removed in the order in which they are listed. */
function labelOf(syscall: string, path: string): string {
  return /^(unlink|rmdir)/.test(syscall) ? nameless(path).replace(/(\/trash\/).*/, '$1*') : nameless(path);
}

function pathsOf({ tid, syscall, text }: Call, main: number | undefined): string[] {
  if (syscall === 'write' && tid === main && text.startsWith('1<')) return [STDOUT];
  const quoted = BY_PATH.includes(syscall) ? [...text.matchAll(/"([^"]*)"/g)] : [];
  return (quoted.length > 0 ? quoted : [...text.matchAll(/\b[0-9]+<([^>]*)>/g)]).map(([, path = '']) => path);
}

/** A text without what differs from run to run: holders, nonces, ids, times. */
export function nameless(text: string): string {
  return text
    .replace(/x?[0-9a-f]{12}-[0-9a-fx]+(-[0-9x]+){2}-[0-9]+-[0-9a-fx]+-[0-9a-f]{12}/g, 'HOLDER')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replace(/[0-9]{13}(?=-[awd]-)/g, 'TIME')
    .replace(/[0-9a-f]{12}/g, 'NONCE');
}
