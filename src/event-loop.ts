/** Yielding to the event loop: long loops of synchronous calls let timers and signals through. */
import { setImmediate as turn } from 'node:timers/promises';

/** So many looks at small files take some milliseconds. */
const ENTRIES = 100;

/** To be awaited for each entry of a loop: now and then a turn of the event loop lies in between. Throws the reason of the signal. */
export function yielding(signal?: AbortSignal): () => Promise<void> | undefined {
  let entries = 0;
  return () => {
    signal?.throwIfAborted();
    entries++;
    return entries % ENTRIES === 0 ? turn() : undefined;
  };
}
