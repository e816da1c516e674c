/** The one table of commands: help, completion, suggestions and parsing all read it. What a command does stands in load.ts. */
import { BACKUP_COMMANDS } from './backup-table.js';
import type { Command } from './command.js';
import { DRY_RUN, type Flag, FORCE, IF_EXISTS, MODEL, NAME, type Positional, TRUST, YES } from './options.js';

const TAG: Flag = { name: 'tag', type: 'list', value: 'K=V', description: 'A tag; may be given again' };
const VERSION: Flag = { name: 'version', type: 'value', value: 'N', description: 'This version, not the latest' };

/** What a new version is to be. */
const VERSION_FLAGS: readonly Flag[] = [
  { name: 'content-type', type: 'value', value: 'TYPE', description: 'Its media type' },
  TAG,
  { name: 'lifetime', type: 'value', value: 'L', description: 'When it expires: 1h 5m 10d 2w 1mo 10y infinite ephemeral' },
  { name: 'gc', type: 'value', value: 'P', description: 'How many versions to keep, or for how long' },
  { name: 'expect-version', type: 'value', value: 'N', description: 'Only when N is the latest version; 0: only when there is none' },
  { name: 'if-changed', type: 'switch', description: 'Write nothing when the content equals the latest' },
  { name: 'create', type: 'switch', description: 'Create the model, of type "store", when there is none' },
];
const IF_STABLE: Flag = { name: 'if-stable', type: 'switch', description: 'Refuse a FILE that changes while it is read' };
const NO_EMPTY: Flag = { name: 'no-empty', type: 'switch', description: 'Refuse a content of 0 bytes' };
const UPLOAD: Positional = { name: 'upload', description: 'The id that "data upload begin" printed', flag: true };

/** What a group of commands is about, for help. */
export const GROUPS: Readonly<Record<string, string>> = {
  repo: 'Repositories',
  model: 'Models: what owns data, and the commands that make it',
  'model method': 'Methods of models',
  data: 'Versioned data',
  'data upload': 'Versions that are written in parts, by many processes at once',
  datastore: 'The store below: health, locks, leftovers',
  'datastore lock': 'Locks: who holds them, and letting go of them by force',
  backup: 'Backups: plain trees for cat, find and sha256sum',
};

