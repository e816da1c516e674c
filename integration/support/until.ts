/** Waits for conditions, never for time: every wait has a deadline, and says what it waited for when that passes. */
import { AssertionError } from 'node:assert';
import { type FSWatcher, watch } from 'node:fs';

export interface UntilOptions {
  readonly timeoutMs?: number;
  /** Directories whose change may make the condition true: looked at at once, not at the next poll. */
  readonly watch?: readonly string[];
  /** Told when the deadline passes: what was there instead. */
  readonly detail?: () => string;
}

const POLL_MS = 15;

/** Looks until `look` answers something other than undefined and false, and returns that. */
export async function until<T>(what: string, look: () => T | undefined | false | Promise<T | undefined | false>, options: UntilOptions = {}): Promise<T> {
  const deadline = performance.now() + (options.timeoutMs ?? 20_000);
  let wake: (() => void) | undefined;
  const watchers = (options.watch ?? []).map((dir): FSWatcher => watch(dir, () => wake?.()));
  try {
    for (;;) {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      if (performance.now() > deadline) throw new AssertionError({ message: `Waited in vain until ${what}.\n${options.detail?.() ?? ''}` });
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, POLL_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    for (const watcher of watchers) watcher.close();
  }
}
