/** `backup prune`: removes backups from a folder of backups, except the newest of each of the last days, weeks and months. */
import { dirname } from 'node:path';
import { type BackupInFolder, type Folder, isStillThere, readFolder } from '../backup/folder.js';
import { abandonedScratch, moveAside, reclaimScratch, removeScratch } from '../backup/scratch.js';
import { errnoOf, reasonOf, SwampError } from '../errors.js';
import { syncDir } from '../fs/durable.js';
import { type Repo, type Reporter, requireWritable } from '../repo.js';

/**
 * How many are kept of the backups of one repository that hold the same kinds of things: the newest ones, and the newest of
 * each day, week (ISO 8601) and month that has one, in local time. At least one is given.
 */
export interface Keep {
  readonly keepLast?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
}

export interface BackupPruneInput extends Keep {
  /** The folder that holds the backups. */
  readonly dir: string;
  readonly dryRun?: boolean;
}

export interface KeptBackup extends BackupInFolder {
  /** `last`, `2026-11-20` for a day, `2026-W47` for a week, `2026-11` for a month. */
  readonly keeps: readonly string[];
}

export interface BackupPruneResult {
  readonly dir: string;
  /** The newest first. */
  readonly kept: readonly KeptBackup[];
  readonly removed: readonly BackupInFolder[];
  /** Directories that are not backups, and are left alone. */
  readonly skipped: Folder['skipped'];
  /** What killed runs had left. */
  readonly reclaimed: readonly string[];
  readonly bytesReclaimed: number;
  readonly dryRun: boolean;
  readonly cancelled?: true;
}

export interface BackupPruneOptions extends Pick<Repo, 'readOnly'> {
  readonly signal: AbortSignal;
  readonly reporter: Reporter;
  /** Asked once, when there is something to remove. */
  readonly confirm?: (plan: Pick<BackupPruneResult, 'dir' | 'kept' | 'removed'>) => Promise<boolean>;
}

/** Whatever has no readable manifest and no CHECKSUMS is never removed. Throws `read_only`, `usage`, `io`. */
export async function backupPrune(input: BackupPruneInput, options: BackupPruneOptions): Promise<BackupPruneResult> {
  const { signal, reporter, confirm, readOnly } = options;
  const dryRun = input.dryRun === true;
  if (!dryRun) requireWritable({ readOnly, command: 'backup prune' });
  if (RULES.every((rule) => input[rule] === undefined)) throw nothingToKeep();
  const { dir, backups, skipped } = readFolder(input.dir);
  const { kept, removed: planned } = planPrune(backups, input);
  const result = { dir, kept, skipped, dryRun };
  const bytesOf = (items: readonly BackupInFolder[]): number => items.reduce((sum, { bytes }) => sum + bytes, 0);
  if (dryRun) return { ...result, removed: planned, reclaimed: abandonedScratch(dir), bytesReclaimed: bytesOf(planned) };
  if (planned.length > 0 && confirm !== undefined && !(await confirm({ dir, kept, removed: planned }))) {
    return { ...result, removed: [], reclaimed: [], bytesReclaimed: 0, cancelled: true };
  }
  const reclaimed = await reclaimScratch(dir, reporter.warn);
  const removed: BackupInFolder[] = [];
  for (const item of planned) {
    signal.throwIfAborted();
    if (await remove(item, reporter)) removed.push(item);
  }
  return { ...result, removed, reclaimed, bytesReclaimed: bytesOf(removed) };
}

/** False when it was removed, or replaced, since it was planned. */
async function remove(item: BackupInFolder, reporter: Reporter): Promise<boolean> {
  if (!isStillThere(item)) return false;
  // From here on it is not a backup any more, wherever its removal stops.
  const aside = await moveAside(item.path);
  if (aside === undefined) return false;
  await syncDir(dirname(item.path));
  try {
    await removeScratch(aside);
  } catch (error) {
    reporter.warn(`${aside}, which was ${item.path}, could not be removed: ${reasonOf(error)}. The next "swamp backup prune" tries again.`, {
      topic: 'backup',
      path: aside,
      ...errnoOf(error),
    });
  }
  return true;
}

function nothingToKeep(): SwampError {
  return new SwampError('usage', 'None of --keep-last, --keep-daily, --keep-weekly and --keep-monthly says what to keep.', {
    hint: 'Example: --keep-daily 7 --keep-weekly 8',
  });
}

const RULES = ['keepLast', 'keepDaily', 'keepWeekly', 'keepMonthly'] as const satisfies readonly (keyof Keep)[];

/**
 * Pure: which ones stay. `backups`: the newest first. Those of each repository are counted apart, and so are those that hold
 * different kinds of things: a backup of one model must not push out one of everything.
 */
export function planPrune(
  backups: readonly BackupInFolder[],
  keep: Keep,
): { readonly kept: readonly KeptBackup[]; readonly removed: readonly BackupInFolder[] } {
  const taken = new Map<string, Set<string>>();
  const judged = backups.map((item) => {
    const periods = periodsOf(item);
    const keeps = RULES.filter((rule) => {
      const group = JSON.stringify([rule, item.repoId, item.models?.toSorted() ?? null, item.excluded.toSorted(), item.exclude.toSorted(), item.damaged > 0]);
      const ofGroup = taken.get(group) ?? new Set();
      taken.set(group, ofGroup);
      if (ofGroup.has(periods[rule]) || ofGroup.size >= (keep[rule] ?? 0)) return false;
      ofGroup.add(periods[rule]);
      return true;
    });
    return { ...item, keeps: keeps.map((rule) => (rule === 'keepLast' ? 'last' : periods[rule])) };
  });
  return {
    kept: judged.filter(({ keeps }) => keeps.length > 0),
    removed: judged.filter(({ keeps }) => keeps.length === 0).map(({ keeps: _, ...item }) => item),
  };
}

function periodsOf({ path, createdAt }: BackupInFolder): Readonly<Record<(typeof RULES)[number], string>> {
  const at = new Date(createdAt);
  const month = `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, '0')}`;
  return { keepLast: path, keepDaily: `${month}-${String(at.getDate()).padStart(2, '0')}`, keepWeekly: weekOf(at), keepMonthly: month };
}

const DAY_MS = 24 * 3600 * 1000;

/** The week of ISO 8601, in local time: it begins on Monday, and belongs to the year of its Thursday. */
export function weekOf(at: Date): string {
  const thursday = new Date(at.getFullYear(), at.getMonth(), at.getDate() + 4 - (at.getDay() || 7));
  const year = thursday.getFullYear();
  // Days may have 23 or 25 hours.
  const day = Math.round((thursday.getTime() - new Date(year, 0, 1).getTime()) / DAY_MS);
  return `${year}-W${String(1 + Math.floor(day / 7)).padStart(2, '0')}`;
}
