/** The commands for models: part of the one table of commands. */
import type { Command } from './command.js';
import { DRY_RUN, FORCE, IF_EXISTS, MODEL, TAG, TRUST, YES } from './options.js';

export const MODEL_COMMANDS: readonly Command[] = [
  {
    verb: 'model create',
    summary: 'Create a model',
    confirms: true,
    positionals: [
      { name: 'type', description: '"store" (data only) or "command/shell" (runs a command)' },
      { name: 'name', description: 'The name of the model', flag: true },
    ],
    flags: [
      { name: 'run', type: 'value', value: 'CMD', description: 'The command of the method "execute"' },
      { name: 'delete-run', type: 'value', value: 'CMD', description: 'The command of the method "delete"' },
      { name: 'set', type: 'list', value: 'K=V', description: 'Another argument of "execute"; may be given again' },
      TAG,
      { name: 'description', type: 'value', value: 'TEXT', description: 'What the model is for', mayBeEmpty: true },
    ],
    examples: [
      ['model create store results', 'a model that holds data only'],
      ['model create command/shell build --run "make dist"', 'a model that runs a command'],
    ],
  },
  {
    verb: 'model list',
    summary: 'List the models',
    positionals: [],
    flags: [],
    examples: [],
  },
  {
    verb: 'model search',
    summary: 'List the models whose name, type or tags contain a text',
    positionals: [{ name: 'text', description: 'What to look for', optional: true, mayBeEmpty: true }],
    flags: [],
    examples: [],
  },
  {
    verb: 'model get',
    summary: 'Show a model',
    positionals: [MODEL],
    flags: [],
    examples: [],
  },
  {
    verb: 'model validate',
    summary: 'Check the definitions of all models, or of one',
    positionals: [{ ...MODEL, optional: true }],
    flags: [],
    examples: [],
  },
  {
    verb: 'model edit',
    summary: 'Edit the definition of a model, in $VISUAL or $EDITOR; without a terminal the new text comes from stdin',
    confirms: true,
    positionals: [MODEL],
    flags: [],
    examples: [['model edit build < new.yaml', 'from a script: the whole definition, checked before it replaces the old one']],
  },
  {
    verb: 'model set',
    summary: 'Change values of a definition; its comments and layout stay',
    confirms: true,
    positionals: [
      MODEL,
      {
        name: 'key=value',
        description:
          'description, tags.NAME, retention.lifetime, retention.gc, methods.METHOD.arguments.NAME; of "execute" also run, workingDir, timeout, env.NAME',
        optional: true,
        many: true,
      },
    ],
    flags: [{ name: 'unset', type: 'list', value: 'KEY', description: 'Remove a value; may be given again' }],
    examples: [
      ['model set build timeout=60000 env.REGION=eu', 'arguments of the method "execute"'],
      ['model set build tags.env=prod --unset tags.old', 'add one tag, remove another'],
      ["model set build methods.delete.arguments.run='rm -r out'", 'the method "delete"'],
    ],
  },
  {
    verb: 'model rename',
    summary: 'Give a model another name; its id and data stay',
    confirms: true,
    positionals: [MODEL, { name: 'new-name', description: 'The new name', flag: true }],
    flags: [],
    examples: [],
  },
  {
    verb: 'model delete',
    summary: 'Delete a model, and run its method "delete" once',
    confirms: true,
    positionals: [MODEL],
    flags: [{ name: 'with-data', type: 'switch', description: 'Also when it holds data; the data is deleted too' }, IF_EXISTS, TRUST, DRY_RUN, FORCE, YES],
    examples: [['model delete build --with-data --dry-run', 'see what would be deleted']],
    destructive: true,
  },
  {
    verb: 'model method run',
    also: ['model run'],
    summary: 'Run a method of a model and store its outputs',
    confirms: true,
    positionals: [MODEL, { name: 'method', description: 'The method; "execute" unless given', optional: true }],
    flags: [
      { name: 'input', type: 'list', value: 'K=V', description: 'An environment variable of the command; may be given again' },
      { name: 'timeout', type: 'value', value: 'MS', description: 'End the command after so many milliseconds' },
      TRUST,
    ],
    examples: [['model run build', 'run "execute" of the model "build"']],
  },
  {
    verb: 'model exec',
    summary: 'Run a command while holding the run lock of a model; its exit code is the result',
    positionals: [MODEL],
    flags: [{ name: 'create', type: 'switch', description: 'Create the model, of type "store", when there is none' }],
    runs: true,
    examples: [
      ['model exec counter --create -- ./add-one.sh', 'one at a time, on this machine or disk'],
      ["model exec site --no-wait -- sh -c 'make && make install'", 'exit with 75 when another process holds the lock'],
    ],
  },
];
