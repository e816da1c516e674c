/** SIGINT, SIGTERM and SIGHUP: the first one asks the command to unwind, a second one ends the process at once. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Signals {
  /** Fires with the first signal. */
  readonly signal: AbortSignal;
  /** 128+n once a signal has come. */
  readonly exitCode: number | undefined;
  /** Waits for `work`, which waits for a reader; after a signal for a moment only, then undefined. */
  orGivenUp<T>(work: Promise<T>): Promise<T | undefined>;
}

/** What a reader who is slow gets after a signal; who stands still must not keep the process. */
const MOMENT_MS = 200;

/** Listens until the process ends. Locks are released by the exit handlers of whoever holds them, also when the process ends at once. */
export function onSignals(): Signals {
  const controller = new AbortController();
  let exitCode: number | undefined;
  for (const name of SIGNALS) {
    process.on(name, () => {
      if (exitCode !== undefined) process.exit(exitCode);
      exitCode = 128 + constants.signals[name];
      controller.abort(new DOMException(`ended by ${name}`, 'AbortError'));
    });
  }
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
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
