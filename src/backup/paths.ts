/** Every path in a backup: built here, taken apart here, and never one that leads outside (B8). */
import { join, sep } from 'node:path';
import { SwampError } from '../errors.js';
import { isModelId } from '../layout/layout.js';
import { isModelName } from '../models/definition.js';
import { CHECKSUMS, DEFINITION, KEYMAP, MANIFEST, SAVED_UPLOAD_RECORD, SIDECAR_SUFFIX, TOMBSTONES, VERSION_SUFFIX } from './format.js';

/** `models/<name>`. Throws a TypeError for what is not a model name. */
export function modelDirectory(name: string): string {
  if (!isModelName(name)) throw new TypeError(`not a model name: ${JSON.stringify(name)}`);
  return `models/${name}`;
}

/** `orphans/<id>`: data without a definition. Throws a TypeError for what is not a model id. */
export function orphanDirectory(modelId: string): string {
  if (!isModelId(modelId)) throw new TypeError(`not a model id: ${JSON.stringify(modelId)}`);
  return `orphans/${modelId}`;
}

export function definitionPath(directory: string): string {
  return `${directory}/${DEFINITION}`;
}

export function tombstonesPath(directory: string): string {
  return `${directory}/${TOMBSTONES}`;
}

/** Of the latest content; `place` is the artifact's name or what replaces it. */
export function contentPath(directory: string, place: string): string {
  return `${directory}/data/${place}`;
}

export function sidecarPath(content: string): string {
  return content + SIDECAR_SUFFIX;
}

/** Of the content of an older version. */
export function versionPath(content: string, version: number): string {
  return `${content}${VERSION_SUFFIX}${version}`;
}

/** What a path is in the format; undefined for what the format has no place for. */
export type BackupPlace =
  | { readonly kind: 'control' }
  | { readonly kind: 'definition'; readonly directory: string }
  | { readonly kind: 'tombstones'; readonly directory: string }
  /** `content`: the path of the latest content that it belongs to. */
  | { readonly kind: 'sidecar'; readonly directory: string; readonly content: string }
  | { readonly kind: 'content'; readonly directory: string; readonly content: string }
  | { readonly kind: 'version'; readonly directory: string; readonly content: string; readonly version: number }
  /** `directory`: `uploads/<model>/<upload-id>`. */
  | { readonly kind: 'upload'; readonly directory: string };

const OLDER = /^(.+)\.swamp-v([1-9][0-9]{0,14})$/s;
const UPLOAD_FILE = /^part-[1-9][0-9]{0,14}$/;
const UPLOAD_ID = /^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/;

export function backupPlaceOf(path: string): BackupPlace | undefined {
  if (path === MANIFEST || path === CHECKSUMS || path === KEYMAP) return { kind: 'control' };
  const [top, model = '', third = '', ...rest] = path.split('/');
  if (top === 'uploads') {
    const [file = '', ...more] = rest;
    const fits = isModelOrId(model) && UPLOAD_ID.test(third) && more.length === 0 && (file === SAVED_UPLOAD_RECORD || UPLOAD_FILE.test(file));
    return fits ? { kind: 'upload', directory: `uploads/${model}/${third}` } : undefined;
  }
  const fits = top === 'models' ? isModelName(model) : top === 'orphans' && isModelId(model);
  if (!fits) return undefined;
  const directory = `${top}/${model}`;
  if (rest.length === 0) {
    if (third === DEFINITION && top === 'models') return { kind: 'definition', directory };
    return third === TOMBSTONES ? { kind: 'tombstones', directory } : undefined;
  }
  if (third !== 'data') return undefined;
  if (path.endsWith(SIDECAR_SUFFIX)) return { kind: 'sidecar', directory, content: path.slice(0, -SIDECAR_SUFFIX.length) };
  const [, content, version] = OLDER.exec(path) ?? [];
  return content === undefined ? { kind: 'content', directory, content: path } : { kind: 'version', directory, content, version: Number(version) };
}

/** True for what may be one file with a content of another backup: contents, whose checksums are compared; a control file never is (B11, B15). */
export function mayBeShared(path: string): boolean {
  const kind = backupPlaceOf(path)?.kind;
  return kind === 'content' || kind === 'version';
}

function isModelOrId(text: string): boolean {
  return isModelName(text) || isModelId(text);
}

/** True for a relative path that stays below where it starts. */
export function isContained(path: string): boolean {
  return !path.includes('\0') && path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

/** `path` below `root`, absolute. Throws `backup_invalid` when it would lead outside: called at every join (B8). */
export function inside(root: string, path: string): string {
  const joined = join(root, path);
  if (isContained(path) && joined.startsWith(root.endsWith(sep) ? root : root + sep)) return joined;
  throw new SwampError('backup_invalid', `${JSON.stringify(path)} leads outside of the backup.`, {
    data: { findings: [{ path, kind: 'traversal', message: 'leads outside' }] },
  });
}
