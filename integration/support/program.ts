/** What the small programs of integration/programs share: how they tell, how they are stopped, and one clock for all of them. */
import { writeSync } from 'node:fs';

/** One line on stdout, at once: text, or a document. */
export function tell(message: string | object): void {
  const bytes = Buffer.from(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`);
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

/** Milliseconds of the system's monotonic clock, which every process of this machine reads alike. */
export function sharedClock(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Fires when the test closes stdin, or ends. */
export function untilStdinCloses(): AbortSignal {
  const stop = new AbortController();
  process.stdin.on('end', () => stop.abort()).resume();
  process.stdin.on('error', () => stop.abort());
  return stop.signal;
}

/** Resolves when the test has written a line to stdin. */
export function firstLine(): Promise<void> {
  return new Promise((resolve) => process.stdin.once('data', () => resolve()));
}

/** The documents that a program has told so far. */
export function told<T>(stdout: string): T[] {
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as T);
}
