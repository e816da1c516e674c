/** The entry of the program: answers `--version` at once, loads as little as the command needs, and sets the exit code. */
import { writeSync } from 'node:fs';
import { loadCompiled } from './code-cache.js';

declare const SWAMP_VERSION: string;
declare const SWAMP_BUILD: string | undefined;

/** The verbs of `data` that `hot.ts` has. */
const HOT: ReadonlySet<string> = new Set(['get', 'list', 'put', 'delete']);
/** With one of these they are other programs, which `hot.ts` does not have. */
const FORMS = /^--(batch|from-dir|to-dir)(=|$)/;

/** Else it is bundled in another way, for a test. */
const isShipped = typeof SWAMP_BUILD === 'string';

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
  const hot = argv[0] === 'data' && HOT.has(argv[1] ?? '') && !argv.some((word) => FORMS.test(word));
  // The stack that --verbose shows is one of the source. Node maps only what it loaded itself, after that was switched on.
  const verbose = argv.includes('--verbose') || argv.includes('-v');
  if (verbose) process.setSourceMapsEnabled(true);
  const compiled = verbose || !isShipped ? undefined : loadCompiled(`${__dirname}/${hot ? 'hot' : 'everything'}.cjs`, verb(), require);
  const { start } = (compiled?.exports as Program | undefined) ?? (await (hot ? import('./hot.js') : import('./everything.js')));
  const code = await start(argv, SWAMP_VERSION);
  if (code === 0) compiled?.keep();
  process.exit(code);
}

interface Program {
  readonly start: (argv: readonly string[], version: string) => Promise<number>;
}

/** Its first two words, most of what decides which functions run; every command line that begins otherwise counts as one. */
function verb(): string {
  const words = argv.slice(0, 2);
  return words.length === 2 && words.every((word) => /^[a-z]+$/.test(word)) ? words.join('-') : 'other';
}
