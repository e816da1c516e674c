/** The entry of the program: answers `--version` at once, starts everything else, and is the only place that sets the exit code. */
import { writeSync } from 'node:fs';

declare const SWAMP_VERSION: string;

const argv = process.argv.slice(2);
if (argv.length === 1 && argv[0] === '--version') {
  writeSync(1, `${SWAMP_VERSION}\n`);
} else {
  const { program } = await import('./program.js');
  // Whatever a command may have left open does not keep the process; everything written is flushed by now.
  process.exit(await program(argv, SWAMP_VERSION));
}
