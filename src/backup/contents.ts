/** The one reader of what a verified backup holds: its models; sidecars and tombstones are read one by one, when they are needed. */
import { parseDefinition } from '../models/definition.js';
import { floorOf } from '../store/latest.js';
import { parseAs } from '../store/metadata.js';
import { UPLOAD, type UploadRecord } from '../store/uploads/record.js';
import { MAX_CONTROL_BYTES, MAX_SIDECAR_BYTES, type Manifest, SAVED_UPLOAD_RECORD, type Sidecar, type TombstoneLine } from './format.js';
import { finding, invalid, reading } from './invalid.js';
import { readManifest } from './manifest.js';
import { controlText } from './open.js';
import { backupPlaceOf, definitionPath, modelDirectory, orphanDirectory, sidecarPath, tombstonesPath } from './paths.js';
import { parseSidecar, readTombstones } from './records.js';
import { listDirectory, walkTree } from './tree.js';

/** An artifact, as small as a plan needs it. */
export interface SavedArtifact {
  readonly name: string;
  readonly generation: number;
  readonly floor: number;
  readonly versions: number;
  /** The number of the latest one. */
  readonly latest: number;
  /** Of all its contents. */
  readonly bytes: number;
  /** Path of the latest content, relative to the backup. */
  readonly content: string;
}

export interface SavedUpload {
  readonly id: string;
  /** `uploads/<model>/<upload-id>`, relative to the backup. */
  readonly directory: string;
  readonly record: UploadRecord;
  /** Ascending. */
  readonly parts: readonly number[];
}

export interface BackupModel {
  /** `models/<name>` or `orphans/<id>`. */
  readonly directory: string;
  readonly id: string;
  /** Undefined for an orphan. */
  readonly definition: { readonly name: string; readonly type: string; readonly text: string } | undefined;
  readonly uploads: readonly SavedUpload[];
}

/** A model for a restore. */
export interface SavedModel extends BackupModel {
  readonly artifacts: readonly SavedArtifact[];
  /** Only these artifacts are restored, and nothing beside them. */
  readonly alone?: true;
}

export interface Backup<M = BackupModel> {
  /** Absolute. */
  readonly root: string;
  readonly manifest: Manifest;
  readonly models: readonly M[];
}

export type Saved = Backup<SavedModel>;

/** The artifacts of each directory of a model, in the order of their paths. */
export type Gathered = Map<string, SavedArtifact[]>;

/** Adds what a sidecar lists: `onSidecar` of a verification. */
export function gather(gathered: Gathered, { directory, content }: { readonly directory: string; readonly content: string }, sidecar: Sidecar): void {
  const { name, generation, floor, versions } = sidecar;
  const bytes = versions.reduce((sum, { size }) => sum + size, 0);
  const numbers = versions.map(({ version }) => version);
  const artifact = { name, generation, floor: floorOf(floor, numbers), versions: numbers.length, latest: numbers.at(-1) ?? 0, bytes, content };
  const list = gathered.get(directory);
  if (list === undefined) gathered.set(directory, [artifact]);
  else list.push(artifact);
}

/** The backup, with the artifacts that were gathered while it was verified. Throws `backup_invalid`: something has changed since. */
export function readSaved(root: string, gathered: Gathered): Saved {
  const backup = readBackup(root);
  return { ...backup, models: backup.models.map((model) => ({ ...model, artifacts: gathered.get(model.directory) ?? [] })) };
}

/** Definitions by name, then orphans by id. Throws `backup_invalid`: something has changed since it was verified. */
export function readBackup(root: string): Backup {
  const named = listDirectory(root, 'models').map((name) => ({ directory: modelDirectory(name), ...readModel(root, name), uploads: uploadsIn(root, name) }));
  const names = new Set(named.map(({ definition }) => definition.name));
  // Uploads may be all that an orphan has.
  const uploaders = listDirectory(root, 'uploads').filter((model) => !names.has(model));
  const ids = [...new Set([...listDirectory(root, 'orphans'), ...uploaders])].sort();
  const orphans = ids.map((id) => ({ directory: orphanDirectory(id), id, definition: undefined, uploads: uploadsIn(root, id) }));
  return { root, manifest: readManifest(root), models: [...named, ...orphans] };
}

function readModel(root: string, model: string): { readonly id: string; readonly definition: NonNullable<BackupModel['definition']> } {
  const path = definitionPath(modelDirectory(model));
  const text = controlText(root, path, MAX_CONTROL_BYTES);
  const parsed = parseDefinition(text, path, { name: model });
  if ('problems' in parsed) throw invalid(finding('manifest', path, parsed.problems.map(({ message }) => message).join('; ')));
  const { id, name, type } = parsed.definition;
  return { id, definition: { name, type, text } };
}

/** The sidecars of one model, one at a time, in the order of their paths. Throws `backup_invalid`. */
export function* sidecarsOf(root: string, { directory }: Pick<BackupModel, 'directory'>): Generator<Sidecar> {
  for (const { path } of walkTree(root, `${directory}/data/`)) {
    const place = backupPlaceOf(path);
    if (place?.kind === 'sidecar') yield readSidecar(root, place.content);
  }
}

/** The sidecar of the artifact whose latest content is at `content`. */
export function readSidecar(root: string, content: string): Sidecar {
  const path = sidecarPath(content);
  return parseSidecar(controlText(root, path, MAX_SIDECAR_BYTES), path);
}

export function tombstonesOf(root: string, { directory }: Pick<BackupModel, 'directory'>): Generator<TombstoneLine> {
  return readTombstones(root, tombstonesPath(directory));
}

function uploadsIn(root: string, model: string): SavedUpload[] {
  return listDirectory(root, `uploads/${model}`).map((id) => {
    const directory = `uploads/${model}/${id}`;
    const path = `${directory}/${SAVED_UPLOAD_RECORD}`;
    const source = controlText(root, path, MAX_CONTROL_BYTES);
    const record = reading(path, () => parseAs(UPLOAD, source, path));
    const parts = listDirectory(root, directory).flatMap((name) => (name.startsWith('part-') ? [Number(name.slice('part-'.length))] : []));
    return { id, directory, record, parts: parts.sort((a, b) => a - b) };
  });
}
