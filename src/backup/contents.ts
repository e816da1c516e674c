/**
 * What a verified backup holds, for a restore: models with their artifacts, tombstones and uploads. The artifacts are gathered
 * while it is verified, contents are opened one by one, when they are needed.
 */
import type { Handle } from '../fs/handle.js';
import { parseDefinition } from '../models/definition.js';
import { parseAs } from '../store/metadata.js';
import { UPLOAD, type UploadRecord } from '../store/uploads/record.js';
import { MAX_CONTROL_BYTES, MAX_SIDECAR_BYTES, type Manifest, type Sidecar, type TombstoneLine, UPLOAD_RECORD } from './format.js';
import { finding, invalid, reading } from './invalid.js';
import { readManifest } from './manifest.js';
import { openPlain, readControl, textOf } from './open.js';
import { definitionPath, orphanDirectory, sidecarPath, tombstonesPath } from './paths.js';
import { parseSidecar, readTombstones } from './records.js';
import { listDirectory } from './tree.js';

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

/** One model. `definition` is undefined for an orphan. */
export interface SavedModel {
  /** `models/<name>` or `orphans/<id>`. */
  readonly directory: string;
  readonly id: string;
  readonly definition: { readonly name: string; readonly type: string; readonly text: string } | undefined;
  readonly artifacts: readonly SavedArtifact[];
  readonly uploads: readonly SavedUpload[];
  /** Only these artifacts are restored, and nothing beside them. */
  readonly alone?: true;
}

export interface Saved {
  /** Absolute. */
  readonly root: string;
  readonly manifest: Manifest;
  readonly models: readonly SavedModel[];
}

/** The artifacts of each directory of a model, in the order of their paths. */
export type Gathered = Map<string, SavedArtifact[]>;

/** Adds what a sidecar tells: `onSidecar` of a verification. */
export function gather(gathered: Gathered, { directory, content }: { readonly directory: string; readonly content: string }, sidecar: Sidecar): void {
  const { name, generation, floor, versions } = sidecar;
  const bytes = versions.reduce((sum, { size }) => sum + size, 0);
  const artifact = { name, generation, floor, versions: versions.length, latest: versions.at(-1)?.version ?? 0, bytes, content };
  const list = gathered.get(directory);
  if (list === undefined) gathered.set(directory, [artifact]);
  else list.push(artifact);
}

/** Reads the other control files. Throws `backup_invalid`: something has changed since it was verified. */
export function readSaved(root: string, gathered: Gathered): Saved {
  const manifest = readManifest(root);
  const definitions = listDirectory(root, 'models').map((name) => readModel(root, `models/${name}`, gathered));
  const names = new Set(definitions.map(({ directory }) => directory));
  // Uploads may be all that an orphan has.
  const uploaders = listDirectory(root, 'uploads').filter((model) => !names.has(`models/${model}`));
  const orphans = [...new Set([...listDirectory(root, 'orphans'), ...uploaders])].sort().map((id) => {
    const directory = orphanDirectory(id);
    return { id, directory, definition: undefined, artifacts: gathered.get(directory) ?? [] };
  });
  const models = [...definitions, ...orphans];
  return { root, manifest, models: models.map((model) => ({ ...model, uploads: uploadsIn(root, model.directory.slice(model.directory.indexOf('/') + 1)) })) };
}

function readModel(root: string, directory: string, gathered: Gathered): Omit<SavedModel, 'uploads'> {
  const path = definitionPath(directory);
  const text = textOf(required(readControl(root, path, MAX_CONTROL_BYTES), path), path);
  const parsed = parseDefinition(text, path, { name: directory.slice('models/'.length) });
  if ('problems' in parsed) throw invalid(finding('manifest', path, parsed.problems.map(({ message }) => message).join('; ')));
  const { id, name, type } = parsed.definition;
  return { directory, id, definition: { name, type, text }, artifacts: gathered.get(directory) ?? [] };
}

/** The sidecar of the artifact whose latest content stands at `content`. */
export function readSidecar(root: string, content: string): Sidecar {
  const path = sidecarPath(content);
  return parseSidecar(textOf(required(readControl(root, path, MAX_SIDECAR_BYTES), path), path), path);
}

export function tombstonesOf(root: string, { directory }: Pick<SavedModel, 'directory'>): Generator<TombstoneLine> {
  return readTombstones(root, tombstonesPath(directory));
}

function uploadsIn(root: string, model: string): SavedUpload[] {
  return listDirectory(root, `uploads/${model}`).map((id) => {
    const directory = `uploads/${model}/${id}`;
    const path = `${directory}/${UPLOAD_RECORD}`;
    const source = textOf(required(readControl(root, path, MAX_CONTROL_BYTES), path), path);
    const record = reading(path, () => parseAs(UPLOAD, source, path));
    const parts = listDirectory(root, directory).flatMap((name) => (name.startsWith('part-') ? [Number(name.slice('part-'.length))] : []));
    return { id, directory, record, parts: parts.sort((a, b) => a - b) };
  });
}

/** Opens a content; the caller closes it. Throws `backup_invalid`. */
export function openSaved(root: string, path: string): Handle {
  const opened = openPlain(root, path);
  if (opened === undefined) throw invalid(finding('missing', path, 'is not there any more'));
  return opened;
}

function required(bytes: Buffer | undefined, path: string): Buffer {
  if (bytes === undefined) throw invalid(finding('missing', path, 'is not there any more'));
  return bytes;
}
