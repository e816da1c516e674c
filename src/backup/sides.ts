/** What `backup diff` compares: the models of a backup, or those of a repository, in one form; one model in memory at a time. */
import { join } from 'node:path';
import { digestOf } from '../fs/pieces.js';
import { exists, readDir, readText } from '../fs/tree.js';
import { METADATA, PARTS } from '../layout/layout.js';
import { listModels } from '../models/files.js';
import type { Repo } from '../repo.js';
import { malformed, readTombstone, readVersionMetadata } from '../store/metadata.js';
import { artifactNames, artifactRecord, findArtifact } from '../store/read.js';
import { partsIn } from '../store/uploads/parts.js';
import { uploadsOf } from '../store/uploads/place.js';
import { readUploadRecord, type UploadRecord } from '../store/uploads/record.js';
import { readChecksums } from './checksums.js';
import { type BackupModel, readBackup, type SavedUpload, sidecarsOf, tombstonesOf } from './contents.js';
import type { Manifest, Sidecar, SidecarVersion, TombstoneLine } from './format.js';
import { openInBackup } from './open.js';

export interface Side {
  /** What it holds of what there is: nothing else can be compared. `models`: names, or null for all. */
  readonly covers: Pick<Manifest['options'], 'allVersions' | 'incompleteUploads' | 'orphans' | 'models' | 'exclude'>;
  /** By `models/<name>` or `orphans/<id>`: reads the model. */
  readonly models: ReadonlyMap<string, () => SideModel>;
}

export interface SideModel {
  /** The text of the definition; undefined for an orphan. */
  readonly definition: string | undefined;
  readonly artifacts: ReadonlyMap<string, Sidecar>;
  readonly tombstones: ReadonlyMap<string, TombstoneLine>;
  /** By id of the upload: its record, and its parts with their checksums. */
  readonly uploads: ReadonlyMap<string, SideUpload>;
}

export interface SideUpload {
  readonly record: UploadRecord;
  readonly parts: readonly { readonly number: number; readonly checksum: string }[];
}

/** A verified backup. Throws `backup_invalid` when it has changed since. */
export function backupSide(root: string): Side {
  const { manifest, models } = readBackup(root);
  const checksums = new Map<string, string>();
  for (const { path = '', checksum = '' } of readChecksums(root)) if (path.startsWith('uploads/')) checksums.set(path, checksum);
  const uploaded = ({ id, directory, record, parts }: SavedUpload): [string, SideUpload] => [
    id,
    { record, parts: parts.map((number) => ({ number, checksum: checksums.get(`${directory}/part-${number}`) ?? '' })) },
  ];
  const read = (model: BackupModel): SideModel => ({
    definition: model.definition?.text,
    artifacts: byName(sidecarsOf(root, model)),
    tombstones: byName(tombstonesOf(root, model)),
    uploads: new Map(model.uploads.map(uploaded)),
  });
  return { covers: manifest.options, models: new Map(models.map((model) => [model.directory, () => read(model)])) };
}

function byName<T extends { readonly name: string }>(items: Iterable<T>): ReadonlyMap<string, T> {
  return new Map([...items].map((item) => [item.name, item]));
}

/** A repository as it is now, without a lock: what changes meanwhile is shown as it was read. `orphans`: ids of models without a definition. */
export async function repoSide(repo: Repo, orphans: readonly string[]): Promise<Side> {
  const { models } = await listModels(repo);
  const read = (id: string, path?: string) => (): SideModel => ({
    definition: path === undefined ? undefined : readText(path),
    artifacts: byName(artifactNames(repo, id).flatMap((name) => readArtifact(repo, id, name) ?? [])),
    tombstones: byName(tombstonesIn(repo, id)),
    uploads: uploadsIn(repo, id),
  });
  return {
    covers: { allVersions: true, incompleteUploads: true, orphans: true, models: null },
    models: new Map([
      ...models.map(({ name, id, path }) => [`models/${name}`, read(id, path)] as const),
      ...orphans.map((id) => [`orphans/${id}`, read(id)] as const),
    ]),
  };
}

/** Undefined when it is deleted meanwhile. Throws `corrupt`. */
function readArtifact(repo: Repo, modelId: string, name: string): Sidecar | undefined {
  for (;;) {
    const artifact = findArtifact(repo, modelId, name);
    if (artifact === undefined) return undefined;
    const record = artifactRecord(artifact, name);
    const versions = artifact.versions.flatMap((version): SidecarVersion[] => {
      const path = join(artifact.dir, String(version), METADATA);
      const metadata = readVersionMetadata(path);
      if (metadata === undefined && exists(join(artifact.dir, String(version)))) throw malformed(path, 'it is missing');
      return metadata === undefined ? [] : [{ version, ...metadata }];
    });
    // A version that was deleted since the listing: the listing is looked at again.
    if (record !== undefined && versions.length === artifact.versions.length) return { name, generation: record.generation, floor: record.floor, versions };
  }
}

function tombstonesIn(repo: Repo, modelId: string): TombstoneLine[] {
  const directory = repo.layout.tombstones(modelId);
  return (readDir(directory) ?? []).flatMap((file) => readTombstone(join(directory, file)) ?? []);
}

function uploadsIn(repo: Repo, modelId: string): ReadonlyMap<string, SideUpload> {
  const uploads = uploadsOf(repo, modelId).flatMap(({ id, dir }) => {
    const record = readUploadRecord(dir);
    const parts = partsIn(dir);
    if (record === undefined || parts === undefined) return [];
    const present = parts.flatMap(({ number }) => {
      const opened = openInBackup(dir, `${PARTS}/${number}`);
      return opened === undefined ? [] : [{ number, checksum: digestOf(opened) }];
    });
    return [[id, { record, parts: present.sort((a, b) => a.number - b.number) }] as const];
  });
  return new Map(uploads);
}
