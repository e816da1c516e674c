/** A question on the terminal. */
import { createInterface } from 'node:readline';
import { atLineStart, tell } from './output.js';
import { printable } from './render/text.js';

/** `above`: lines that are shown first, as they are. True for `y` or `yes`; anything else, the end of the input too, means no. Throws the reason of `signal` when it fires. */
export async function ask(question: string, signal: AbortSignal, above = ''): Promise<boolean> {
  signal.throwIfAborted();
  // Not in terminal mode: the terminal's own line editing is enough, and Ctrl-C stays a signal.
  const lines = createInterface({ input: process.stdin, terminal: false });
  tell(`${above}${printable(question)} [y/N] `);
  return new Promise<boolean>((done, fail) => {
    signal.addEventListener('abort', () => fail(signal.reason), { once: true });
    lines.once('line', (answer) => {
      atLineStart();
      done(/^y(es)?$/i.test(answer.trim()));
    });
    lines.once('close', () => {
      tell('\n');
      done(false);
    });
  }).finally(() => lines.removeAllListeners().close());
}
