/** SIGINT, SIGTERM and SIGHUP: the first one asks the command to unwind, a second one ends the process at once. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Signals {
  /** Fires with the first signal. */
  readonly signal: AbortSignal;
  /** 128+n once a signal has come. */
  readonly exitCode: number | undefined;
}

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
  };
}
