/** The commands for backups: part of the one table of commands. */
import type { Command } from './command.js';
import { DRY_RUN, FORCE, type Positional, YES } from './options.js';

const BACKUP: Positional = { name: 'dir', description: 'The directory of a backup' };
const FOLDER: Positional = { name: 'dir', description: 'The folder that holds the backups' };

export const BACKUP_COMMANDS: readonly Command[] = [
  {
    verb: 'backup create',
    summary: 'Write everything, as it is at one moment, to a new directory',
    confirms: true,
    positionals: [{ name: 'dir', description: 'The directory it becomes; it must not exist, or be empty' }],
    flags: [
      { name: 'model', type: 'list', value: 'M', description: 'Only this model; may be given again' },
      { name: 'latest-only', type: 'switch', description: 'Only the latest version of each artifact' },
      { name: 'all-versions', type: 'switch', description: 'All versions: the default' },
      { name: 'include-incomplete-uploads', type: 'switch', description: 'Also unfinished multi-part writes' },
      { name: 'include-orphans', type: 'switch', description: 'Also data whose model has no definition' },
      { name: 'encode-names', type: 'switch', description: 'Write names that cannot be paths under safe ones' },
      { name: 'rename-collisions', type: 'switch', description: 'Write names that want one path under safe ones' },
      { name: 'base', type: 'value', value: 'DIR2', description: 'Share unchanged contents with this earlier backup' },
      { name: 'copy', type: 'switch', description: 'Copy them from it instead' },
      { name: 'exclude', type: 'list', value: 'PATTERN', description: 'Leave out MODEL or MODEL/NAME; * and ** match; may be given again' },
      { name: 'skip-damaged', type: 'switch', description: 'Leave out what is damaged, and record that' },
      { name: 'tag', type: 'list', value: 'K=V', description: 'Note this in the backup; may be given again' },
      DRY_RUN,
    ],
    examples: [
      ['backup create /backups/today', 'all versions of everything'],
      ['backup create today --base yesterday', 'shares what is unchanged'],
    ],
  },
  {
    verb: 'backup verify',
    summary: 'Check everything in a backup; list all that is wrong with it',
    positionals: [BACKUP],
    flags: [{ name: 'base', type: 'value', value: 'DIR2', description: 'Check this backup, with which it shares contents, as well' }],
    examples: [],
  },
  {
    verb: 'backup restore',
    summary: 'Bring a backup back: all of it, or one model; all or nothing',
    confirms: true,
    positionals: [BACKUP],
    flags: [
      { name: 'mode', type: 'value', value: 'M', description: 'Where the repository is not empty: replace, merge or skip-existing' },
      { name: 'model', type: 'value', value: 'A', description: 'Only this model; A=B: under the name B, with a new id' },
      { name: 'name', type: 'value', value: 'NAME', description: 'With --model: only this artifact' },
      DRY_RUN,
      FORCE,
      YES,
    ],
    examples: [
      ['backup restore ../backup', 'into an empty repository'],
      ['backup restore ../backup --repo-dir ../new', 'makes the repository'],
      ['backup restore ../backup --model web --mode skip-existing', 'one model that was deleted'],
    ],
    destructive: { flag: 'mode', value: 'replace' },
  },
  {
    verb: 'backup diff',
    summary: 'Tell what differs between two backups, or a backup and a repository',
    positionals: [BACKUP, { name: 'other', description: 'Another backup, or a repository' }],
    flags: [],
    examples: [['backup diff backups/monday .', 'what has changed since']],
  },
  {
    verb: 'backup pack',
    summary: 'Make one file of a backup, which is verified first',
    confirms: true,
    positionals: [BACKUP, { name: 'file', description: 'The archive; its name ends in .tar.gz, or .tar.zst where Node has Zstandard; - is stdout' }],
    flags: [],
    examples: [['backup pack backups/monday monday.tar.gz', 'the same backup gives the same archive']],
  },
  {
    verb: 'backup unpack',
    summary: 'Unpack such a file; the backup appears when it is verified',
    confirms: true,
    positionals: [
      { name: 'file', description: 'The archive' },
      { name: 'dir', description: 'The directory to make' },
    ],
    flags: [],
    examples: [],
  },
  {
    verb: 'backup list',
    summary: 'List the backups in a folder',
    positionals: [FOLDER],
    flags: [],
    examples: [['backup list backups', 'the newest first']],
  },
  {
    verb: 'backup prune',
    summary: 'Remove backups, except the newest of each of the last days, weeks and months',
    confirms: true,
    positionals: [FOLDER],
    flags: [
      { name: 'keep-last', type: 'value', value: 'N', description: 'Keep the newest N' },
      { name: 'keep-daily', type: 'value', value: 'N', description: 'Keep the newest of each of the last N days that have one' },
      { name: 'keep-weekly', type: 'value', value: 'N', description: 'Keep the newest of each of the last N weeks (ISO) that have one' },
      { name: 'keep-monthly', type: 'value', value: 'N', description: 'Keep the newest of each of the last N months that have one' },
      DRY_RUN,
      FORCE,
      YES,
    ],
    examples: [['backup prune backups --keep-daily 7 --keep-weekly 8 --dry-run', 'see what would be deleted']],
    destructive: true,
  },
];
