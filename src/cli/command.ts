/** What a command is to the table of commands: its words, flags and examples. */
import type { Flag, Positional } from './options.js';

export interface Command {
  /** The words that name it. */
  readonly verb: string;
  /** Other words that name it. */
  readonly also?: readonly string[];
  readonly summary: string;
  readonly positionals: readonly Positional[];
  readonly flags: readonly Flag[];
  /** What follows `swamp`, each with what it does. */
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** Asks on a terminal and refuses elsewhere, unless --force or --yes is given; with --dry-run it does neither. A flag: only with that one, of that value if it has one. */
  readonly destructive?: true | { readonly flag: string; readonly value?: string };
  /** What it prints says only that it is done: nothing of it with --quiet. With --dry-run it was asked for. */
  readonly confirms?: true;
  /** The words after `--` are a command line, not positionals: with this switch, or (true) always. */
  readonly runs?: string | true;
  /** Flags with which it is another program: load.ts has it under the verb with the flag. */
  readonly forms?: readonly string[];
}
