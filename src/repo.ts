/** Finds, opens and creates a repository. A Repo is frozen and goes first into every operation. */
import { randomUUID } from 'node:crypto';
import { closeSync, constants, existsSync, fstatSync, lstatSync, openSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { parse, parseDocument } from 'yaml';
import { isErrno, SwampError } from './errors.js';
import { FORMAT_DIRECTORY, FORMAT_VERSION, isModelId, Layout } from './layout/layout.js';
import { type Timing, timingFrom } from './timing.js';

export const MARKER = '.swamp.yaml';

/** The environment variable that names another place for the datastore: `filesystem:PATH`. */
export const DATASTORE_VARIABLE = 'SWAMP_DATASTORE';

/** What a notice is about; the logger is `swamp.<topic>`. */
export type Topic = 'backup' | 'data' | 'lock' | 'model' | 'restore' | 'store' | 'sweep';

/** What a notice says, for a program: `modelId`, `modelName`, `lock`, `holder`, `waitedMs`, `path`, `errno` and their like. */
export interface Facts {
  readonly topic: Topic;
  readonly [fact: string]: unknown;
}

/** What a command reports while it works, each as one line for people and the facts in it; results never go here. */
export interface Reporter {
  /** Something that goes on or was mended. */
  info(message: string, facts: Facts): void;
  /** Something that failed without changing the outcome (P8). */
  warn(message: string, facts: Facts): void;
  /** For `--verbose`. */
  debug(message: string, facts: Facts): void;
}

export const SILENT: Reporter = Object.freeze({ info: () => {}, warn: () => {}, debug: () => {} });

export interface Repo {
  /** The repository's directory, absolute, links resolved. */
  readonly root: string;
  readonly id: string;
  readonly formatVersion: number;
  /** The datastore's directory, absolute, links resolved: `<root>/.swamp` unless configured elsewhere. */
  readonly datastore: string;
  readonly layout: Layout;
  readonly timing: Timing;
  readonly readOnly: boolean;
  /** A command that writes a version collects what that one supersedes. */
  readonly autoGc: boolean;
  readonly reporter: Reporter;
  /** What locks show others about their holder: the verb, e.g. `data put`. */
  readonly command: string;
  /** The names of the models that this process has read, by id: messages name a model as the user does. */
  readonly names: Map<string, string>;
  /** Run fences held by the methods this process was started from (N1): `<model-id>/<entry name>`. */
  readonly ancestors: readonly string[];
  /** The account of another person that the repository belongs to, and whose commands are not run (`requireTrusted`). */
  readonly distrusted: number | undefined;
}

export interface RepoOptions {
  readonly timing?: Timing;
  readonly readOnly?: boolean;
  readonly reporter?: Reporter;
  readonly command?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The repository was not named but found, upwards from the working directory: it may be anybody's. */
  readonly found?: boolean;
}

/** The environment variable that names the run fences of the ancestors of a nested command. */
export const ANCESTORS_VARIABLE = 'SWAMP_ANCESTORS';

/** The repository's directory: `explicit`, else SWAMP_REPO_DIR, else the nearest `.swamp.yaml` upwards from `cwd`. Throws `not_a_repo`, and `usage` for an empty or undecodable path. */
export function findRepoDir(explicit: string | undefined, env: NodeJS.ProcessEnv, cwd: string): string {
  const named = explicit ?? env['SWAMP_REPO_DIR'];
  if (named !== undefined) {
    const dir = resolve(cwd, usablePath(named, explicit === undefined ? 'SWAMP_REPO_DIR' : 'The directory of the repository'));
    if (!existsSync(join(dir, MARKER))) throw notARepo(`${dir} is not a swamp repository`);
    return dir;
  }
  for (let dir = cwd; ; dir = dirname(dir)) {
    if (existsSync(join(dir, MARKER))) return dir;
    if (dirname(dir) === dir) throw notARepo(`No swamp repository in ${cwd} or above it`);
  }
}

/**
 * The path, if it names what its giver meant. Node replaces each byte that is not UTF-8 by U+FFFD, and the result names another
 * file or directory; an empty path, which an unset variable of a shell gives, would mean the working directory. Throws `usage`.
 */
export function usablePath(path: string, what: string): string {
  if (path === '') throw new SwampError('usage', `${what} is empty.`, { hint: 'Is a variable of your shell not set? Leave it out to use the default.' });
  if (!path.includes('\ufffd')) return path;
  throw new SwampError('usage', `${what}, ${JSON.stringify(path)}, is not valid UTF-8.`, {
    hint: 'Rename the directory, or work in another one.',
    data: { path },
  });
}

/** The working directory. Throws `usage` when its name is not UTF-8, `io` when it was removed. */
export function workingDir(): string {
  let path: string;
  try {
    path = process.cwd();
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    throw new SwampError('io', 'The working directory was removed.', { hint: 'Change to a directory that exists.', data: { errno: 'ENOENT' }, cause: error });
  }
  return usablePath(path, 'The working directory');
}

function notARepo(message: string): SwampError {
  return new SwampError('not_a_repo', `${message}.`, { hint: 'Create one with "swamp repo init", or name one with --repo-dir.' });
}

/** Where the datastore of a repository lies. */
export interface RepoPlace {
  /** The repository's directory, links resolved. */
  readonly root: string;
  readonly marker: string;
  /** What says where the datastore is: the marker, or the environment variable. */
  readonly namedBy: string;
  readonly config: MarkerConfig;
  readonly datastore: string;
  readonly layout: Layout;
}

/** Reads the marker in `dir`. Throws `not_a_repo`, or `config_invalid` for a broken marker, another format, a configured datastore that is missing. */
export function repoPlaceOf(dir: string, env: NodeJS.ProcessEnv): RepoPlace {
  const marker = join(dir, MARKER);
  let text: string;
  try {
    text = readMarker(marker);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) throw notARepo(`${dir} is not a swamp repository`);
    throw error;
  }
  const root = usablePath(realpathSync(dir), 'The directory of the repository');
  const named = datastoreNamed(env);
  const config = { ...parseMarker(text, marker), ...(named === undefined ? {} : { datastorePath: named }) };
  const configured = resolve(root, config.datastorePath ?? '.swamp');
  const namedBy = named === undefined ? marker : DATASTORE_VARIABLE;
  if (config.datastorePath !== undefined) requireDirectory(configured, namedBy, root);
  // The one place where a link is followed: below it every path is its own real path (`reach` in fs/).
  const datastore = existsSync(configured) ? realpathSync(configured) : configured;
  requireKnownFormat(datastore);
  return { root, marker, namedBy, config, datastore, layout: new Layout(datastore) };
}

