/** The entry of the program: answers `--version` at once, loads as little as the command needs, and sets the exit code. */
import { writeSync } from 'node:fs';

declare const SWAMP_VERSION: string;

const argv = process.argv.slice(2);
if (argv.length === 1 && argv[0] === '--version') printVersion();
else void main();

function printVersion(): void {
  try {
    writeSync(1, `${SWAMP_VERSION}\n`);
  } catch (error) {
    // As every other command whose reader is gone, or whose disk is full.
    const { code } = error as NodeJS.ErrnoException;
    process.exitCode = code === 'EPIPE' ? 141 : 74;
    if (code !== 'EPIPE') process.stderr.write(`swamp: Standard output cannot be written to (${code}).\n`);
  }
}

/** Whatever a command may have left open does not keep the process; everything written is flushed by now. */
async function main(): Promise<void> {
  // Should a command ever wait for what cannot come, nothing is left to do and Node ends the process: that is a bug of ours, and never "done".
  process.exitCode = 70;
  // For the stack that --verbose shows; it must be set before the code is loaded.
  if (argv.includes('--verbose') || argv.includes('-v')) process.setSourceMapsEnabled(true);
  const { start } = await (argv[0] === 'data' && argv[1] === 'get' ? import('./only-get.js') : import('./everything.js'));
  process.exit(await start(argv, SWAMP_VERSION));
}
