/** The one table of commands: help, completion, suggestions and parsing all read it. What a command does is in load.ts. */
import { BACKUP_COMMANDS } from './backup-table.js';
import type { Command } from './command.js';
import { DATA_COMMANDS } from './data-table.js';
import { DATASTORE_COMMANDS } from './datastore-table.js';
import { MODEL_COMMANDS } from './model-table.js';
import { DRY_RUN } from './options.js';

/** What a group of commands is about, for help. */
export const GROUPS: Readonly<Record<string, string>> = {
  repo: 'Repositories',
  model: 'Models: what owns data, and the commands that make it',
  'model method': 'Methods of models',
  data: 'Versioned data',
  'data upload': 'Versions that are written in parts, by many processes at once',
  datastore: 'The store below: health, locks, leftovers',
  'datastore lock': 'Locks: who holds them, and how to free them by force',
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
    verb: 'repo import',
    summary: "Take over a repository of swamp-club's swamp; again: what is new in it",
    positionals: [{ name: 'dir', description: 'Its directory' }],
    flags: [DRY_RUN],
    examples: [['repo import ../old --dry-run', 'see what comes, and what cannot']],
  },
  ...MODEL_COMMANDS,
  ...DATA_COMMANDS,
  ...DATASTORE_COMMANDS,
  ...BACKUP_COMMANDS,
  {
    verb: 'session',
    summary: 'Answer requests, one a line of JSON, from stdin until it ends',
    positionals: [],
    flags: [],
    examples: [[`session <<< '{"id":1,"op":"data.list","args":{"model":"results"}}'`, 'the operations and their arguments are those of the library']],
  },
  {
    verb: 'demo',
    summary: 'Writers against a deleter in a throw-away repository; a verdict',
    positionals: [],
    flags: [
      { name: 'deletes', type: 'value', value: 'N', description: 'Stop after so many deletes that removed something; 250 unless given' },
      { name: 'seconds', type: 'value', value: 'N', description: 'Stop after so many seconds; 60 unless given' },
      { name: 'writers', type: 'value', value: 'N', description: 'How many writers; 4 unless given' },
    ],
    examples: [['demo --deletes 1000 --seconds 300', 'a longer one']],
  },
  {
    verb: 'completion',
    summary: 'Print the completion script of a shell',
    positionals: [{ name: 'shell', description: 'bash, zsh or fish; else that of $SHELL', optional: true }],
    flags: [],
    examples: [['completion bash >> ~/.bashrc', 'complete in bash']],
  },
];
