/** What a command prints, as the content of a version: it ends when the command has ended with 0, and fails in every other case. */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { isatty } from 'node:tty';
import { SwampError } from '../errors.js';
import { runShell, type ShellResult } from '../models/shell.js';
import type { Source } from '../store/stage.js';
import { relay } from './output.js';
import { quoted } from './render/text.js';

const STDIN = 0;

export interface OutputOptions {
  readonly cwd: string;
  readonly signal: AbortSignal;
}

/**
 * Does `work` with what the command prints on stdout; it runs once that is read, in a process group of its own, which has ended
 * when this resolves. Its stderr is shown. It has no terminal: in a group in the background, reading from one would stop it.
 */
export async function withOutputOf<T>(words: readonly string[], options: OutputOptions, work: (output: Source) => Promise<T>): Promise<T> {
  const unread = new AbortController();
  const signal = AbortSignal.any([options.signal, unread.signal]);
  let ended: Promise<unknown> = Promise.resolve();
  const output = async function* (): AsyncGenerator<Uint8Array> {
    const stream = new PassThrough();
    // Destroyed before its reader has begun, it would end the process; the reader gets the error all the same.
    stream.on('error', () => undefined);
    const shell = runShell(`exec ${words.map(quoted).join(' ')}`, {
      cwd: options.cwd,
      env: process.env,
      stdin: isatty(STDIN) ? 'ignore' : 'inherit',
      signal,
      onStdout: async (chunk) => {
        // What ends this wait early, the signal or a reader that is gone, ends the command by itself.
        if (!stream.write(chunk)) await once(stream, 'drain', { signal }).catch(() => undefined);
      },
      onStderr: relay,
    });
    ended = shell.then(
      () => stream.end(),
      (error) => stream.destroy(error),
    );
    yield* stream;
    const result = await shell;
    options.signal.throwIfAborted();
    requireSuccess(words, result);
  };
  try {
    return await work(output());
  } finally {
    unread.abort();
    await ended;
  }
}

function requireSuccess(words: readonly string[], { exitCode, signal }: ShellResult): void {
  if (exitCode === 0) return;
  const how = exitCode === null ? `was ended by ${signal ?? 'a signal'}` : `exited with ${exitCode}`;
  throw new SwampError('method_failed', `The command ${JSON.stringify(words[0])} ${how}.`, {
    hint: 'Nothing was stored.',
    data: { command: words, exitCode, signal },
  });
}