/** Opens the repository in `dir`. Throws as `repoPlaceOf`, and `config_invalid` for a configured datastore that is not this repository's. */
export function openRepoAt(dir: string, options: RepoOptions = {}): Repo {
  const place = repoPlaceOf(dir, options.env ?? process.env);
  const { root, config, datastore } = place;
  // One that was moved away says so to the command that uses it.
  if (config.datastorePath !== undefined && ownerOf(place) === undefined && !existsSync(place.layout.moved)) {
    throw new SwampError('config_invalid', `${datastore}, configured in ${place.namedBy}, does not hold the datastore of this repository.`, {
      hint: `Mount the disk it lies on, or correct the path. To make a datastore there: swamp repo init ${root}`,
      data: { path: datastore },
    });
  }
  return opened(place, options);
}

/** The repository that `repo init` would make in `dir`, for a plan of what would be in it: nothing of it exists, and it is read-only. */
export function unmadeRepoAt(dir: string, options: RepoOptions = {}): Repo {
  const root = realOf(resolve(dir));
  const datastore = join(root, '.swamp');
  const config = { formatVersion: FORMAT_VERSION, repoId: randomUUID() };
  return opened(
    { root, marker: join(root, MARKER), namedBy: join(root, MARKER), config, datastore, layout: new Layout(datastore) },
    { ...options, readOnly: true },
  );
}

/** Links resolved, as far as the path exists. */
export function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    return join(realOf(dirname(path)), basename(path));
  }
}

function opened({ root, marker, config, datastore, layout }: RepoPlace, options: RepoOptions): Repo {
  const env = options.env ?? process.env;
  return Object.freeze({
    root,
    id: config.repoId,
    formatVersion: config.formatVersion,
    datastore,
    layout,
    timing: options.timing ?? timingFrom(env),
    readOnly: options.readOnly ?? isReadOnly(env),
    autoGc: config.autoGc === true,
    reporter: options.reporter ?? SILENT,
    command: options.command ?? 'library',
    names: new Map(),
    ancestors: parseAncestors(env[ANCESTORS_VARIABLE]),
    distrusted: options.found === true && !isSafe(root, env) ? otherOwner(marker, env) : undefined,
  });
}

