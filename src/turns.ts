/** Taking turns: long loops of synchronous calls let timers and signals through, and crowds do the same thing a few at a time. */
import { setImmediate as turn } from 'node:timers/promises';

/** So many looks at small files take some milliseconds. */
const ENTRIES = 100;

/** To be awaited for each entry of a loop: now and then a turn of the event loop lies in between. Throws the reason of the signal. */
export function turns(signal?: AbortSignal): () => Promise<void> | undefined {
  let entries = 0;
  return () => {
    signal?.throwIfAborted();
    entries++;
    return entries % ENTRIES === 0 ? turn() : undefined;
  };
}

/** Runs what it is given, `most` at a time, in order of arrival. */
export function atMost(most: number): <T>(act: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting = new Set<() => void>();
  return async (act) => {
    if (running === most) await new Promise<void>((resolve) => waiting.add(resolve));
    else running++;
    try {
      return await act();
    } finally {
      const [next] = waiting;
      if (next === undefined) running--;
      else {
        waiting.delete(next);
        next();
      }
    }
  };
}
