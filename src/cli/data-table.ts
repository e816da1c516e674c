/** The commands for data and uploads: part of the one table of commands. */
import type { Command } from './command.js';
import { DRY_RUN, type Flag, FORCE, IF_EXISTS, MODEL, NAME, type Positional, TAG, YES } from './options.js';

const VERSION: Flag = { name: 'version', type: 'value', value: 'N', description: 'This version, not the latest' };
/** What a new version is to be. */
const VERSION_FLAGS: readonly Flag[] = [
  { name: 'content-type', type: 'value', value: 'TYPE', description: 'Its media type' },
  TAG,
  { name: 'lifetime', type: 'value', value: 'L', description: 'When it expires: 1h 5m 10d 2w 1mo 10y infinite ephemeral' },
  { name: 'gc', type: 'value', value: 'P', description: 'Versions that "data gc" keeps: a number, an age, or all' },
  { name: 'expect-version', type: 'value', value: 'N', description: 'Only when N is the latest version; 0: only when there is none' },
  { name: 'if-changed', type: 'switch', description: 'Write nothing when the content equals the latest' },
  { name: 'create', type: 'switch', description: 'Create the model, of type "store", when there is none' },
];
const IF_STABLE: Flag = { name: 'if-stable', type: 'switch', description: 'Refuse a FILE that changes while it is read' };
const NO_EMPTY: Flag = { name: 'no-empty', type: 'switch', description: 'Refuse a content of 0 bytes' };
const UPLOAD: Positional = { name: 'upload', description: 'The id that "data upload begin" printed', flag: true };

