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
  /** From now on each signal goes to `receiver`, and ends nothing here; undefined: signals end the command again. */
  passTo(receiver: ((name: NodeJS.Signals) => void) | undefined): void;
  /** Waits for `work`, which waits for a reader; after a signal for a moment only, then undefined. */
  orGivenUp<T>(work: Promise<T>): Promise<T | undefined>;
}

/** How long a slow reader is waited for after a signal; one that has stopped must not keep the process. */
const MOMENT_MS = 200;

/** Listens until the process ends. Locks are released by the exit handlers of their holders, also when the process ends at once. */
export function onSignals(): Signals {
  const controller = new AbortController();
  let exitCode: number | undefined;
  let passed: ((name: NodeJS.Signals) => void) | undefined;
  for (const name of ENDING_SIGNALS) {
    process.on(name, () => {
      if (passed !== undefined) return passed(name);
      if (exitCode !== undefined) process.exit(exitCode);
      exitCode = 128 + constants.signals[name];
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
      return exitCode;
    },
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
