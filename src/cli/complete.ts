/** What may follow the words typed so far: verbs, flags, and the names of models, artifacts and methods. */
import { SwampError } from '../errors.js';
import { isModelType, MODEL_TYPES } from '../models/definition.js';
import { valueNames } from '../models/definition-values.js';
import { dataList } from '../operations/data-list.js';
import { dataVersions } from '../operations/data-versions.js';
import { modelGet } from '../operations/model-get.js';
import { modelList } from '../operations/model-list.js';
import { uploadList } from '../operations/upload-list.js';
import { findRepoDir, openRepoAt, type Repo, workingDir } from '../repo.js';
import { argsOf } from './args.js';
import { MODES } from './commands/backup-restore.js';
import { findCommand, flagsOf, hasCommandLine, readFlags } from './parse.js';
import { FORMATS, LEVELS } from './reporter.js';
import { SHELLS } from './shells.js';
import { COMMANDS, GROUPS } from './table.js';

/** So many names are offered at most. */
const LIMIT = 500;

/** What artifacts are filed under where a method or a person says nothing else. */
const TYPES = ['log', 'file', 'resource', 'data'];
/** One of each unit. */
const LIFETIMES = ['5m', '1h', '10d', '2w', '1mo', '10y', 'infinite', 'ephemeral'];
const OWNERS = ['manual', 'model-method'];

/** The candidates for the last of `words`, one a line; behind a tab what a verb or a flag is for. Names that no shell can take as one line are left out. */
export async function complete(words: readonly string[]): Promise<string> {
  const current = words.at(-1) ?? '';
  const candidates = (await candidatesFor(words.slice(0, -1), current)).filter((candidate) => candidate.startsWith(current));
  return [...new Set(candidates)].map((word) => `${word}\n`).join('');
}

async function candidatesFor(before: readonly string[], current: string): Promise<readonly string[]> {
  const [, flag = '', value] = /^(--[^=]+)=(.*)$/s.exec(current) ?? [];
  if (value !== undefined && !before.includes('--')) return (await candidatesFor([...before, flag], value)).map((candidate) => `${flag}=${candidate}`);
  const { command, topic, unknown, rest } = findCommand(before);
  if (unknown !== undefined) return [];
  const flags = flagsOf(command);
  const last = flags.find(({ name, alias, type }) => type !== 'switch' && [`--${name}`, `-${alias}`].includes(before.at(-1) ?? ''));
  if (last === undefined && current.startsWith('-') && !before.includes('--')) return flags.map(({ name, description }) => `--${name}\t${description}`);
  if (command === undefined) return last === undefined ? nextWords(topic) : [];
  const { given, words: plain, after } = readFlags(rest, flags);
  if (before.includes('--') && hasCommandLine(command, given)) return [];
  const words = [...plain, ...after];
  const open = command.positionals.filter(({ name }) => !given.has(name));
  open.slice(0, words.length).forEach(({ name }, i) => {
    given.set(name, words[i] ?? '');
  });
  const wanted = last?.name ?? (open[words.length] ?? open.filter(({ many }) => many === true)[0])?.name;
  return (await valuesOf(wanted, { text: argsOf(given).text, verb: command.verb, current })).filter((value) => !/\p{Cc}/u.test(value));
}

function nextWords(topic: string): readonly string[] {
  const start = topic === '' ? '' : `${topic} `;
  return COMMANDS.filter(({ verb }) => verb.startsWith(start)).map(({ verb, summary }) => {
    const [word = '', ...more] = verb.slice(start.length).split(' ');
    return `${word}\t${more.length === 0 ? summary : GROUPS[`${start}${word}`]}`;
  });
}

interface Known {
  text(name: string): string | undefined;
  readonly verb: string;
  readonly current: string;
}

async function valuesOf(what: string | undefined, { text, verb, current }: Known): Promise<readonly string[]> {
  if (what === 'type' && verb === 'model create') return MODEL_TYPES;
  if (what === 'type' && verb === 'datastore setup') return ['filesystem'];
  if (what === 'type') return TYPES;
  if (what === 'lifetime') return LIFETIMES;
  if (what === 'owner-type') return OWNERS;
  if (what === 'shell') return SHELLS;
  if (what === 'mode') return MODES;
  if (what === 'log-level') return LEVELS;
  if (what === 'log-format') return FORMATS;
  const model = text('model');
  try {
    if (what === 'upload') return (await uploadList(repoFor(text('repo-dir')))).uploads.map(({ uploadId }) => uploadId);
    if (what === 'model') return (await modelList(repoFor(text('repo-dir')), {})).models.map(({ name }) => name);
    if (model === undefined || verb.startsWith('model create')) return [];
    if (what === 'key=value' || (what === 'unset' && verb === 'model set')) return await keysOf(repoFor(text('repo-dir')), model, what === 'unset' ? '' : '=');
    if (what === 'method') return Object.keys((await modelGet(repoFor(text('repo-dir')), { model })).methods);
    const artifact = text('name');
    if (what === 'version' && artifact !== undefined)
      return (await dataVersions(repoFor(text('repo-dir')), { model, name: artifact })).versions.map(({ version }) => String(version));
    if (what !== 'name') return [];
    const { groups } = await dataList(repoFor(text('repo-dir')), { model, prefix: current, limit: LIMIT });
    return groups.flatMap(({ items }) => items.map(({ name }) => name));
  } catch (error) {
    // No repository here, or no such model: nothing to offer.
    if (error instanceof SwampError) return [];
    throw error;
  }
}

/** The values that the definition may have, and those of its tags and variables, as words to go on from. */
async function keysOf(repo: Repo, model: string, end: string): Promise<readonly string[]> {
  const { type, tags, methods } = await modelGet(repo, { model });
  const env = Object.keys(methods['execute']?.arguments.env ?? {}).map((name) => `env.${name}`);
  const known = [...(isModelType(type) ? valueNames(type) : []), ...Object.keys(tags).map((name) => `tags.${name}`), ...env];
  return known.map((name) => (name.endsWith('.') ? name : `${name}${end}`));
}

function repoFor(dir: string | undefined): Repo {
  return openRepoAt(findRepoDir(dir, process.env, workingDir()), { readOnly: true });
}
