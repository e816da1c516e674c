/** Runs the program as people do: real processes, each with a hard limit, none left behind when its test ends. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { inProcess } from './in-process.js';
import type { TestRepo } from './repo.js';
import { until } from './until.js';

/** The project's directory: this file runs from build/integration/support. */
export const ROOT = resolve(import.meta.dirname, '../../..');

/** The program under test; SWAMP_BIN names another one. */
export const SWAMP_BIN = resolve(process.env['SWAMP_BIN'] ?? join(ROOT, 'bin/swamp.js'));

/** What a command may take unless its test allows more. Milliseconds. */
const LIMIT_MS = 20_000;

/** Names every process of one test, grandchildren included, so that none survives it. */
export const MARK = 'SWAMP_TEST_BED';

export interface Result {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface StartOptions {
  /** Text for stdin, which is closed after it; `open` leaves it open; nothing: empty. */
  readonly stdin?: string | 'open';
  /** Added to the environment; undefined takes a variable out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** The whole process group is killed after this long, and the test fails. */
  readonly timeoutMs?: number;
}

export interface RunOptions extends StartOptions {
  /** The exit code or codes that are right; 0 unless told. */
  readonly expect?: number | readonly number[] | 'any';
  /** It is about the process: its start, its streams, what others see of it. */
  readonly process?: true;
}

/** A process that goes on while the test does. */
export interface Running {
  readonly pid: number;
  readonly title: string;
  /** How it ended. Rejects when it had to be killed at its limit. */
  readonly exited: Promise<Result>;
  readonly hasExited: () => boolean;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Signals this process alone. */
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly write: (text: string) => void;
  /** How the programs of integration/programs are told to end. */
  readonly closeStdin: () => void;
  /** Resolves when the output (stdout and stderr) matches. */
  readonly says: (pattern: RegExp, timeoutMs?: number) => Promise<void>;
}

/** Runs `swamp` to its end and fails unless it ends as expected: in a process, or in this one where nothing is said of processes (in-process.ts). */
export async function run(repo: TestRepo, args: readonly string[], { expect = 0, ...options }: RunOptions = {}): Promise<Result> {
  const result = (await withoutProcess(repo, args, options)) ?? (await start(repo, args, options).exited);
  if (expect !== 'any') expectCode(titleOf(args), result, expect);
  return result;
}

/** Undefined when it needs a process: for what is around it, for another program, or for what it does. */
async function withoutProcess(repo: TestRepo, args: readonly string[], options: Omit<RunOptions, 'expect'>): Promise<Result | undefined> {
  const { timeoutMs = LIMIT_MS, stdin, ...around } = options;
  if (repo.bin !== SWAMP_BIN || stdin === 'open' || [...Object.keys(repo.env), ...Object.keys(around)].length > 0) return undefined;
  const began = performance.now();
  const limit = AbortSignal.timeout(timeoutMs);
  const answer = await inProcess(repo.dir, args, { signal: limit, stdin });
  if (limit.aborted) assert.fail(`${titleOf(args)}: still at work after ${timeoutMs} ms`);
  return answer && { ...answer, signal: null, ms: performance.now() - began };
}

function titleOf(args: readonly string[]): string {
  return `swamp ${args.join(' ')}`;
}

/** `run` with --json: the document on stdout. */
export async function runJson<T>(repo: TestRepo, args: readonly string[], options: RunOptions = {}): Promise<T> {
  return JSON.parse((await run(repo, [...args, '--json'], options)).stdout) as T;
}

/** Waits for a started process and fails unless it ends as expected. */
export async function finished(running: Running, expect: number | readonly number[] = 0): Promise<Result> {
  const result = await running.exited;
  expectCode(running.title, result, expect);
  return result;
}

function expectCode(title: string, result: Result, expect: number | readonly number[]): void {
  const wanted = typeof expect === 'number' ? [expect] : expect;
  if (wanted.includes(shellCode(result))) return;
  assert.fail(`${title}: ended with ${result.code ?? result.signal}, expected ${wanted.join(' or ')}\n${output(result)}`);
}

/** As `$?` of a shell: 128+n where signal n ended it. */
export function shellCode({ code, signal }: Pick<Result, 'code' | 'signal'>): number {
  return code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
}

function output({ stdout, stderr }: Pick<Result, 'stdout' | 'stderr'>): string {
  return `--- stdout\n${stdout.slice(-4_000)}\n--- stderr\n${stderr.slice(-8_000)}`;
}

/** Starts `swamp` in the repository. */
export function start(repo: TestRepo, args: readonly string[], options: StartOptions = {}): Running {
  return launch(repo, process.execPath, [repo.bin, ...args], { title: titleOf(args), ...options });
}

/** Starts one of integration/programs. */
export function startProgram(repo: TestRepo, name: string, args: readonly string[], options: StartOptions = {}): Running {
  const file = join(ROOT, 'build/integration/programs', `${name}.js`);
  return launch(repo, process.execPath, [file, ...args], { title: `${name} ${args.join(' ')}`, ...options });
}

/** Starts any command in the repository, in a process group of its own. */
export function launch(repo: TestRepo, command: string, args: readonly string[], options: StartOptions & { readonly title?: string } = {}): Running {
  const title = options.title ?? `${command} ${args.join(' ')}`;
  const began = performance.now();
  started.add(repo.running);
  const child = spawn(command, args, {
    cwd: options.cwd ?? repo.dir,
    env: environment(repo, command, options.env),
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${title}: could not be started`);
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (chunk: string) => (text[name] += chunk));
  // A program that ends without reading its stdin is no fault of the test.
  child.stdin.on('error', () => undefined);
  if (options.stdin !== 'open') child.stdin.end(options.stdin ?? '');
  let ended = false;
  const exited = untilClosed(child, options.timeoutMs ?? LIMIT_MS, pid).then(({ code, signal, late }) => {
    ended = true;
    repo.running.delete(running);
    const result = { code, signal, ...text, ms: performance.now() - began };
    if (late) assert.fail(`${title}: still running after ${Math.round(result.ms)} ms; its process group was killed\n${output(result)}`);
    return result;
  });
  // Whoever awaits it gets the failure; a test that ends earlier for another reason must not die of this one.
  exited.catch(() => undefined);
  const running: Running = {
    pid,
    title,
    exited,
    hasExited: () => ended,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    kill: (signal) => void child.kill(signal),
    write: (more) => void child.stdin.write(more),
    closeStdin: () => void child.stdin.end(),
    says: async (pattern, timeoutMs = 20_000) => {
      const detail = (): string => `${title}\n${output(text)}`;
      await until(
        `${title} says ${pattern}`,
        () => pattern.test(text.stdout + text.stderr) || (ended ? assert.fail(`ended without saying ${pattern}: ${detail()}`) : false),
        { timeoutMs, detail },
      );
    },
  };
  repo.running.add(running);
  return running;
}

function environment(repo: TestRepo, command: string, more: StartOptions['env']): NodeJS.ProcessEnv {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(SWAMP_|NODE_TEST|NODE_OPTIONS|NODE_V8)/.test(name)));
  // `swamp` in a method's command is the program under test.
  // One cache of compiled code for all tests. Of a run whose calls are counted, none: the first runs write it.
  const code = command === 'strace' ? { NODE_DISABLE_COMPILE_CACHE: '1' } : { XDG_CACHE_HOME: join(ROOT, 'build') };
  return { ...env, ...code, PATH: `${repo.path}:${process.env['PATH']}`, NO_COLOR: '1', SWAMP_NOTICE_MS: '100', [MARK]: repo.base, ...repo.env, ...more };
}

async function untilClosed(
  child: ChildProcess,
  timeoutMs: number,
  pid: number,
): Promise<{ code: number | null; signal: NodeJS.Signals | null; late: boolean }> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killGroup(pid);
  }, timeoutMs);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      // Not `close`: a background child of a method may keep the pipes open for longer.
      child.once('exit', (code, signal) => {
        const done = (): void => resolve({ code, signal, late });
        child.once('close', done);
        // Between two check phases of the event loop lies one poll: what the pipes hold is read, however late the timer fires.
        setTimeout(() => setImmediate(() => setImmediate(done)), 500).unref();
      });
    });
  } finally {
    clearTimeout(timer);
  }
}

function killGroup(pid: number): void {
  killIfThere(-pid);
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The tests that have started a process: only their end has to look at every process of the machine. Copies of a repository share `running`. */
const started = new WeakSet<TestRepo['running']>();

/** Kills whatever the test started and is still there, the grandchildren in groups of their own included. */
export async function killAll(repo: TestRepo): Promise<void> {
  if (!started.has(repo.running)) return;
  const running = [...repo.running];
  for (const { pid } of running) killGroup(pid);
  await until('every process of the test is gone', () => killMarked(repo.base) === 0);
  await Promise.allSettled(running.map(({ exited }) => exited));
}

/** The pids of living processes that the test started, by the mark in their environment. Empty where there is no /proc. */
export function markedProcesses(base: string): number[] {
  return processIds().filter((pid) => {
    try {
      const [, state] = /\) ([A-Z]) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
      return state !== 'Z' && readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`${MARK}=${base}`);
    } catch (error) {
      if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
      throw error;
    }
  });
}

function killMarked(base: string): number {
  const pids = markedProcesses(base);
  for (const pid of pids) killIfThere(pid);
  return pids.length;
}

function processIds(): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number);
}
