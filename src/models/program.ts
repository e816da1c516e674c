/**
 * Runs a program with the streams of this process, and ends it in time. Its arguments are passed on as they are: no shell reads them.
 *
 * Where this process has a terminal, the program stays in its process group, because only the group in the foreground may read from
 * the keyboard and is stopped by Ctrl-Z. Elsewhere it gets a group of its own, which is signalled and ended as a whole.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { isErrno, isSystemError, SwampError } from '../errors.js';
import { hasTerminal } from '../fs/descriptors.js';
import { end, familyOf, groupOf, isInForeground, supervise } from './processes.js';

export interface ProgramOptions {
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Ends the program and its processes: SIGTERM, and SIGKILL two seconds later. */
  readonly signal: AbortSignal;
  /** Its stdout; that of this process unless said otherwise. A descriptor. */
  readonly stdout?: 'inherit' | number;
  /** It is not ended when this process is killed. */
  readonly outlives?: true;
  /** Called when it runs, with what hands a signal to it. */
  readonly onStart?: ((pass: (signal: NodeJS.Signals) => void) => void) | undefined;
}

export interface ProgramResult {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What the keyboard of a terminal sends to every process of the group in the foreground. */
const OF_KEYBOARD: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];

/**
 * Resolves when the program has ended; what it left in the background goes on, unless `signal` ended it. Throws the signal's reason when
 * it fired before the start, `usage` when there is no such program, `io` when it cannot be run.
 */
export async function runProgram(words: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
  const { signal, onStart } = options;
  signal.throwIfAborted();
  const shared = hasTerminal();
  const watcher = options.outlives === true ? undefined : startWatcher();
  const { child, pid } = await start(words, options, !shared).catch((error: unknown) => {
    watcher?.end();
    throw error;
  });
  watcher?.write(`${shared ? pid : -pid}\n`);
  const exited = new Promise<ProgramResult>((resolve) => child.once('exit', (exitCode, by) => resolve({ exitCode, signal: by })));
  const processes = shared ? familyOf(pid) : groupOf(pid);
  onStart?.((name) => {
    // It has reached the program by itself.
    if (shared && OF_KEYBOARD.includes(name) && isInForeground()) return;
    if (shared) child.kill(name);
    else processes.signal(name);
  });
  return supervise(processes, async () => {
    let ending: Promise<void> | undefined;
    const onAbort = (): void => {
      ending = end(processes);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const result = await exited;
    signal.removeEventListener('abort', onAbort);
    watcher?.end('\n');
    await ending;
    return result;
  });
}

/**
 * When this process is killed, its locks are free at once: the program must end, too. It gets a line that says what to kill, and one when that has
 * ended by itself. It has a session of its own, so that no signal for the others reaches it.
 */
const WATCHER = 'IFS= read -r target || exit; IFS= read -r _ || kill -9 "$target"';

/** What is written to it. */
function startWatcher(): Writable {
  const watcher = spawn('/bin/sh', ['-c', WATCHER], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  // A program that is not watched is run all the same.
  watcher.on('error', () => undefined);
  watcher.stdin.on('error', () => undefined);
  watcher.unref();
  return watcher.stdin;
}

async function start(
  [file = '', ...args]: readonly string[],
  { env, stdout = 'inherit' }: ProgramOptions,
  detached: boolean,
): Promise<{ child: ChildProcess; pid: number }> {
  try {
    const child = spawn(file, args, { env, detached, stdio: ['inherit', stdout, 'inherit'] });
    // Without a pid the reason comes as an event.
    if (child.pid === undefined) throw (await once(child, 'error'))[0];
    return { child, pid: child.pid };
  } catch (error) {
    throw startFailure(file, error);
  }
}

function startFailure(file: string, error: unknown): unknown {
  const command = JSON.stringify(file.slice(0, 200));
  if (isErrno(error, 'ENOENT', 'ENOTDIR'))
    return new SwampError('usage', `There is no command ${command}.`, { hint: `A line for the shell: -- sh -c '...'`, data: { command: file }, cause: error });
  if (isErrno(error, 'E2BIG'))
    return new SwampError('usage', 'The command and its environment are larger than the system allows.', {
      hint: 'Pass large values in a file: on Linux one argument may have 128 KiB.',
      cause: error,
    });
  if (!isSystemError(error)) return error;
  return new SwampError('io', `The command ${command} cannot be run (${error.code}).`, {
    hint: error.code === 'EACCES' ? `Is it a program that you may run? See: ls -l ${file}` : 'Try again.',
    data: { command: file, errno: error.code },
    cause: error,
  });
}
