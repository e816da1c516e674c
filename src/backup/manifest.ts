/** MANIFEST.json: written in one way only, and read with its format version looked at before anything else. */
import { isModelId } from '../layout/layout.js';
import { type Fields, malformed, number, object, parseRecord, serialise, text } from '../store/metadata.js';
import { byCodePoint } from '../store/read.js';
import {
  BACKUP_FORMAT,
  type BackupOptions,
  type ConsistencyPoint,
  type Counts,
  type Excluded,
  type LeftOut,
  MANIFEST,
  MAX_MANIFEST_BYTES,
  type Manifest,
} from './format.js';
import { finding, invalid, reading } from './invalid.js';
import { readControl, textOf } from './open.js';

export function serialiseManifest(manifest: Manifest): string {
  const { formatVersion, toolVersion, repoId, createdAt, consistencyPoint, options, counts, excluded, tags, damaged } = manifest;
  const models = Object.entries(consistencyPoint.models).sort(([a], [b]) => byCodePoint(a, b));
  const point = { global: consistencyPoint.global, models: Object.fromEntries(models.map(([id, { data, run }]) => [id, { data, run }])) };
  return serialise({
    formatVersion,
    toolVersion,
    repoId,
    createdAt,
    consistencyPoint: point,
    options: inOrder(FLAGS, options),
    counts: inOrder(COUNTS, counts),
    excluded,
    ...(tags === undefined ? {} : { tags }),
    ...(damaged === undefined ? {} : { damaged }),
  });
}

/** The manifest of the backup in `root`. Throws `backup_invalid`: also when there is none, or it is of a newer format. */
export function readManifest(root: string): Manifest {
  const bytes = readControl(root, MANIFEST, MAX_MANIFEST_BYTES);
  if (bytes === undefined) throw invalid(finding('manifest', MANIFEST, 'is missing'));
  return parseManifest(textOf(bytes, MANIFEST));
}

/** Unknown fields are ignored. Throws `backup_invalid`. */
export function parseManifest(source: string): Manifest {
  const fields = reading(MANIFEST, () => parseRecord(source, MANIFEST, MAX_MANIFEST_BYTES));
  const version = reading(MANIFEST, () => number(fields, 'formatVersion', MANIFEST));
  if (version !== BACKUP_FORMAT) {
    const writer = fields.get('toolVersion');
    const reader = typeof writer === 'string' ? `; swamp ${writer} reads it` : '';
    throw invalid(finding('format_version', MANIFEST, `is of format ${version}, and this program reads format ${BACKUP_FORMAT}${reader}`));
  }
  return reading(MANIFEST, () => ({
    formatVersion: version,
    toolVersion: text(fields, 'toolVersion', MANIFEST),
    repoId: uuid(text(fields, 'repoId', MANIFEST), 'repoId'),
    createdAt: time(text(fields, 'createdAt', MANIFEST), 'createdAt', MANIFEST),
    consistencyPoint: consistencyPoint(object(fields, 'consistencyPoint', MANIFEST)),
    options: options(object(fields, 'options', MANIFEST)),
    counts: counts(object(fields, 'counts', MANIFEST)),
    excluded: excluded(fields),
    ...(fields.has('tags') ? { tags: tagsOf(object(fields, 'tags', MANIFEST)) } : {}),
    ...(fields.has('damaged') ? { damaged: leftOut(fields.get('damaged')) } : {}),
  }));
}

const FLAGS = [
  'allVersions',
  'incompleteUploads',
  'orphans',
  'encodeNames',
  'renameCollisions',
  'models',
  'exclude',
] as const satisfies readonly (keyof BackupOptions)[];
const COUNTS = ['models', 'artifacts', 'versions', 'bytes', 'tombstones', 'uploads', 'orphans'] as const satisfies readonly (keyof Counts)[];
const KINDS: readonly string[] = [
  'older-versions',
  'incomplete-uploads',
  'orphans',
  'other-models',
  'deleted-models',
  'kept-outputs',
  'excluded-artifacts',
] satisfies Excluded[];

function inOrder<K extends string>(keys: readonly K[], values: { readonly [key in K]?: unknown }): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key, values[key]]));
}

function consistencyPoint(fields: Fields): ConsistencyPoint {
  const models = [...object(fields, 'models', MANIFEST)].map(([id, epochs]) => {
    const both = object(new Map([[id, epochs]]), uuid(id, 'consistencyPoint'), MANIFEST);
    return [id, { data: number(both, 'data', MANIFEST), run: number(both, 'run', MANIFEST) }] as const;
  });
  return { global: number(fields, 'global', MANIFEST), models: Object.fromEntries(models) };
}

function options(fields: Fields): BackupOptions {
  const flag = (key: string): boolean => {
    const value = fields.get(key);
    if (typeof value !== 'boolean') throw malformed(MANIFEST, `${key} is neither true nor false`);
    return value;
  };
  const models = fields.get('models');
  if (models !== null && !isTexts(models)) throw malformed(MANIFEST, 'options.models is no list of names');
  const exclude = fields.get('exclude');
  if (exclude !== undefined && !isTexts(exclude)) throw malformed(MANIFEST, 'options.exclude is not a list of patterns');
  return {
    allVersions: flag('allVersions'),
    incompleteUploads: flag('incompleteUploads'),
    orphans: flag('orphans'),
    encodeNames: flag('encodeNames'),
    renameCollisions: flag('renameCollisions'),
    models,
    ...(exclude === undefined ? {} : { exclude }),
  };
}

function tagsOf(fields: Fields): Readonly<Record<string, string>> {
  return Object.fromEntries([...fields].map(([key]) => [key, text(fields, key, MANIFEST)]));
}

function counts(fields: Fields): Counts {
  const [models, artifacts, versions, bytes, tombstones, uploads, orphans] = COUNTS.map((key) => number(fields, key, MANIFEST)) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { models, artifacts, versions, bytes, tombstones, uploads, orphans };
}

function excluded(fields: Fields): readonly Excluded[] {
  const value = fields.get('excluded');
  if (!isTexts(value) || !value.every((kind) => KINDS.includes(kind))) throw malformed(MANIFEST, 'excluded is no list of kinds');
  return value as readonly Excluded[];
}

function leftOut(value: unknown): readonly LeftOut[] {
  if (!Array.isArray(value)) throw malformed(MANIFEST, 'damaged is not a list');
  return value.map((item: unknown) => {
    const { model, name, version, reason } = (item ?? {}) as Record<string, unknown>;
    const isName = name === null || typeof name === 'string';
    if (typeof model !== 'string' || typeof reason !== 'string' || !isName || !(version === null || typeof version === 'number'))
      throw malformed(MANIFEST, 'damaged does not say what was left out');
    return { model, name, version, reason };
  });
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function uuid(value: string, key: string): string {
  if (!isModelId(value)) throw malformed(MANIFEST, `${key} is no UUID`);
  return value;
}

const TIME = /^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]+)?Z$/;

/** RFC 3339 in UTC (B14). Throws `corrupt`. */
export function time(value: string, key: string, path: string): string {
  if (!TIME.test(value) || Number.isNaN(Date.parse(value))) throw malformed(path, `${key} is no time of RFC 3339 in UTC`);
  return value;
}
