/** Signals that would end the process: the first one asks the command to unwind, a second one ends the process at once. */
import { constants } from 'node:os';

/**
 * Every signal that ends a process which does not handle it: without a handler the command of a method would go on while its run
 * lock is free. SIGUSR1 among them: unhandled, Node opens its debugger on it. Left out are SIGKILL, which cannot be handled; SIGPIPE
 * and SIGXFSZ, which Node ignores (`locks/lease.ts` keeps it so); and the faults (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS), after which nothing may run.
 */
export const ENDING_SIGNALS = (
  [
    'SIGINT',
    'SIGTERM',
    'SIGHUP',
    'SIGQUIT',
    'SIGUSR1',
    'SIGUSR2',
    'SIGALRM',
    'SIGVTALRM',
    'SIGPROF',
    'SIGXCPU',
    'SIGABRT',
    'SIGIO',
    'SIGPWR',
    'SIGSTKFLT',
  ] as const
).filter((name) => name in constants.signals);

export interface Signals {
  /** Fires with the first signal. */
  readonly signal: AbortSignal;
  /** 128+n once a signal has come. */
  readonly exitCode: number | undefined;
  /** As if this signal had come: the process ends by it. The exit code. */
  endBy(name: NodeJS.Signals): number;
  /** Ends the process by the signal, when one has come; else answers the code. */
  end(code: number): number;
  /** From now on each signal goes to `receiver`, and ends nothing here; undefined: signals end the command again. */
  passTo(receiver: ((name: NodeJS.Signals) => void) | undefined): void;
  /** Waits for `work`, which waits for a reader; after a signal for a moment only, then undefined. */
  orGivenUp<T>(work: Promise<T>): Promise<T | undefined>;
}

/** How long a slow reader is waited for after a signal; one that has stopped must not keep the process. */
const MOMENT_MS = 200;

/** Those by which people and supervisors end a program. Of the others most leave a core file of the whole memory. */
const DIES_OF: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * bash, and every interactive shell, ends its loop at Ctrl-C only where the program dies of the signal: at an exit code, even 130, the
 * loop goes on. A supervisor calls such an end clean. The exit handlers, which release locks, are run before. The first process of a
 * container does not die of it, and ends with 128+n as after the other signals.
 */
function dieOf(name: NodeJS.Signals): never {
  const code = 128 + constants.signals[name];
  if (DIES_OF.includes(name)) {
    process.exitCode = code;
    process.emit('exit', code);
    process.removeAllListeners(name);
    process.kill(process.pid, name);
  }
  process.exit(code);
}

/** Listens until the process ends. Locks are released by the exit handlers of their holders, also when the process ends at once. */
export function onSignals(): Signals {
  const controller = new AbortController();
  let endedBy: NodeJS.Signals | undefined;
  let passed: ((name: NodeJS.Signals) => void) | undefined;
  for (const name of ENDING_SIGNALS) {
    process.on(name, () => {
      if (passed !== undefined) return passed(name);
      if (endedBy !== undefined) dieOf(endedBy);
      endedBy = name;
      controller.abort(new DOMException(`ended by ${name}`, 'AbortError'));
    });
  }
  // A library that handles a signal under its other name (SIGIOT, SIGPOLL) ends the process when no other listener does under that name.
  const handled: readonly string[] = ENDING_SIGNALS;
  const numbers = new Set(ENDING_SIGNALS.map((name) => constants.signals[name]));
  for (const [name, number] of Object.entries(constants.signals)) if (numbers.has(number) && !handled.includes(name)) process.on(name, () => undefined);
  return {
    signal: controller.signal,
    get exitCode() {
      return endedBy === undefined ? undefined : 128 + constants.signals[endedBy];
    },
    endBy: (name) => {
      endedBy = name;
      return 128 + constants.signals[name];
    },
    end: (code) => (endedBy === undefined ? code : dieOf(endedBy)),
    passTo: (receiver) => {
      passed = receiver;
    },
    async orGivenUp(work) {
      const { signal } = controller;
      const givenUp = new Promise<undefined>((resolve) => {
        const soon = (): void => void setTimeout(resolve, MOMENT_MS, undefined);
        if (signal.aborted) soon();
        else signal.addEventListener('abort', soon, { once: true });
      });
      return Promise.race([work, givenUp]);
    },
  };
}
