/** The program with `data get` alone, for the scripts that call it in a loop: half as much to load. */
import { run } from './commands/data-get.js';
import { program } from './program.js';

/** Resolves with the exit code. `argv` begins with `data get`. */
export function start(argv: readonly string[], version: string): Promise<number> {
  return program(argv, version, async () => run);
}
