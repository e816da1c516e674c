/** The output of a command, shown to its reader: a reader that has fallen behind is waited for, so that it does not pile up. */

/** Shows the command's own output as it comes; while its promise is pending nothing more is read. */
export type OnOutput = (chunk: Uint8Array) => void | Promise<void>;

/** Shows a chunk, and waits for a reader who has fallen behind, until the command is `over`. */
export async function show(chunk: Uint8Array, onOutput: OnOutput | undefined, over: AbortSignal): Promise<void> {
  const shown = onOutput?.(chunk);
  if (shown === undefined || over.aborted) return;
  let letGo = (): void => {};
  const ended = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  over.addEventListener('abort', letGo, { once: true });
  try {
    await Promise.race([shown, ended]);
  } finally {
    over.removeEventListener('abort', letGo);
  }
}