export const DATA_COMMANDS: readonly Command[] = [
  {
    verb: 'data put',
    summary: 'Store a new version, from a file or from stdin',
    confirms: true,
    positionals: [
      { ...MODEL, optionalWith: ['batch'] },
      { ...NAME, optionalWith: ['batch'] },
      { name: 'file', description: 'The file; stdin without it', optional: true },
    ],
    flags: [
      ...VERSION_FLAGS,
      IF_STABLE,
      NO_EMPTY,
      { name: 'batch', type: 'switch', description: 'Store one item for each line of JSON on stdin; print a line for each' },
      { name: 'atomic', type: 'switch', description: 'With --batch: store all items by one commit, or none' },
      { name: 'command', type: 'switch', description: 'Store what the command after "--" prints, if it ends with 0' },
    ],
    runs: 'command',
    forms: ['batch'],
    examples: [
      ['data put results report report.html', 'store a file'],
      ['data put results log --if-changed < build.log', 'store stdin, if it is new'],
      ['data put results dump --command -- pg_dump app', 'store what a command prints, if it succeeds'],
      ['data put results --batch < items.ndjson', 'store the items that it names, one a line'],
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
      { name: 'after', type: 'value', value: 'NAME', description: 'Only names that sort after NAME; of all models: after MODEL/NAME', mayBeEmpty: true },
      { name: 'names', type: 'switch', description: 'Print the names alone, one a line, as they are' },
      { name: 'null', alias: '0', type: 'switch', description: 'With --names: end each with a NUL, for xargs -0' },
    ],
    examples: [['data list results --names --prefix tmp/', 'the names, for a script']],
  },
  {
    verb: 'data search',
    summary: 'Find the latest versions that have a text, a tag, a type, an age',
    positionals: [
      { name: 'text', description: 'In the name, the model, the type, the content type or a tag, case aside', optional: true, flag: true, mayBeEmpty: true },
    ],
    flags: [
      { name: 'model', type: 'value', value: 'M', description: 'Only of this model' },
      { ...TAG, description: 'Only with this tag; may be given again' },
      { name: 'type', type: 'value', value: 'T', description: 'Only of this type' },
      { name: 'content-type', type: 'value', value: 'TYPE', description: 'Only of this media type' },
      { name: 'lifetime', type: 'value', value: 'L', description: 'Only of this lifetime' },
      { name: 'since', type: 'value', value: 'WHEN', description: 'Only written since then: an age (2h, 7d) or a time' },
      { name: 'owner-type', type: 'value', value: 'O', description: 'Only written by this: manual or model-method' },
      { name: 'limit', type: 'value', value: 'N', description: 'At most so many' },
    ],
    examples: [
      ['data search report --since 7d', 'reports of the last week, of every model'],
      ['data search --tag env=prod --type log', 'logs with a tag'],
    ],
  },
  {
    verb: 'data query',
    summary: 'Find versions by an expression over their fields, or by SQL',
    positionals: [{ name: 'predicate', description: 'In CEL, over the fields of a version; see the examples', optional: true, flag: true }],
    flags: [
      { name: 'select', type: 'value', value: 'EXPR', description: 'In CEL: what each result is to be; else its record' },
      { name: 'order-by', type: 'value', value: 'FIELD', description: 'Sort by this field; else by model, name and version' },
      { name: 'desc', type: 'switch', description: 'The other way round' },
      { name: 'limit', type: 'value', value: 'N', description: 'At most so many' },
      { name: 'after', type: 'value', value: 'NEXT', description: 'Go on behind the answer that gave this as "next"' },
      { name: 'sql', type: 'value', value: 'SELECT', description: 'In place of all these: one SELECT over the view "data"' },
    ],
    examples: [
      [`data query 'size > 1000 && tags.env == "prod"' --order-by size --desc`, 'the largest first; latest versions only'],
      [`data query 'attributes.exitCode != 0' --select '{"model": modelName, "code": attributes.exitCode}'`, 'what JSON contents say'],
      [`data query 'name == "log" && version > 0'`, 'all versions: it mentions "version"'],
      [`data query --sql 'select modelName, sum(size) from data group by 1'`, 'sizes by model, of all versions'],
    ],
  },
  {
    verb: 'data versions',
    summary: 'List the versions of an artifact, newest first',
    positionals: [MODEL, NAME],
    flags: [
      { name: 'limit', type: 'value', value: 'N', description: 'At most so many' },
      { name: 'before', type: 'value', value: 'N', description: 'Only versions under N' },
    ],
    examples: [['data versions results report --limit 10', 'the newest ten, however many there are']],
  },
  {
    verb: 'data rename',
    summary: 'Rename an artifact; readers of the old name find it',
    confirms: true,
    positionals: [MODEL, NAME, { name: 'new-name', description: 'The new name', flag: true }],
    flags: [],
    examples: [['data rename results report old-report', 'all versions are kept']],
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
      ['data delete results --prefix tmp/ --dry-run', 'see what would be deleted'],
    ],
    destructive: true,
  },
  {
    verb: 'data gc',
    summary: 'Collect what has expired, superseded versions and old uploads',
    confirms: true,
    positionals: [{ ...MODEL, optional: true }],
    flags: [
      { name: 'uploads-older-than', type: 'value', value: 'AGE', description: 'Give up uploads unused for so long; 7d unless given, never for none' },
      DRY_RUN,
      FORCE,
      YES,
    ],
    examples: [
      ['data gc --dry-run', 'see what would be collected, of all models'],
      ['data gc results --force', 'one model, without a question'],
    ],
    destructive: true,
  },
  {
    verb: 'data prune',
    summary: 'Remove the data of models whose definition is gone',
    confirms: true,
    positionals: [],
    flags: [DRY_RUN, FORCE, YES],
    examples: [['data prune --dry-run', 'see which models, and what is kept and why']],
    destructive: true,
  },
  {
    verb: 'data watch',
    summary: 'Print every commit, delete and rename, each once, until Ctrl-C',
    positionals: [{ ...MODEL, optional: true }],
    flags: [
      { name: 'prefix', type: 'value', value: 'P', description: 'Only names that begin with P', mayBeEmpty: true },
      { name: 'since', type: 'value', value: 'CURSOR', description: 'Go on behind this event; 0: begin with what there is' },
      { name: 'exec', type: 'value', value: 'CMD', description: 'Run CMD for each event, with the event on stdin and in SWAMP_EVENT_*' },
      { name: 'until-idle', type: 'value', value: 'MS', description: 'End when nothing has come for so long' },
    ],
    examples: [
      ['data watch results --json', 'one JSON document a line, each with a cursor'],
      ['data watch --since "$cursor" --json', 'what came behind an earlier line, then what comes'],
      ['data watch results --exec \'notify-send "$SWAMP_EVENT_NAME"\'', 'run a command for each event'],
    ],
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
    summary: 'Make the parts the next version, if all are there and whole',
    confirms: true,
    positionals: [UPLOAD],
    flags: [{ name: 'parts', type: 'value', value: 'N', description: 'There must be exactly the parts 1 to N; else 1 to the highest there is' }],
    examples: [['data upload complete $id --parts 3', 'three parts, no more, no less']],
  },
  {
    verb: 'data upload abort',
    summary: 'Give up an upload and delete its parts',
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
];
