/**
 * Reads a repository of swamp-club's swamp as it lies on the disk: models of type `command/shell`, and their data. It is input that
 * anybody may have written: no link is followed, YAML is read within limits, and whatever cannot be carried over is listed with its reason.
 */
import { realpathSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { isErrno, SwampError } from '../../errors.js';
import { readPlainFile } from '../../fs/plain.js';
import { readDirTypes } from '../../fs/tree.js';
import { isModelId } from '../../layout/layout.js';
import { isArtifactName } from '../../layout/names.js';
import { readFields, readYaml, textField } from '../../models/yaml.js';
import { MAX_DEFINITION_BYTES } from '../../store/metadata.js';
import { type ForeignDefinition, readForeignDefinition } from './definition.js';
import { type ForeignMetadata, readForeignMetadata } from './metadata.js';

/** Something that is not carried over, or not as it is. `path`: relative to the foreign repository. */
export interface ForeignSkipped {
  readonly path: string;
  readonly reason: string;
}

export interface ForeignVersion {
  readonly number: number;
  readonly metadata: ForeignMetadata;
  /** Absolute, of its directory, which holds `raw`. */
  readonly dir: string;
}

export interface ForeignArtifact {
  readonly name: string;
  readonly path: string;
  /** Ascending. */
  readonly versions: readonly ForeignVersion[];
  /** Its last version says that it was renamed, or deleted. */
  readonly mark: { readonly number: number; readonly at: string; readonly renamedTo: string | undefined } | undefined;
}

export interface ForeignModel extends ForeignDefinition {
  readonly artifacts: readonly ForeignArtifact[];
}

export interface ForeignRepo {
  /** Absolute. */
  readonly root: string;
  readonly models: readonly ForeignModel[];
  readonly skipped: readonly ForeignSkipped[];
}

/** While it is read. */
interface Survey {
  readonly root: string;
  readonly pass: () => Promise<void> | undefined;
  readonly skipped: ForeignSkipped[];
}

const MARKER = '.swamp.yaml';
const TYPE = 'command/shell';
const DEEPEST = 8;
const VERSION = /^[1-9][0-9]{0,14}$/;
/** What is no model and no data. */
const OTHERS = ['workflows', 'vaults', 'extensions'];

/** Throws `not_a_repo`, `usage` for a repository of this program, `config_invalid` for a marker that cannot be read. */
export async function surveyForeign(dir: string, pass: Survey['pass']): Promise<ForeignRepo> {
  const root = realRoot(dir);
  const survey: Survey = { root, pass, skipped: [] };
  const data = dataIn(root);
  const definitions = new Map<string, ForeignDefinition>();
  for (const place of ['models', '.swamp/auto-definitions']) await surveyDefinitions(survey, join(root, place), '', definitions);
  const artifacts = new Map<string, ForeignArtifact[]>();
  await surveyData(survey, data, '', { definitions, artifacts });
  for (const name of OTHERS) if (entriesOf(survey, join(root, name)).length > 0) skip(survey, join(root, name), 'is neither a model nor data');
  for (const entry of entriesOf(survey, join(root, '.swamp')))
    if (entry.isDirectory() && !['data', 'auto-definitions'].includes(entry.name) && !entry.name.startsWith('.') && entry.name !== 'v3')
      skip(survey, join(root, '.swamp', entry.name), 'is neither a model nor data');
  const models = [...definitions.values()].map((definition) => ({ ...definition, artifacts: artifacts.get(definition.definition.id) ?? [] }));
  return { root, models, skipped: survey.skipped };
}

function realRoot(dir: string): string {
  try {
    return realpathSync(resolve(dir));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) throw notARepo(dir);
    throw error;
  }
}

function notARepo(dir: string): SwampError {
  return new SwampError('not_a_repo', `${dir} is not a repository of swamp-club's swamp.`, { hint: `It has a ${MARKER} and a directory .swamp/data.` });
}

