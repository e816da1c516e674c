/** A question on the terminal. */
import { createInterface } from 'node:readline';
import { printable } from './render/text.js';

/** True for `y` or `yes`; anything else, the end of the input too, means no. Throws the reason of `signal` when it fires. */
export function ask(question: string, signal: AbortSignal): Promise<boolean> {
  // Not in terminal mode: the terminal's own line editing is enough, and Ctrl-C stays a signal.
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  return new Promise<boolean>((done, fail) => {
    const stop = (): void => fail(signal.reason);
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    lines.once('close', () => done(false));
    lines.question(`${printable(question)} [y/N] `, (answer) => done(/^y(es)?$/i.test(answer.trim())));
  }).finally(() => lines.close());
}
