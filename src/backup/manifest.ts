/** MANIFEST.json: written in one way only, and read with its format version looked at before anything else. */
import { judged, parseRecord, serialise } from '../store/metadata.js';
import { byCodePoint } from '../store/read.js';
import { type Field, flag, listOf, mapOf, modelId, natural, oneOf, optional, orNull, record, tags, text, time } from '../store/record.js';
import { BACKUP_FORMAT, MANIFEST, MAX_MANIFEST_BYTES, type Manifest } from './format.js';
import { finding, invalid, reading } from './invalid.js';
import { readControl, textOf } from './open.js';

/** Throws `corrupt` for what `parseManifest` would refuse. */
export function serialiseManifest(manifest: Manifest): string {
  const { global, models } = manifest.consistencyPoint;
  const sorted = Object.fromEntries(Object.entries(models).sort(([a], [b]) => byCodePoint(a, b)));
  return serialise(judged(MANIFEST_RECORD, { ...manifest, consistencyPoint: { global, models: sorted } }, MANIFEST));
}

/** The manifest of the backup in `root`. Throws `backup_invalid`: also when there is none, or it is of a newer format. */
export function readManifest(root: string): Manifest {
  const bytes = readControl(root, MANIFEST, MAX_MANIFEST_BYTES);
  if (bytes === undefined) throw invalid(finding('manifest', MANIFEST, 'is missing'));
  return parseManifest(textOf(bytes, MANIFEST));
}

const TEXTS = listOf(text);
const ANY = record({ formatVersion: natural, toolVersion: optional((value) => (typeof value === 'string' ? value : undefined)) });

/** In the order in which they are written. */
const MANIFEST_RECORD: Field<Manifest> = record({
  formatVersion: natural,
  toolVersion: text,
  repoId: modelId,
  createdAt: time,
  consistencyPoint: record({ global: natural, models: mapOf(modelId, record({ data: natural, run: natural })) }),
  options: record({
    allVersions: flag,
    incompleteUploads: flag,
    orphans: flag,
    encodeNames: flag,
    renameCollisions: flag,
    models: orNull(TEXTS),
    exclude: optional(TEXTS),
  }),
  counts: record({ models: natural, artifacts: natural, versions: natural, bytes: natural, tombstones: natural, uploads: natural, orphans: natural }),
  excluded: listOf(oneOf('older-versions', 'incomplete-uploads', 'orphans', 'other-models', 'deleted-models', 'kept-outputs', 'excluded-artifacts')),
  tags: optional(tags),
  damaged: optional(listOf(record({ model: text, name: orNull(text), version: orNull(natural), reason: text }))),
});

/** Unknown fields are ignored. Throws `backup_invalid`. */
export function parseManifest(source: string): Manifest {
  return reading(MANIFEST, () => {
    const fields = parseRecord(source, MANIFEST, MAX_MANIFEST_BYTES);
    const { formatVersion, toolVersion } = judged(ANY, fields, MANIFEST);
    if (formatVersion === BACKUP_FORMAT) return judged(MANIFEST_RECORD, fields, MANIFEST);
    const reader = toolVersion === undefined ? '' : `; swamp ${toolVersion} reads it`;
    throw invalid(finding('format_version', MANIFEST, `is of format ${formatVersion}, and this program reads format ${BACKUP_FORMAT}${reader}`));
  });
}
