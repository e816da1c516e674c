/** A folder of backups: which of its directories are backups, as their manifests say. No content is read: `verify` does that. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { SwampError } from '../errors.js';
import { exists } from '../fs/tree.js';
import { byCodePoint } from '../store/read.js';
import { requireBackupDirectory } from './directory.js';
import { CHECKSUMS, type Excluded, MANIFEST, type Manifest } from './format.js';
import { finding, findingsOf, invalid } from './invalid.js';
import { readManifest } from './manifest.js';
import { openInBackup } from './open.js';
import { listDirectory } from './tree.js';

/** One backup of a folder. */
export interface BackupInFolder {
  /** Absolute. */
  readonly path: string;
  readonly repoId: string;
  readonly createdAt: string;
  /** Of content. */
  readonly bytes: number;
  /** Names of the models that were asked for; null: all. */
  readonly models: readonly string[] | null;
  /** The kinds that were left out. */
  readonly excluded: readonly Excluded[];
  /** Patterns of what was left out. */
  readonly exclude: readonly string[];
  /** How much was left out because it was damaged. */
  readonly damaged: number;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Folder {
  /** Absolute. */
  readonly dir: string;
  /** The newest first. */
  readonly backups: readonly BackupInFolder[];
  /** Directories that are not backups, and are left alone. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/** Links and dot names are not looked at. Throws `usage` when `dir` is a backup itself, `io`. */
export function readFolder(named: string): Folder {
  const dir = requireBackupDirectory(named);
  if (exists(join(dir, MANIFEST)))
    throw new SwampError('usage', `${dir} is a backup itself.`, { hint: 'Name the folder that holds the backups.', data: { dir } });
  const backups: BackupInFolder[] = [];
  const skipped: { path: string; reason: string }[] = [];
  for (const name of listDirectory(dir, '')) {
    const path = join(dir, name);
    const manifest = name.startsWith('.') ? undefined : manifestIn(path);
    if (typeof manifest === 'string') skipped.push({ path, reason: manifest });
    else if (manifest !== undefined) backups.push(backupOf(path, manifest));
  }
  return { dir, backups: backups.sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt) || byCodePoint(a.path, b.path)), skipped };
}

function backupOf(path: string, { repoId, createdAt, counts, options, excluded, tags, damaged }: Manifest): BackupInFolder {
  const { models, exclude = [] } = options;
  return { path, repoId, createdAt, bytes: counts.bytes, models, excluded, exclude, damaged: damaged?.length ?? 0, tags: tags ?? {} };
}

/** True when the very backup that was listed is still there. */
export function isStillThere({ path, repoId, createdAt }: BackupInFolder): boolean {
  const now = manifestIn(path);
  return typeof now === 'object' && now.createdAt === createdAt && now.repoId === repoId;
}

/** The manifest of a backup; why there is none; or undefined where there is no directory. A tree without CHECKSUMS is not a backup: it must not count as one. */
function manifestIn(path: string): Manifest | string | undefined {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return undefined;
  try {
    const manifest = readManifest(path);
    const checksums = openInBackup(path, CHECKSUMS);
    if (checksums === undefined) throw invalid(finding('manifest', CHECKSUMS, 'is missing'));
    checksums.close();
    return manifest;
  } catch (error) {
    const [found] = findingsOf(error) ?? [];
    if (found === undefined) throw error;
    return `${found.path} ${found.message}`;
  }
}
