/**
 * Runs a command with `/bin/sh -c` in a process group of its own, hands on its output as it comes, and ends it in time.
 *
 * Output arrives through a pipe that only this process reads: no file of ours is ever open in the command. The command is
 * over when its shell is; what the shell had written by then is read, and a background process that keeps the pipe open
 * is not waited for.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { isErrno, SwampError } from '../errors.js';
import { MAX_TIMEOUT_MS } from './definition.js';
import { end, groupOf, supervise } from './processes.js';

/**
 * A chunk is full (64 KiB) or it emptied the pipe: so many, read after the shell's end, hold all that fits into a pipe or
 * socket, and with it all that the shell had written.
 */
const CHUNKS_AFTER_EXIT = 64;

/**
 * Takes one piece of output; while its promise is pending nothing more is read, and a full pipe makes the command wait.
 * `over` fires when the command is being ended, or its shell has exited: a sink that waits for a person from then on would
 * keep the command's locks, and make its time limit void.
 */
export type Sink = (chunk: Buffer, over: AbortSignal) => void | Promise<void>;

export interface ShellOptions {
  /** Absolute; must exist. */
  readonly cwd: string;
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
  /** What the command reads; nothing by default. */
  readonly stdin?: 'ignore' | 'inherit' | { readonly text: string };
  readonly timeoutMs?: number | undefined;
  /** Ends the command like the time limit does. */
  readonly signal: AbortSignal;
  readonly onStdout: Sink;
  readonly onStderr: Sink;
  /** For a command that must not run unnoticed, and whose end must be known even when this process does not live to see it. */
  readonly recorded?: Recorded;
}

export interface Recorded {
  /** Called with the pid before the command's first instruction; when it throws, the command never runs. */
  readonly before: (pid: number) => Promise<void>;
  /** Absolute. The shell writes the exit status of the command here, in decimal, when the command has ended. */
  readonly exitPath: string;
}

export interface ShellResult {
  /** Null when a signal ended the shell. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  /** True: `options.signal` ended it. */
  readonly aborted: boolean;
  readonly durationMs: number;
  readonly pid: number;
}

/**
 * Runs `command` and resolves when its shell has exited and its output is taken. Past the time limit, and when the signal
 * fires, the whole process group gets SIGTERM, and SIGKILL two seconds later. Throws the signal's reason when it fired
 * before the start, `io` for a working directory that is not there, and what a sink throws, after ending the group.
 */
export async function runShell(command: string, options: ShellOptions): Promise<ShellResult> {
  options.signal.throwIfAborted();
  requireDirectory(options.cwd);
  const started = performance.now();
  const { child, pid } = await start(command, options);
  const { exitCode, signal, endedBy, failures } = await supervise(groupOf(pid), () => watched(child, pid, options));
  for (const { error } of failures) throw error;
  return { exitCode, signal, timedOut: endedBy === 'time limit', aborted: endedBy === 'signal', durationMs: Math.round(performance.now() - started), pid };
}

interface Ending {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly endedBy: 'time limit' | 'signal' | 'sink' | undefined;
  readonly failures: readonly Failure[];
}

interface Failure {
  readonly error: unknown;
}

async function watched(child: ShellProcess, pid: number, options: ShellOptions): Promise<Ending> {
  let endedBy: Ending['endedBy'];
  let group: Promise<void> | undefined;
  const over = new AbortController();
  const endFor = (reason: Ending['endedBy']) => () => {
    if (group !== undefined) return;
    endedBy = reason;
    group = end(groupOf(pid));
    over.abort();
  };
  const onAbort = endFor('signal');
  options.signal.addEventListener('abort', onAbort, { once: true });
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(endFor('time limit'), Math.min(options.timeoutMs, MAX_TIMEOUT_MS));
  const outputs = [pump(child.stdout, options.onStdout, over.signal, endFor('sink')), pump(child.stderr, options.onStderr, over.signal, endFor('sink'))];
  const exited = new Promise<Pick<Ending, 'exitCode' | 'signal'>>((resolve) => child.once('exit', (exitCode, signal) => resolve({ exitCode, signal })));
  const unopened = options.recorded === undefined ? undefined : await openGate(child, () => options.recorded?.before(pid));
  const exit = await exited;
  over.abort();
  clearTimeout(timer);
  options.signal.removeEventListener('abort', onAbort);
  // What the group writes while it ends is its output too. From here on nothing ends it any more.
  group ??= Promise.resolve();
  await group;
  const failures = await Promise.all(outputs.map((finish) => finish()));
  return { ...exit, endedBy, failures: [unopened, ...failures].flatMap((failure) => failure ?? []) };
}

