/** The program with the verbs that scripts call in a loop, and no other: a third of the code to load. */
import { run as dataDelete } from './commands/data-delete.js';
import { run as dataGet } from './commands/data-get.js';
import { run as dataList } from './commands/data-list.js';
import { run as dataPut } from './commands/data-put.js';
import type { Run } from './context.js';
import { program } from './program.js';

const COMMANDS: Readonly<Record<string, Run>> = {
  'data delete': dataDelete,
  'data get': dataGet,
  'data list': dataList,
  'data put': dataPut,
};

/** Resolves with the exit code. `argv` begins with one of the verbs above. */
export function start(argv: readonly string[], version: string): Promise<number> {
  return program(argv, version, async (verb) => {
    const run = COMMANDS[verb];
    if (run === undefined) throw new TypeError(`${verb} is not in this bundle`);
    return run;
  });
}