/** Where the data lie. */
function dataIn(root: string): string {
  const path = join(root, MARKER);
  const read = readPlainFile(path, MAX_DEFINITION_BYTES);
  if (read === undefined) throw notARepo(root);
  const invalid = (why: string): SwampError => new SwampError('config_invalid', `${path} ${why}.`, { hint: 'Correct it, then import again.', data: { path } });
  if ('refused' in read) throw invalid(read.message);
  const { source, root: document } = readYaml(read.bytes.toString(), MARKER);
  const fields = readFields(source, document);
  if (fields?.has('formatVersion') === true)
    throw new SwampError('usage', `${root} is a repository of this program.`, {
      hint: 'To take its data over: "swamp backup create DIR" there, then "swamp backup restore DIR --mode merge" here.',
      data: { path: root },
    });
  const datastore = fields?.get('datastore');
  const place = datastore?.node ? readFields(source, datastore) : undefined;
  const [where, namespace] = [textField(source, place?.get('path')), textField(source, place?.get('namespace'))];
  const [problem] = source.found;
  if (problem !== undefined) throw invalid(`cannot be read: ${problem.message}`);
  if (namespace !== undefined && !/^[A-Za-z0-9_-]+$/.test(namespace)) throw invalid('has a namespace that is not a name');
  return where === undefined ? join(root, '.swamp/data') : join(resolve(root, where), namespace ?? '', 'data');
}

function skip({ root, skipped }: Survey, path: string, reason: string): void {
  skipped.push({ path: relative(root, path), reason });
}

/** Sorted; none where there is no directory, and where it is a link, which is listed. */
function entriesOf(survey: Survey, dir: string): NonNullable<ReturnType<typeof readDirTypes>> {
  try {
    const entries = (readDirTypes(dir) ?? []).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries)
      if (entry.isSymbolicLink() && entry.name !== 'latest') skip(survey, join(dir, entry.name), 'is a symbolic link; no link is followed');
    return entries.filter((entry) => !entry.isSymbolicLink() || entry.name === 'latest');
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) return [];
    if (!isErrno(error, 'EACCES', 'EPERM', 'EIO')) throw error;
    skip(survey, dir, 'cannot be read');
    return [];
  }
}

function isTooDeep(survey: Survey, dir: string, type: string): boolean {
  if (type.split('/').length <= DEEPEST) return false;
  skip(survey, dir, 'lies too deep');
  return true;
}

async function surveyDefinitions(survey: Survey, dir: string, type: string, found: Map<string, ForeignDefinition>): Promise<void> {
  for (const entry of isTooDeep(survey, dir, type) ? [] : entriesOf(survey, dir)) {
    await survey.pass();
    const path = join(dir, entry.name);
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) await surveyDefinitions(survey, path, type === '' ? entry.name : `${type}/${entry.name}`, found);
    else if (type !== TYPE) skip(survey, path, type === '' ? 'is in no type directory' : `is of the type "${type}"; only ${TYPE} is carried over`);
    else if (!entry.isFile() || !entry.name.endsWith('.yaml')) skip(survey, path, 'is not a definition');
    else addDefinition(survey, path, found);
  }
}

function addDefinition(survey: Survey, path: string, found: Map<string, ForeignDefinition>): void {
  const text = textIn(survey, path);
  if (text === undefined) return;
  const read = readForeignDefinition(text, relative(survey.root, path));
  const refused = 'problem' in read ? read.problem : collision(read.definition, found);
  if (refused !== undefined) skip(survey, path, refused);
  if ('problem' in read || refused !== undefined) return;
  for (const reason of read.notes) skip(survey, path, reason);
  found.set(read.definition.id, { definition: read.definition, path: relative(survey.root, path) });
}

function collision({ id, name }: ForeignDefinition['definition'], found: ReadonlyMap<string, ForeignDefinition>): string | undefined {
  const twin = found.get(id);
  if (twin !== undefined) return `has the id of ${twin.path}, too`;
  const namesake = [...found.values()].find(({ definition }) => definition.name.toLowerCase() === name.toLowerCase());
  return namesake === undefined ? undefined : `has the name of ${namesake.path}, too`;
}