export const COMMANDS: readonly Command[] = [
  {
    verb: 'repo init',
    summary: 'Create a repository; does nothing where there is one',
    confirms: true,
    positionals: [{ name: 'dir', description: 'Where; else --repo-dir, else here', optional: true }],
    flags: [],
    examples: [['repo init', 'make the working directory a repository']],
  },
  {
    verb: 'repo info',
    summary: 'Where the repository is, its format, counts and size',
    positionals: [],
    flags: [],
    examples: [],
  },
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
    flags: [{ name: 'with-data', type: 'switch', description: 'Also when it holds data, which goes with it' }, IF_EXISTS, TRUST, DRY_RUN, FORCE, YES],
    examples: [['model delete build --with-data --dry-run', 'see what would go']],
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
    verb: 'data put',
    summary: 'Store a new version, from a file or from stdin',
    confirms: true,
    positionals: [MODEL, NAME, { name: 'file', description: 'The file; stdin without it', optional: true }],
    flags: [
      ...VERSION_FLAGS,
      IF_STABLE,
      NO_EMPTY,
      { name: 'command', type: 'switch', description: 'Store what the command after "--" prints, if it ends with 0' },
    ],
    runs: 'command',
    examples: [
      ['data put results report report.html', 'store a file'],
      ['data put results log --if-changed < build.log', 'store stdin, if it is new'],
      ['data put results dump --command -- pg_dump app', 'store what a command prints, if it succeeds'],
    ],
  },
  {
    verb: 'data get',
    summary: 'Print the content of the latest version, byte for byte',
    positionals: [MODEL, NAME],
    flags: [
      VERSION,
      { name: 'output', alias: 'o', type: 'value', value: 'FILE', description: 'Write the content to FILE, all or nothing' },
      { name: 'metadata', type: 'switch', description: 'Print what is known about it, not the content' },
      { name: 'verify', type: 'switch', description: 'Compare the content with its checksum first' },
    ],
    examples: [['data get results report -o report.html', 'write it to a file']],
  },
  {
    verb: 'data list',
    summary: 'List the latest version of each artifact',
    positionals: [{ ...MODEL, optional: true }],
    flags: [
      { name: 'type', type: 'value', value: 'T', description: 'Only of this type' },
      { name: 'prefix', type: 'value', value: 'P', description: 'Only names that begin with P', mayBeEmpty: true },
      { name: 'limit', type: 'value', value: 'N', description: 'At most so many' },
      { name: 'after', type: 'value', value: 'NAME', description: 'Only names that sort after NAME', mayBeEmpty: true },
      { name: 'names', type: 'switch', description: 'Print the names alone, one a line, as they are' },
      { name: 'null', alias: '0', type: 'switch', description: 'With --names: end each with a NUL, for xargs -0' },
    ],
    examples: [['data list results --names --prefix tmp/', 'the names, for a script']],
  },
  {
    verb: 'data versions',
    summary: 'List the versions of an artifact, newest first',
    positionals: [MODEL, NAME],
    flags: [],
    examples: [],
  },
  {
    verb: 'data rename',
    summary: 'Give an artifact another name; the old one leads readers to it',
    confirms: true,
    positionals: [MODEL, NAME, { name: 'new-name', description: 'The new name', flag: true }],
    flags: [],
    examples: [['data rename results report old-report', 'all versions come along']],
  },
  {
    verb: 'data delete',
    summary: 'Delete an artifact, one version of it, or many artifacts',
    confirms: true,
    positionals: [MODEL, { ...NAME, optional: true }],
    flags: [
      { ...VERSION, description: 'Only this version' },
      { name: 'prefix', type: 'value', value: 'P', description: 'Every artifact whose name begins with P' },
      { name: 'all', type: 'switch', description: 'Every artifact of the model' },
      IF_EXISTS,
      DRY_RUN,
      FORCE,
      YES,
    ],
    examples: [
      ['data delete results report --force', 'without a question'],
      ['data delete results --prefix tmp/ --dry-run', 'see what would go'],
    ],
    destructive: true,
  },
  {
    verb: 'data upload begin',
    summary: 'Begin a version that is written in parts; prints its id',
    positionals: [MODEL, NAME],
    flags: VERSION_FLAGS,
    examples: [['data upload begin results dump', 'print an id for the other commands']],
  },
  {
    verb: 'data upload part',
    summary: 'Store one part, from a file or from stdin; again: in place of the earlier one',
    confirms: true,
    positionals: [
      UPLOAD,
      { name: 'number', description: 'Its place in the content, from 1 to 10,000', flag: true },
      { name: 'file', description: 'The file; stdin without it', optional: true },
    ],
    flags: [IF_STABLE, NO_EMPTY],
    examples: [['data upload part $id 2 dump.2', 'parts may come in any order, at the same time']],
  },
  {
    verb: 'data upload complete',
    summary: 'Make the parts the next version, if all are there and are what was sent',
    confirms: true,
    positionals: [UPLOAD],
    flags: [{ name: 'parts', type: 'value', value: 'N', description: 'There must be exactly the parts 1 to N; else 1 to the highest there is' }],
    examples: [['data upload complete $id --parts 3', 'three parts, no more, no less']],
  },
  {
    verb: 'data upload abort',
    summary: 'Give an upload up; its parts go',
    confirms: true,
    positionals: [UPLOAD],
    flags: [],
    examples: [],
  },
  {
    verb: 'data upload list',
    summary: 'List the unfinished uploads, with their size and age',
    positionals: [{ ...MODEL, optional: true }],
    flags: [],
    examples: [],
  },
  {
    verb: 'datastore status',
    summary: 'Health, size, what is pending, who holds locks',
    positionals: [],
    flags: [],
    examples: [],
  },
  {
    verb: 'datastore check',
    summary: 'Check every invariant of the store and every checksum',
    positionals: [],
    flags: [
      { name: 'repair', type: 'switch', description: 'Mend what is damaged; set aside, under quarantine/, what cannot be mended' },
      { ...DRY_RUN, description: 'With --repair: show what would be done, and do nothing' },
      FORCE,
      YES,
    ],
    examples: [['datastore check --repair --dry-run', 'see what a repair would do']],
    destructive: { flag: 'repair' },
  },
  {
    verb: 'datastore sweep',
    summary: 'Finish removals that are pending',
    confirms: true,
    positionals: [],
    flags: [
      DRY_RUN,
      { name: 'kept', type: 'switch', description: 'Also remove the outputs kept of methods that could not commit them' },
      {
        name: 'retry-teardown',
        type: 'value',
        value: 'ID',
        description: 'Run the teardown of this deleted model again, although an earlier one may still run',
      },
      TRUST,
    ],
    examples: [],
  },
  {
    verb: 'datastore lock status',
    summary: 'List the locks that are held, their holders and who waits',
    positionals: [],
    flags: [{ name: 'watch', type: 'switch', description: 'Go on showing them as they change, until Ctrl-C' }],
    examples: [['datastore lock status --watch', 'see who waits for whom, live']],
  },
  {
    verb: 'datastore lock release',
    summary: 'Free locks by force: all of them, or those of one model',
    confirms: true,
    positionals: [],
    flags: [
      { name: 'model', type: 'value', value: 'M', description: 'Only the locks of this model' },
      { ...FORCE, description: 'Yes, really' },
    ],
    examples: [['datastore lock release --force --model build', 'free one stuck model']],
  },
  ...BACKUP_COMMANDS,
  {
    verb: 'demo',
    summary: 'Writers against a deleter in a throw-away repository; a verdict',
    positionals: [],
    flags: [
      { name: 'seconds', type: 'value', value: 'N', description: 'For how long' },
      { name: 'writers', type: 'value', value: 'N', description: 'How many writers' },
      { name: 'deletes', type: 'value', value: 'N', description: 'At least so many deletes' },
    ],
    examples: [],
  },
  {
    verb: 'completion',
    summary: 'Print the completion script of a shell',
    positionals: [{ name: 'shell', description: 'bash, zsh or fish; else that of $SHELL', optional: true }],
    flags: [],
    examples: [['completion bash >> ~/.bashrc', 'complete in bash']],
  },
];
