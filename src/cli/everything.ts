/** The program with every command, and what the completion scripts ask. */
import { complete } from './complete.js';
import { loadCommand } from './load.js';
import { print } from './output.js';
import { program } from './program.js';

/** Resolves with the exit code. */
export async function start(argv: readonly string[], version: string): Promise<number> {
  if (argv[0] !== '--complete') return program(argv, version, loadCommand);
  await print(await complete(argv.slice(1)));
  return 0;
}
