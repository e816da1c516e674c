/** The entry of the program: answers `--version` at once, starts everything else, and sets the exit code. */
import { writeSync } from 'node:fs';

declare const SWAMP_VERSION: string;

const argv = process.argv.slice(2);
if (argv.length === 1 && argv[0] === '--version') writeSync(1, `${SWAMP_VERSION}\n`);
else void start();

/** Whatever a command may have left open does not keep the process; everything written is flushed by now. */
async function start(): Promise<void> {
  const { program } = await import('./program.js');
  process.exit(await program(argv, SWAMP_VERSION));
}