type ShellProcess = ChildProcessByStdio<Writable | null, Readable, Readable>;

/**
 * Waits for a line on descriptor 3, runs the command and leaves its exit status in a file, synced: the starter may be dead by then.
 * When the descriptor is closed without a line, nothing runs. sync(1) takes no file on every system, hence the plain one behind it.
 */
const GATE = `IFS= read -r _ <&3 || exit
exec 3<&-
/bin/sh -c "$1"
status=$?
{ echo "$status" >"$2" && { sync "$2" || sync; }; } 2>/dev/null
exit "$status"`;

async function start(command: string, { cwd, env, recorded, stdin = 'ignore' }: ShellOptions): Promise<{ readonly child: ShellProcess; readonly pid: number }> {
  const args = recorded === undefined ? ['-c', command] : ['-c', GATE, 'sh', command, recorded.exitPath];
  const gate = recorded === undefined ? [] : ['pipe' as const];
  try {
    const child = spawn('/bin/sh', args, {
      cwd,
      env,
      detached: true,
      stdio: [typeof stdin === 'object' ? 'pipe' : stdin, 'pipe', 'pipe', ...gate],
    }) as ShellProcess;
    // A command that does not read what it is given is no fault.
    if (typeof stdin === 'object') child.stdin?.on('error', () => undefined).end(stdin.text);
    // Without a pid the reason comes as an event.
    if (child.pid === undefined) throw (await once(child, 'error'))[0];
    return { child, pid: child.pid };
  } catch (error) {
    if (!isErrno(error, 'E2BIG')) throw error;
    throw new SwampError('usage', 'The command and its environment are larger than the system allows.', {
      hint: 'Pass large values in a file, or read them with "swamp data get": on Linux one variable may have 128 KiB.',
      cause: error,
    });
  }
}

/** Lets the command go once `before` is done; what that throws closes the gate, and the waiting shell ends by itself. */
async function openGate(child: ShellProcess, before: () => Promise<void> | undefined): Promise<Failure | undefined> {
  const gate = child.stdio[3] as Writable;
  // A shell that was ended at the gate reads no more: its exit says so.
  gate.on('error', () => undefined);
  try {
    await before();
    gate.end('\n');
    return undefined;
  } catch (error) {
    gate.destroy();
    return { error };
  }
}

/** spawn(2) reports a missing directory as a missing /bin/sh. */
function requireDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw new SwampError('io', `The working directory ${path} does not exist, or is not a directory.`, {
    hint: 'Create it, or correct "workingDir" in the definition.',
    data: { path },
  });
}

/**
 * Hands every chunk of `stream` to `sink`, one at a time. `onFailure` is called when the sink throws; nothing is handed on
 * after that. The function returned is called when the shell has exited: it takes what the shell had written, closes the
 * stream and answers what failed.
 */
function pump(stream: Readable, sink: Sink, over: AbortSignal, onFailure: () => void): () => Promise<Failure | undefined> {
  let read = 0;
  let taken = 0;
  let failure: Failure | undefined;
  let tail = Promise.resolve();
  const fail = (error: unknown): void => {
    failure ??= { error };
    onFailure();
  };
  const take = async (chunk: Buffer): Promise<void> => {
    try {
      if (failure === undefined) await sink(chunk, over);
    } catch (error) {
      fail(error);
    }
    taken++;
    if (taken === read) stream.resume();
  };
  stream.on('error', fail);
  stream.on('data', (chunk: Buffer) => {
    read++;
    stream.pause();
    tail = tail.then(() => take(chunk));
  });
  return async () => {
    for (const last = read + CHUNKS_AFTER_EXIT; read < last && !stream.readableEnded && !stream.destroyed; ) {
      await tail;
      const before = read;
      // Between two check phases of the event loop lies one poll: a flowing stream that got nothing from it has an empty pipe.
      await turn();
      await turn();
      if (read === before && taken === read) break;
    }
    stream.removeAllListeners('data');
    stream.destroy();
    await tail;
    return failure;
  };
}