/** Where SWAMP_SAFE_DIR, a list like PATH, names the repository; `*` names all. */
function isSafe(root: string, { SWAMP_SAFE_DIR: dirs = '' }: NodeJS.ProcessEnv): boolean {
  return dirs.split(':').some((dir) => dir === '*' || (dir !== '' && resolve(dir) === root));
}

/** The owner of the marker, unless it is this account, or the one that runs this command by sudo. */
function otherOwner(marker: string, { SUDO_UID: behind }: NodeJS.ProcessEnv): number | undefined {
  const me = process.geteuid?.();
  const { uid } = lstatSync(marker);
  return me === undefined || uid === me || (me === 0 && behind !== undefined && String(uid) === behind) ? undefined : uid;
}

/**
 * Throws `config_invalid` for a command that would run a command of the repository, where that belongs to another account and
 * it was not said to be trusted: an account that can make a .swamp.yaml above a working directory could run anything there as this one.
 */
export function requireTrusted({ root, distrusted, command }: Pick<Repo, 'root' | 'distrusted' | 'command'>): void {
  if (distrusted === undefined) return;
  throw new SwampError('config_invalid', `${root} belongs to another account (uid ${distrusted}), and "${command}" would run a command of it as you.`, {
    hint: `If you trust it, add --trust or set SWAMP_SAFE_DIR=${root}`,
    data: { path: root, uid: distrusted },
  });
}

/** A link is followed; what is not a regular file is neither waited for nor read. */
function readMarker(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile())
      throw new SwampError('config_invalid', `${path} is not a regular file.`, { hint: 'Restore the file from git.', data: { path } });
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** The text of a new marker file. */
export function markerText(repoId: string): string {
  return `# A swamp repository: keep this file and models/ in git, ignore .swamp/\nformatVersion: ${FORMAT_VERSION}\nrepoId: ${repoId}\n`;
}

/** The path that SWAMP_DATASTORE names, as `datastore.path` of the marker would; undefined when it is not set. Throws `config_invalid`. */
function datastoreNamed({ [DATASTORE_VARIABLE]: text = '' }: NodeJS.ProcessEnv): string | undefined {
  if (text === '') return undefined;
  const [, path = ''] = /^filesystem:(.+)$/s.exec(text) ?? [];
  if (path !== '') return usablePath(path, DATASTORE_VARIABLE);
  throw new SwampError('config_invalid', `${DATASTORE_VARIABLE} must be filesystem:PATH, not ${JSON.stringify(text)}.`, {
    hint: `Example: ${DATASTORE_VARIABLE}=filesystem:/srv/data`,
  });
}

/** The text of a marker that names the datastore at `path`; undefined: the default place. Comments stay. */
export function markerNaming(text: string, path: string | undefined): string {
  const document = parseDocument(text);
  if (path === undefined) document.delete('datastore');
  else if (document.get('datastore') === undefined || document.get('datastore') === null) document.set('datastore', { path });
  else document.setIn(['datastore', 'path'], path);
  return document.toString({ lineWidth: 0 });
}

interface MarkerConfig {
  readonly formatVersion: number;
  readonly repoId: string;
  readonly datastorePath?: string;
  readonly autoGc?: boolean;
}

function parseMarker(text: string, path: string): MarkerConfig {
  const [, repoId = ''] = /^repoId: (.*)$/m.exec(text) ?? [];
  // As `repo init` wrote it, with the line that most people add, which is known without loading a YAML reader.
  if (isModelId(repoId) && (text === markerText(repoId) || text === `${markerText(repoId)}autoGc: true\n`))
    return { formatVersion: FORMAT_VERSION, repoId, autoGc: text.endsWith('autoGc: true\n') };
  return parseMarkerYaml(text, path);
}

