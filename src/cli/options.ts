/** What a flag is, and the flags that all or several commands share. */

export interface Flag {
  readonly name: string;
  /** One letter. */
  readonly alias?: string;
  /** `switch` takes no value; `value` takes the next word, the last one given wins; `list` may be given again. */
  readonly type: 'switch' | 'value' | 'list';
  readonly description: string;
  /** What help calls the value. */
  readonly value?: string;
  /** The environment variable that does the same. */
  readonly env?: string;
  /** The empty word is a value like any other. */
  readonly mayBeEmpty?: true;
}

export interface Positional {
  readonly name: string;
  readonly description: string;
  readonly optional?: true;
  /** With one of these flags it may be left out. */
  readonly optionalWith?: readonly string[];
  /** A flag of the same name works in place of the word. */
  readonly flag?: true;
  /** It takes every word that is left: a list. Of the last one only. */
  readonly many?: true;
  readonly mayBeEmpty?: true;
}

export const GLOBAL_FLAGS: readonly Flag[] = [
  { name: 'repo-dir', type: 'value', value: 'DIR', description: 'The repository; else the nearest .swamp.yaml upwards', env: 'SWAMP_REPO_DIR' },
  { name: 'json', type: 'switch', description: 'Print the result as one JSON document, errors as one JSON line' },
  { name: 'log-level', type: 'value', value: 'LEVEL', description: 'debug, info, warning, error or silent', env: 'SWAMP_LOG_LEVEL' },
  { name: 'log-format', type: 'value', value: 'FORMAT', description: 'Notices and errors on stderr: text, or json, one a line (with --json: json)' },
  { name: 'quiet', alias: 'q', type: 'switch', description: 'Print errors, and what was asked for; no notices, no confirmation' },
  { name: 'verbose', alias: 'v', type: 'switch', description: 'Report more; show the stack of an error' },
  { name: 'no-color', type: 'switch', description: 'No colour on a terminal', env: 'NO_COLOR' },
  { name: 'lock-timeout', type: 'value', value: 'MS', description: 'How long to wait for locks, in milliseconds', env: 'SWAMP_LOCK_TIMEOUT_MS' },
  { name: 'no-wait', type: 'switch', description: 'Do not wait for locks: try once, then exit with 75' },
  { name: 'read-only', type: 'switch', description: 'Refuse whatever would write', env: 'SWAMP_READ_ONLY=1' },
  { name: 'help', alias: 'h', type: 'switch', description: 'Show this help' },
  { name: 'version', type: 'switch', description: 'Print the version of swamp' },
];

export const FORCE: Flag = { name: 'force', alias: 'f', type: 'switch', description: 'Do not ask' };
export const YES: Flag = { name: 'yes', alias: 'y', type: 'switch', description: 'Do not ask' };
export const TRUST: Flag = {
  name: 'trust',
  type: 'switch',
  description: 'Run commands of a repository that belongs to another account',
};
export const DRY_RUN: Flag = { name: 'dry-run', type: 'switch', description: 'Show what would be done, and do nothing' };

export const IF_EXISTS: Flag = { name: 'if-exists', type: 'switch', description: 'Succeed also when there is nothing of that name' };

export const MODEL: Positional = { name: 'model', description: 'The name or id of a model', flag: true };
export const NAME: Positional = { name: 'name', description: 'The name of an artifact', flag: true };
export const TAG: Flag = { name: 'tag', type: 'list', value: 'K=V', description: 'A tag; may be given again' };
