/** `backup prune`: removes backups from a folder of backups, but the newest of each of the last days and weeks. */
import { lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CHECKSUMS, MANIFEST, type Manifest } from '../backup/format.js';
import { finding, findingsOf, invalid } from '../backup/invalid.js';
import { readManifest } from '../backup/manifest.js';
import { openPlain } from '../backup/open.js';
import { abandonedScratch, moveAside, reclaimScratch, removeScratch } from '../backup/scratch.js';
import { listDirectory } from '../backup/tree.js';
import { reasonOf, SwampError } from '../errors.js';
import { syncDir } from '../fs/durable.js';
import { exists } from '../fs/tree.js';
import { type Repo, type Reporter, requireWritable } from '../repo.js';
import { byCodePoint } from '../store/read.js';
import { requireBackupDirectory } from './backup-verify.js';

export interface BackupPruneInput {
  /** The folder in which the backups stand. */
  readonly dir: string;
  /** For each repository: the newest backup of each of so many days (UTC), and of so many weeks (ISO 8601). At least one is given. */
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly dryRun?: boolean;
}

export interface PruneItem {
  /** Absolute. */
  readonly path: string;
  readonly repoId: string;
  readonly createdAt: string;
  /** Of content. */
  readonly bytes: number;
}

export interface KeptItem extends PruneItem {
  /** `2026-11-20` for a day, `2026-W47` for a week. */
  readonly keeps: readonly string[];
}

export interface BackupPruneResult {
  readonly dir: string;
  /** The newest first. */
  readonly kept: readonly KeptItem[];
  readonly removed: readonly PruneItem[];
  /** Directories that are no backup, and are left alone. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  /** What killed runs had left. */
  readonly reclaimed: readonly string[];
  readonly bytesReclaimed: number;
  readonly dryRun: boolean;
  readonly cancelled?: true;
}

export interface BackupPruneOptions extends Pick<Repo, 'readOnly' | 'command'> {
  readonly signal: AbortSignal;
  readonly reporter: Reporter;
  /** Asked once, when there is something to remove. */
  readonly confirm?: (plan: Pick<BackupPruneResult, 'dir' | 'kept' | 'removed'>) => Promise<boolean>;
}

/** Whatever has no readable manifest and no CHECKSUMS is never removed. Throws `read_only`, `usage`, `io`. */
export async function backupPrune(input: BackupPruneInput, options: BackupPruneOptions): Promise<BackupPruneResult> {
  const { signal, reporter, confirm } = options;
  const dryRun = input.dryRun === true;
  if (!dryRun) requireWritable(options);
  const dir = requireFolder(input);
  const { backups, skipped } = backupsIn(dir);
  const { kept, removed: planned } = planPrune(backups, input);
  const result = { dir, kept, skipped, dryRun };
  const bytesOf = (items: readonly PruneItem[]): number => items.reduce((sum, { bytes }) => sum + bytes, 0);
  if (dryRun) return { ...result, removed: planned, reclaimed: abandonedScratch(dir), bytesReclaimed: bytesOf(planned) };
  if (planned.length > 0 && confirm !== undefined && !(await confirm({ dir, kept, removed: planned }))) {
    return { ...result, removed: [], reclaimed: [], bytesReclaimed: 0, cancelled: true };
  }
  const reclaimed = await reclaimScratch(dir, reporter.warn);
  const removed: PruneItem[] = [];
  for (const item of planned) {
    signal.throwIfAborted();
    if (await remove(item, reporter)) removed.push(item);
  }
  return { ...result, removed, reclaimed, bytesReclaimed: bytesOf(removed) };
}

/** False when it was removed, or replaced, since it was planned. */
async function remove(item: PruneItem, reporter: Reporter): Promise<boolean> {
  const now = manifestIn(item.path);
  if (now === undefined || typeof now === 'string' || now.createdAt !== item.createdAt || now.repoId !== item.repoId) return false;
  // From here on it is no backup any more, wherever its removal stops.
  const aside = await moveAside(item.path);
  if (aside === undefined) return false;
  await syncDir(dirname(item.path));
  try {
    await removeScratch(aside);
  } catch (error) {
    reporter.warn(`${aside}, which was ${item.path}, could not be removed: ${reasonOf(error)}. The next "swamp backup prune" tries again.`);
  }
  return true;
}