function parseMarkerYaml(text: string, path: string): MarkerConfig {
  const invalid = (message: string, hint = 'Correct it, or restore it from git or a backup: it says where the data is.'): SwampError =>
    new SwampError('config_invalid', `${path}: ${message}.`, { hint, data: { path } });
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 0 });
  } catch (error) {
    throw invalid(`not valid YAML (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) throw invalid('a mapping is expected');
  const { formatVersion, repoId, datastore, autoGc = false } = document as Record<string, unknown>;
  if (typeof formatVersion !== 'number' || !Number.isInteger(formatVersion) || formatVersion < 1)
    throw invalid('formatVersion must be a positive whole number');
  if (formatVersion !== FORMAT_VERSION) throw invalid(`formatVersion is ${formatVersion}, and this program reads ${FORMAT_VERSION}`, OTHER_FORMAT);
  if (typeof repoId !== 'string' || !isModelId(repoId)) throw invalid('repoId must be a lower-case UUID');
  if (typeof autoGc !== 'boolean') throw invalid('autoGc must be true or false');
  if (datastore === undefined || datastore === null) return { formatVersion, repoId, autoGc };
  if (typeof datastore !== 'object' || Array.isArray(datastore)) throw invalid('datastore must be a mapping with a path');
  const { type, path: where } = datastore as Record<string, unknown>;
  if (type !== undefined && type !== 'filesystem') throw invalid(`datastore.type ${JSON.stringify(type)} is unknown; "filesystem" is the only one`);
  if (where === undefined) return { formatVersion, repoId, autoGc };
  if (typeof where !== 'string' || where === '' || where.includes('\0')) throw invalid('datastore.path must be a path');
  return { formatVersion, repoId, autoGc, datastorePath: where };
}

/**
 * The repository that the datastore says it belongs to; undefined where it says nothing: the mount point of a disk that is
 * not mounted looks so. Throws `config_invalid` when it belongs to another repository.
 */
export function ownerOf({ config, layout, marker }: RepoPlace): string | undefined {
  let owner: unknown;
  try {
    owner = (JSON.parse(readMarker(layout.repository)) as { repoId?: unknown } | null)?.repoId;
  } catch (error) {
    if (!(error instanceof SyntaxError) && !isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
  }
  if (typeof owner !== 'string') return undefined;
  if (owner === config.repoId) return owner;
  throw new SwampError('config_invalid', `The datastore ${layout.base} belongs to another repository (${owner}).`, {
    hint: `Correct the path or repoId in ${marker}.`,
    data: { path: layout.base, repoId: owner },
  });
}

/** The text of the file that `ownerOf` reads. */
export function ownerText(repoId: string): string {
  return `${JSON.stringify({ repoId })}\n`;
}

function requireDirectory(path: string, namedBy: string, root: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() === true) return;
  if (stats !== undefined) {
    throw new SwampError('config_invalid', `The datastore ${path}, configured in ${namedBy}, is not a directory.`, {
      hint: `Correct the path in ${namedBy}.`,
      data: { path },
    });
  }
  throw new SwampError('config_invalid', `The datastore ${path}, configured in ${namedBy}, is missing.`, {
    hint: `Mount the disk it lies on, or correct the path. To make a datastore there: mkdir -p ${path} && swamp repo init ${root}`,
    data: { path },
  });
}

const OTHER_FORMAT = 'Use the version of swamp that wrote it: formats are not converted.';

/** A datastore of another format holds a `v<N>` directory that this program must not ignore. */
function requireKnownFormat(datastore: string): void {
  if (existsSync(join(datastore, FORMAT_DIRECTORY)) || statSync(datastore, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  const other = readdirSync(datastore).find((name) => /^v[0-9]+$/.test(name));
  if (other === undefined) return;
  throw new SwampError('config_invalid', `The datastore ${datastore} has the format ${other}, and this program reads ${FORMAT_DIRECTORY}.`, {
    hint: OTHER_FORMAT,
    data: { path: datastore },
  });
}

function parseAncestors(text: string | undefined): readonly string[] {
  return Object.freeze((text ?? '').split(':').filter((item) => item !== ''));
}

/** A path as JSON results show it: relative to the repository, absolute when it lies elsewhere. */
export function displayPath(repo: Repo, path: string): string {
  return path.startsWith(`${repo.root}/`) ? path.slice(repo.root.length + 1) : isAbsolute(path) ? path : resolve(path);
}

/** SWAMP_READ_ONLY protects with any value but none, `0` and `false`: who wrote `true` or `yes` meant it. */
export function isReadOnly({ SWAMP_READ_ONLY: value = '' }: NodeJS.ProcessEnv): boolean {
  return !['', '0', 'false'].includes(value);
}

/** Throws `read_only` for a command that would write (D10). Asked for every operation that is declared to write (src/operations/operation.ts). */
export function requireWritable(repo: Pick<Repo, 'readOnly' | 'command'>): void {
  if (repo.readOnly)
    throw new SwampError('read_only', `"${repo.command}" would write, and the repository is opened read-only.`, {
      hint: 'Leave out --read-only (or unset SWAMP_READ_ONLY).',
    });
}

/** The same repository, opened by a command that names what it works on: this is what others read of a holder. */
export function underName(repo: Repo, command: string): Repo {
  return Object.freeze({ ...repo, command: command.length <= 200 ? command : `${command.slice(0, 197)}...` });
}
