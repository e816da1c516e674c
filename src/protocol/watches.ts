/** Directories that are watched for any change in them; a poll backs it up, since network disks send no events and watches run out. */
import { type FSWatcher, watch } from 'node:fs';
import { isErrno } from '../errors.js';

export class Watches {
  /** Counts events, so that one between look and sleep is not lost. */
  changes = 0;
  /** The system had no watch left for one of the directories. */
  exhausted = false;
  readonly #armed = new Map<string, FSWatcher>();
  #wake: (() => void) | undefined;

  /** Watches exactly `dirs`; true when one was new. A directory that cannot be watched, or is not there yet, is left to the poll. */
  arm(dirs: Iterable<string>): boolean {
    const wanted = new Set(dirs);
    for (const [dir, watcher] of this.#armed) {
      if (wanted.has(dir)) continue;
      watcher.close();
      this.#armed.delete(dir);
    }
    let fresh = false;
    for (const dir of wanted) {
      const watcher = this.#armed.has(dir) ? undefined : this.#open(dir);
      if (watcher === undefined) continue;
      this.#armed.set(dir, watcher);
      fresh = true;
    }
    return fresh;
  }

  #open(dir: string): FSWatcher | undefined {
    const changed = (): void => {
      this.changes++;
      this.#wake?.();
    };
    try {
      // A watch that breaks later (its directory went) also means: look again.
      return watch(dir, { persistent: false }, changed).on('error', changed);
    } catch (error) {
      if (isErrno(error, 'ENOSPC', 'EMFILE')) this.exhausted = true;
      if (isErrno(error, 'ENOENT', 'ENOSPC', 'EMFILE', 'ENOTDIR', 'EACCES', 'ENOSYS')) return undefined;
      throw error;
    }
  }

  /** Until something changes, the time is over, or the signal fires. */
  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }

  close(): void {
    for (const watcher of this.#armed.values()) watcher.close();
    this.#armed.clear();
  }
}