function requireFolder({ dir, keepDaily, keepWeekly }: BackupPruneInput): string {
  if (keepDaily === undefined && keepWeekly === undefined) {
    throw new SwampError('usage', 'Without --keep-daily or --keep-weekly nothing says what to keep.', { hint: 'Example: --keep-daily 7 --keep-weekly 8' });
  }
  const folder = requireBackupDirectory(dir);
  if (!exists(join(folder, MANIFEST))) return folder;
  throw new SwampError('usage', `${folder} is a backup itself.`, { hint: 'Name the folder in which the backups stand.', data: { dir: folder } });
}

function backupsIn(dir: string): { readonly backups: readonly PruneItem[]; readonly skipped: BackupPruneResult['skipped'] } {
  const backups: PruneItem[] = [];
  const skipped: { path: string; reason: string }[] = [];
  for (const name of listDirectory(dir, '')) {
    const path = join(dir, name);
    if (name.startsWith('.') || lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) continue;
    const manifest = manifestIn(path);
    if (typeof manifest === 'string') skipped.push({ path, reason: manifest });
    else if (manifest !== undefined) backups.push({ path, repoId: manifest.repoId, createdAt: manifest.createdAt, bytes: manifest.counts.bytes });
  }
  return { backups, skipped };
}

/** The manifest of a backup; why there is none; or undefined when nothing stands there. A tree without CHECKSUMS is no backup: it must not count for one. */
function manifestIn(path: string): Manifest | string | undefined {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return undefined;
  try {
    const manifest = readManifest(path);
    const checksums = openPlain(path, CHECKSUMS);
    if (checksums === undefined) throw invalid(finding('manifest', CHECKSUMS, 'is missing'));
    checksums.close();
    return manifest;
  } catch (error) {
    const [found] = findingsOf(error) ?? [];
    if (found === undefined) throw error;
    return `${found.path} ${found.message}`;
  }
}

/** Pure: which ones stay. Each repository is counted for itself. */
export function planPrune(
  backups: readonly PruneItem[],
  { keepDaily = 0, keepWeekly = 0 }: Pick<BackupPruneInput, 'keepDaily' | 'keepWeekly'>,
): { readonly kept: readonly KeptItem[]; readonly removed: readonly PruneItem[] } {
  const newestFirst = backups.toSorted((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt) || byCodePoint(a.path, b.path));
  const taken = new Set<string>();
  const counts = new Map<string, number>();
  const takes = (repoId: string, period: string, limit: number): boolean => {
    const kind = `${repoId} ${period.includes('W') ? 'weekly' : 'daily'}`;
    if (taken.has(`${repoId} ${period}`) || (counts.get(kind) ?? 0) >= limit) return false;
    taken.add(`${repoId} ${period}`);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return true;
  };
  const judged = newestFirst.map((item) => {
    const at = new Date(item.createdAt);
    const keeps = [takes(item.repoId, dayOf(at), keepDaily) ? dayOf(at) : '', takes(item.repoId, weekOf(at), keepWeekly) ? weekOf(at) : ''];
    return { ...item, keeps: keeps.filter((period) => period !== '') };
  });
  return {
    kept: judged.filter(({ keeps }) => keeps.length > 0),
    removed: judged.filter(({ keeps }) => keeps.length === 0).map(({ keeps: _, ...item }) => item),
  };
}

function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10);
}

const DAY_MS = 24 * 3600 * 1000;

/** The week of ISO 8601: it begins on Monday, and belongs to the year of its Thursday. */
export function weekOf(at: Date): string {
  const thursday = new Date(at.getTime() + (4 - (at.getUTCDay() || 7)) * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS));
  return `${year}-W${String(week).padStart(2, '0')}`;
}
