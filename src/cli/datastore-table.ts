/** The commands for the store below: part of the one table of commands. */
import type { Command } from './command.js';
import { DRY_RUN, FORCE, TRUST, YES } from './options.js';

export const DATASTORE_COMMANDS: readonly Command[] = [
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
      { name: 'repair', type: 'switch', description: 'Repair what is damaged; move what cannot be repaired to quarantine/' },
      { ...DRY_RUN, description: 'With --repair: show what would be done, and do nothing' },
      FORCE,
      YES,
    ],
    examples: [['datastore check --repair --dry-run', 'see what a repair would do']],
    destructive: { flag: 'repair' },
  },
  {
    verb: 'datastore sweep',
    summary: 'Finish what is pending',
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
    verb: 'datastore compact',
    summary: 'Build the catalog of queries anew, as small as it can be',
    confirms: true,
    positionals: [],
    flags: [],
    examples: [],
  },
  {
    verb: 'datastore setup',
    summary: 'Move the data to another place, also on another disk; interrupted, run it again',
    confirms: true,
    positionals: [{ name: 'type', description: '"filesystem"' }],
    flags: [
      { name: 'path', type: 'value', value: 'P', description: 'Where to: an empty directory, or one to be made; .swamp for the default place' },
      { name: 'skip-migration', type: 'switch', description: 'Move nothing: name P in .swamp.yaml, empty or with the data of this repository' },
      DRY_RUN,
      FORCE,
      YES,
    ],
    examples: [['datastore setup filesystem --path /srv/shop-data', 'copied and compared before the old place is removed']],
    destructive: true,
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
    summary: 'Free locks by force: all, or those of one model',
    confirms: true,
    positionals: [],
    flags: [
      { name: 'model', type: 'value', value: 'M', description: 'Only the locks of this model' },
      { ...FORCE, description: 'Yes, really' },
    ],
    examples: [['datastore lock release --force --model build', 'free one stuck model']],
  },
];
