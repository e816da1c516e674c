/** What `backup diff` compares: the models of a backup, or those of a repository, in one form; one model in memory at a time. */
import { join } from 'node:path';
import { exists, readDir, readText } from '../fs/tree.js';
import { METADATA, PARTS } from '../layout/layout.js';
import { listModels } from '../models/files.js';
import type { Repo } from '../repo.js';
import { malformed, parseAs, readTombstone, readVersionMetadata } from '../store/metadata.js';
import { artifactNames, artifactRecord, findArtifact } from '../store/read.js';
import { partsIn } from '../store/uploads/parts.js';
import { uploadsOf } from '../store/uploads/place.js';
import { readUploadRecord, UPLOAD, type UploadRecord } from '../store/uploads/record.js';
import { parseChecksumLine } from './checksums.js';
import {
  CHECKSUMS,
  MAX_CONTROL_BYTES,
  MAX_LINE_BYTES,
  MAX_SIDECAR_BYTES,
  type Manifest,
  type Sidecar,
  type SidecarVersion,
  type TombstoneLine,
  UPLOAD_RECORD,
} from './format.js';
import { finding, invalid, reading } from './invalid.js';
import { digestOf, linesOf, openPlain, readControl, textOf } from './open.js';
import { definitionPath, placeOf, tombstonesPath } from './paths.js';
import { parseSidecar, readTombstones } from './records.js';
import { listDirectory, walkTree } from './tree.js';

export interface Side {
  /** What it holds of what there is: nothing else can be compared. `models`: names, or null for all. */
  readonly covers: Pick<Manifest['options'], 'allVersions' | 'incompleteUploads' | 'orphans' | 'models' | 'exclude'>;
  /** `models/<name>`, `orphans/<id>`. */
  readonly directories: readonly string[];
  /** Of one of the directories. */
  read(directory: string): SideModel;
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
export function backupSide(root: string, { options }: Manifest): Side {
  const parts = uploadedParts(root);
  return {
    covers: options,
    directories: ['models', 'orphans'].flatMap((top) => listDirectory(root, top).map((name) => `${top}/${name}`)),
    read: (directory) => {
      const artifacts = new Map<string, Sidecar>();
      for (const { path } of walkTree(root, `${directory}/data/`)) {
        if (placeOf(path)?.kind !== 'sidecar') continue;
        const sidecar = parseSidecar(controlText(root, path, MAX_SIDECAR_BYTES), path);
        artifacts.set(sidecar.name, sidecar);
      }
      const tombstones = [...readTombstones(root, tombstonesPath(directory))];
      return {
        definition: directory.startsWith('models/') ? controlText(root, definitionPath(directory), MAX_CONTROL_BYTES) : undefined,
        artifacts,
        tombstones: new Map(tombstones.map((tombstone) => [tombstone.name, tombstone])),
        uploads: uploadsBelow(root, `uploads/${directory.slice(directory.indexOf('/') + 1)}`, parts),
      };
    },
  };
}

function controlText(root: string, path: string, limit: number): string {
  const bytes = readControl(root, path, limit);
  if (bytes === undefined) throw invalid(finding('missing', path, 'is not there any more'));
  return textOf(bytes, path);
}

/** Checksum by path, of the parts of all uploads. */
function uploadedParts(root: string): ReadonlyMap<string, string> {
  const parts = new Map<string, string>();
  const opened = openPlain(root, CHECKSUMS);
  if (opened === undefined) throw invalid(finding('manifest', CHECKSUMS, 'is missing'));
  for (const line of linesOf(opened, CHECKSUMS, MAX_LINE_BYTES)) {
    const { path = '', checksum = '' } = parseChecksumLine(line) ?? {};
    if (path.startsWith('uploads/')) parts.set(path, checksum);
  }
  return parts;
}

function uploadsBelow(root: string, directory: string, checksums: ReadonlyMap<string, string>): ReadonlyMap<string, SideUpload> {
  const uploads = listDirectory(root, directory).map((id) => {
    const path = `${directory}/${id}/${UPLOAD_RECORD}`;
    const source = controlText(root, path, MAX_CONTROL_BYTES);
    const record = reading(path, () => parseAs(UPLOAD, source, path));
    const names = listDirectory(root, `${directory}/${id}`).filter((name) => name !== UPLOAD_RECORD);
    const parts = names.map((name) => ({ number: Number(name.replace('part-', '')), checksum: checksums.get(`${directory}/${id}/${name}`) ?? '' }));
    return [id, { record, parts: parts.sort((a, b) => a.number - b.number) }] as const;
  });
  return new Map(uploads);
}

/** A repository as it is now, without a lock: what changes meanwhile is told as it was read. `orphans`: ids of models without a definition. */
export async function repoSide(repo: Repo, orphans: readonly string[]): Promise<Side> {
  const { models } = await listModels(repo);
  const known = new Map(models.map(({ name, id, path }) => [`models/${name}`, { id, path }]));
  return {
    covers: { allVersions: true, incompleteUploads: true, orphans: true, models: null },
    directories: [...known.keys(), ...orphans.map((id) => `orphans/${id}`)],
    read: (directory) => {
      const { id, path } = known.get(directory) ?? { id: directory.slice('orphans/'.length), path: undefined };
      const sidecars = artifactNames(repo, id).flatMap((name) => readArtifact(repo, id, name) ?? []);
      return {
        definition: path === undefined ? undefined : readText(path),
        artifacts: new Map(sidecars.map((sidecar) => [sidecar.name, sidecar])),
        tombstones: new Map(tombstonesOf(repo, id).map((tombstone) => [tombstone.name, tombstone])),
        uploads: uploadsIn(repo, id),
      };
    },
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

function tombstonesOf(repo: Repo, modelId: string): TombstoneLine[] {
  const directory = repo.layout.tombstones(modelId);
  return (readDir(directory) ?? []).flatMap((file) => readTombstone(join(directory, file)) ?? []);
}

function uploadsIn(repo: Repo, modelId: string): ReadonlyMap<string, SideUpload> {
  const uploads = uploadsOf(repo, modelId).flatMap(({ id, dir }) => {
    const record = readUploadRecord(dir);
    const parts = partsIn(dir);
    if (record === undefined || parts === undefined) return [];
    const present = parts.flatMap(({ number }) => {
      const opened = openPlain(dir, `${PARTS}/${number}`);
      return opened === undefined ? [] : [{ number, checksum: digestOf(opened) }];
    });
    return [[id, { record, parts: present.sort((a, b) => a.number - b.number) }] as const];
  });
  return new Map(uploads);
}
