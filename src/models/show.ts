/** The output of a command, shown to whoever reads it: who has fallen behind is waited for, so that it does not pile up. */

/** Shows the command's own output as it comes; while its promise is pending nothing more is read. */
export type OnOutput = (chunk: Uint8Array) => void | Promise<void>;

/** Shows a chunk, and waits for a reader who has fallen behind; who is to end waits for nobody. */
export async function show(chunk: Uint8Array, onOutput: OnOutput | undefined, signal: AbortSignal): Promise<void> {
  const shown = onOutput?.(chunk);
  if (shown === undefined || signal.aborted) return;
  let letGo = (): void => {};
  const aborted = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  signal.addEventListener('abort', letGo, { once: true });
  try {
    await Promise.race([shown, aborted]);
  } finally {
    signal.removeEventListener('abort', letGo);
  }
}