/** Undefined: listed. */
function textIn(survey: Survey, path: string): string | undefined {
  try {
    const read = readPlainFile(path, MAX_DEFINITION_BYTES);
    if (read !== undefined && !('refused' in read)) return read.bytes.toString();
    skip(survey, path, read === undefined ? 'is missing' : read.message);
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'EIO')) throw error;
    skip(survey, path, 'cannot be read');
  }
  return undefined;
}

interface Found {
  readonly definitions: ReadonlyMap<string, ForeignDefinition>;
  readonly artifacts: Map<string, ForeignArtifact[]>;
}

/** data/<type>/<model id>/<artifact>/<version>/. */
async function surveyData(survey: Survey, dir: string, type: string, found: Found): Promise<void> {
  for (const entry of isTooDeep(survey, dir, type) ? [] : entriesOf(survey, dir)) {
    await survey.pass();
    const path = join(dir, entry.name);
    // The catalog and locks, which are derived, and files of people.
    if (!entry.isDirectory()) continue;
    if (!isModelId(entry.name)) await surveyData(survey, path, type === '' ? entry.name : `${type}/${entry.name}`, found);
    else if (type !== TYPE) skip(survey, path, `is data of the type "${type}"; only ${TYPE} is carried over`);
    else if (!found.definitions.has(entry.name)) skip(survey, path, 'is data of a model whose definition is not carried over');
    else found.artifacts.set(entry.name, await artifactsIn(survey, path));
  }
}

async function artifactsIn(survey: Survey, dir: string): Promise<ForeignArtifact[]> {
  const artifacts: ForeignArtifact[] = [];
  for (const entry of entriesOf(survey, dir)) {
    const path = join(dir, entry.name);
    if (entry.name === '.lock') continue;
    if (!entry.isDirectory() || !isArtifactName(entry.name)) skip(survey, path, 'is not an artifact');
    else artifacts.push(...[(await artifactIn(survey, path, entry.name)) ?? []].flat());
  }
  return artifacts;
}

async function artifactIn(survey: Survey, dir: string, name: string): Promise<ForeignArtifact | undefined> {
  const entries = entriesOf(survey, dir);
  const latest = latestOf(dir);
  const versions: ForeignVersion[] = [];
  let mark: ForeignArtifact['mark'];
  const numbers = entries.filter((entry) => entry.isDirectory() && VERSION.test(entry.name)).map((entry) => Number(entry.name));
  for (const entry of entries) if (entry.name !== 'latest' && !numbers.includes(Number(entry.name))) skip(survey, join(dir, entry.name), 'is not a version');
  for (const number of numbers.sort((a, b) => a - b)) {
    await survey.pass();
    const at = join(dir, String(number));
    if (number > latest) {
      skip(survey, at, 'was never finished: the latest version is a lower one');
      continue;
    }
    const text = textIn(survey, join(at, 'metadata.yaml'));
    if (text === undefined) continue;
    const read = readForeignMetadata(text, relative(survey.root, join(at, 'metadata.yaml')), { name, number });
    if ('problem' in read) {
      skip(survey, at, read.problem);
      continue;
    }
    for (const reason of read.notes) skip(survey, at, reason);
    if (mark !== undefined) skip(survey, join(dir, String(mark.number)), 'marks a rename or a delete that a later version has undone');
    mark = read.mark === undefined ? undefined : { number, ...read.mark };
    if (read.metadata !== undefined) versions.push({ number, metadata: read.metadata, dir: at });
  }
  return versions.length === 0 && mark === undefined ? undefined : { name, path: relative(survey.root, dir), versions, mark };
}

/** Infinity where nothing says which one it is; old repositories have a link there, whose text is not asked. */
function latestOf(dir: string): number {
  const read = readPlainFile(join(dir, 'latest'), 64);
  const text = read === undefined || 'refused' in read ? '' : read.bytes.toString().trim();
  return VERSION.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
}
