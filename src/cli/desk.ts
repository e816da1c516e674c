/** Where a person edits a text: a file of its own, in the editor of the person, again until it is valid. It is kept when the text is not taken over. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asSwampError, SwampError } from '../errors.js';
import { problemText } from '../models/files.js';
import { runProgram } from '../models/program.js';
import type { Draft } from '../operations/model-edit.js';
import type { Context } from './context.js';
import { isTerminal, tellLine } from './output.js';
import { printable } from './render/text.js';

export class Desk {
  readonly #context: Context;
  #dir: string | undefined;
  #file = '';
  #before = '';

  constructor(context: Context) {
    this.#context = context;
  }

  /** The text when it is valid, or when the person gives up: then the operation says what is wrong with it. */
  async edit({ name, text, problemsOf }: Draft): Promise<string> {
    this.#before = text;
    this.#dir = mkdtempSync(join(tmpdir(), 'swamp-edit-'));
    this.#file = join(this.#dir, `${name}.yaml`);
    writeFileSync(this.#file, text, { mode: 0o600 });
    for (;;) {
      await this.#open();
      const edited = decoded(readFileSync(this.#file), this.#file);
      const problems = edited === text ? [] : await problemsOf(edited);
      if (problems.length === 0) return edited;
      for (const problem of problems) tellLine(`swamp: ${printable(problemText(problem))}\n`);
      const { ask } = await import('./ask.js');
      if (!(await ask('Edit it again?', this.#context.signal))) return edited;
    }
  }

  async #open(): Promise<void> {
    const { env, signal, passSignals } = this.#context;
    const editor = env['VISUAL'] || env['EDITOR'] || 'vi';
    try {
      // As git does: the variable may hold arguments.
      const words = ['/bin/sh', '-c', `${editor} "$1"`, 'sh', this.#file];
      const ended = await runProgram(words, { env, signal, onStart: passSignals, stdout: isTerminal('stdout') ? 'inherit' : 2, outlives: true });
      if (ended.exitCode === 0) return;
      throw new SwampError(
        'method_failed',
        `The editor "${editor}" ${ended.exitCode === null ? `was ended by ${ended.signal}` : `exited with ${ended.exitCode}`}.`,
        {
          hint: ended.exitCode === 127 ? 'Set VISUAL or EDITOR to an editor that there is.' : 'Nothing was changed.',
          data: { editor, exitCode: ended.exitCode, signal: ended.signal },
        },
      );
    } finally {
      passSignals(undefined);
    }
  }

  clear(): void {
    if (this.#dir !== undefined) rmSync(this.#dir, { recursive: true });
  }

  /** The error, which says where a text is that was changed. */
  keep(error: unknown): unknown {
    if (this.#dir === undefined || this.#isUntouched()) {
      this.clear();
      return error;
    }
    const { signal, reporter } = this.#context;
    if (signal.aborted) {
      reporter.warn(`The definition was not changed. Your text is in ${this.#file}.`, { topic: 'model', kept: this.#file });
      return error;
    }
    const { code, message, hint, data } = asSwampError(error);
    const again = `To use it: swamp model edit ${this.#context.args.need('model')} < ${this.#file}`;
    return new SwampError(code, `${message} Your text is in ${this.#file}.`, {
      hint: hint === undefined ? again : `${hint} ${again}`,
      data: { ...data, kept: this.#file },
      cause: error,
    });
  }

  #isUntouched(): boolean {
    return readFileSync(this.#file).equals(Buffer.from(this.#before));
  }
}

/** Throws `usage` for bytes that are not UTF-8. */
export function decoded(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new SwampError('usage', `${what} is not valid UTF-8.`, { hint: 'A definition is YAML in UTF-8.', cause: error });
  }
}
