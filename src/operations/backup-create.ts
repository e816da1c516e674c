/** `backup create`: one point in time, read while everybody works on, written aside, and published by one rename. The order of the steps is design/backup.md's. */

import { join } from 'node:path';
import { type Base, readBase } from '../backup/create/base.js';
import { inOrder, leftOut, refusedFor, withoutDamaged } from '../backup/create/damage.js';
import { countsOf, type Damage, type ExcludedCounts, type ListedModel, type Snapshot } from '../backup/create/listed.js';
import { type MakingOptions, makeBackup } from '../backup/create/make.js';
import { lookWithoutLock, takeSnapshot, takeStill } from '../backup/create/snapshot.js';
import { type BackupTarget, targetOf } from '../backup/create/target.js';
import { requireBackupDirectory } from '../backup/directory.js';
import { BACKUP_FORMAT, type BackupCounts, type BackupOptions, type Excluded, type KeymapRecord, type LeftOut, type Manifest } from '../backup/format.js';
import { findingsOf } from '../backup/invalid.js';
import { type NamePlan, planNames } from '../backup/names.js';
import { reclaimScratch } from '../backup/scratch.js';
import { errnoOf, isErrno, reasonOf, SwampError } from '../errors.js';
import { failpoint } from '../fs/failpoints.js';
import { METADATA } from '../layout/layout.js';
import type { Session } from '../locks/session.js';
import { withSession } from '../protocol/session.js';
import { displayPath, type Repo } from '../repo.js';
import { readVersionMetadata } from '../store/metadata.js';
import { pin, unpin } from '../store/pins.js';
import { sweepUnpinned } from '../store/sweep.js';
import { TOOL_VERSION } from '../version.js';
import { verdictOf } from './backup-verify.js';
import { operation } from './operation.js';

export interface BackupCreateInput {
  /** Where the backup appears. */
  readonly dir: string;
  /** Names or ids; all without it. */
  readonly models?: readonly string[];
  /** Only the latest version of each artifact; all versions without it. */
  readonly latestOnly?: boolean;
  /** The default; false asks for the latest versions, too. */
  readonly allVersions?: boolean;
  readonly includeIncompleteUploads?: boolean;
  readonly includeOrphans?: boolean;
  readonly encodeNames?: boolean;
  readonly renameCollisions?: boolean;
  /** An earlier backup: contents that it has are not written again, but shared with it. */
  readonly base?: string;
  /** Copy what the base has, share nothing. */
  readonly copy?: boolean;
  /** Leave out what cannot be read as it was written, and record it; without it that is an error. */
  readonly skipDamaged?: boolean;
  /** `MODEL` or `MODEL/NAME`, with `*` and `**`: what to leave out. */
  readonly exclude?: readonly string[];
  /** Recorded in the manifest. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly dryRun?: boolean;
}

export interface BackupCreateResult extends BackupCounts {
  /** Absolute. */
  readonly backupDir: string;
  /** The moment that the backup shows. */
  readonly createdAt: string;
  /** How many of each kind are not in it. */
  readonly excluded: ExcludedCounts;
  /** Artifacts that are not stored under their names. */
  readonly renamed: readonly KeymapRecord[];
  /** What could not be read and was left out, with `skipDamaged`. */
  readonly damaged: readonly LeftOut[];
  /** Paths of what is among the data and belongs to nothing. */
  readonly strays: readonly string[];
  /** How many versions came from `base`. */
  readonly reused: number;
  /** How many bytes of them take no space of their own: clones and hard links. */
  readonly sharedBytes: number;
  readonly dryRun: boolean;
}

export type BackupCreateOptions = MakingOptions;

const NOTHING_TAKEN = { reused: 0, sharedBytes: 0 } as const;

interface Recorded {
  readonly options: BackupOptions;
  readonly tags: BackupCreateInput['tags'];
  readonly damaged: readonly LeftOut[];
}

/**
 * Makes a backup. Throws `read_only`, `conflict`, `usage`, `hostile_names`, `collision`, `model_not_found`, `model_invalid`,
 * `corrupt`, `checksum_mismatch`, `incomplete_chunks`, `backup_invalid` for the base, `lock_timeout`, `no_space`, `io`; then
 * there is no backup, and nothing is left of it.
 */
export const backupCreate = operation({ verb: 'backup create', access: 'writes', about: ({ dir }) => dir }, create);

async function create(repo: Repo, input: BackupCreateInput, options: BackupCreateOptions): Promise<BackupCreateResult> {
  const wanted = optionsOf(input);
  const target = targetOf(repo, input.dir);
  const base = input.base === undefined ? undefined : openBase(repo, input.base, input.copy === true);
  const plan = { wanted, base, tags: input.tags, skipDamaged: input.skipDamaged === true };
  if (input.dryRun === true) {
    const { snapshot, damaged } = soundPart(await lookWithoutLock(repo, wanted, options), plan);
    return { ...resultOf(repo, target, snapshot, { names: planned(snapshot, wanted), damaged }), ...sizesOf(snapshot), ...NOTHING_TAKEN, dryRun: true };
  }
  await reclaimScratch(target.parent, repo.reporter.warn);
  let pinned = false;
  try {
    return await withSession(repo, async (session) => {
      try {
        pinned = await isPinned(session);
        const snapshot = await (pinned ? takeSnapshot(repo, wanted, { session, signal: options.signal }) : takeStill(repo, wanted, options));
        await failpoint('backup.listed');
        return await makeSound(repo, snapshot, plan, { target: { ...target, holder: session.holder }, options });
      } finally {
        if (pinned) await afterwards(repo, () => unpin(session));
      }
    });
  } finally {
    if (pinned && !options.signal.aborted) await afterwards(repo, () => sweepUnpinned(repo));
  }
}

/** False on a read-only file system: where nothing can be written, nothing is deleted either, and no pin is needed. */
async function isPinned(session: Session): Promise<boolean> {
  try {
    await pin(session);
    return true;
  } catch (error) {
    if (isErrno(error, 'EROFS')) return false;
    throw error;
  }
}

interface Plan {
  readonly wanted: BackupOptions;
  readonly base: Base | undefined;
  readonly tags: BackupCreateInput['tags'];
  readonly skipDamaged: boolean;
}

/** What could be listed, and what is left out of it. Throws for damage that is not to be skipped. */
function soundPart(
  snapshot: Snapshot,
  { skipDamaged }: Plan,
  more: readonly Damage[] = [],
): { readonly snapshot: Snapshot; readonly damaged: readonly Damage[] } {
  const [first, ...rest] = inOrder(snapshot, [...snapshot.damaged, ...more]);
  if (first === undefined) return { snapshot, damaged: [] };
  if (!skipDamaged) throw refusedFor(snapshot, [first, ...rest]);
  return { snapshot: withoutDamaged(snapshot, [first, ...rest]), damaged: [first, ...rest] };
}

/**
 * Damage of contents is found while they are copied. All of it is found in one run; then the backup is begun anew without it,
 * for what is left out changes where the others are written. Throws for damage that is not to be skipped.
 */
async function makeSound(
  repo: Repo,
  listed: Snapshot,
  plan: Plan,
  { target, options }: { readonly target: BackupTarget & { readonly holder: string }; readonly options: BackupCreateOptions },
): Promise<BackupCreateResult> {
  const found: Damage[] = [];
  for (;;) {
    const { snapshot, damaged } = soundPart(listed, plan, found);
    const names = planned(snapshot, plan.wanted);
    const recorded = { options: plan.wanted, tags: plan.tags, damaged: leftOut(snapshot, damaged) };
    const making = { snapshot, names, base: plan.base, manifestOf: (counts: BackupCounts) => manifestOf(repo, snapshot, recorded, counts) };
    const { damaged: more, ...made } = await makeBackup(repo, making, target, options);
    if (more.length === 0) return { ...resultOf(repo, target, snapshot, { names, damaged }), ...made, dryRun: false };
    found.push(...more);
  }
}

/** The error names the base: it is not the backup that the command is about. */
function openBase(repo: Repo, named: string, copies: boolean): Base {
  const dir = requireBackupDirectory(named);
  try {
    return readBase(repo, dir, copies);
  } catch (error) {
    throw verdictOf({ dir, findings: findingsOf(error) ?? [] }) ?? error;
  }
}

/** P8: what follows may fail without changing the outcome, and stays pending: a pin until this process has ended. */
async function afterwards(repo: Repo, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    repo.reporter.warn(`${reasonOf(error)}. "swamp datastore sweep" tries again.`, { topic: 'backup', ...errnoOf(error) });
  }
}

function optionsOf(input: BackupCreateInput): BackupOptions {
  if (input.latestOnly === true && input.allVersions === true)
    throw new SwampError('usage', '--latest-only and --all-versions exclude each other.', { hint: 'Without either, all versions are written.' });
  return {
    allVersions: input.latestOnly !== true && input.allVersions !== false,
    incompleteUploads: input.includeIncompleteUploads === true,
    orphans: input.includeOrphans === true,
    encodeNames: input.encodeNames === true,
    renameCollisions: input.renameCollisions === true,
    ...(input.exclude === undefined || input.exclude.length === 0 ? {} : { exclude: input.exclude }),
    models: input.models === undefined || input.models.length === 0 ? null : input.models,
  };
}

/** Where every name goes, before any side effect (B7 to B10). */
function planned(snapshot: Snapshot, options: BackupOptions): NamePlan {
  return planNames(
    snapshot.models.map(({ directory, artifacts }) => ({ directory, names: artifacts.map(({ name }) => name) })),
    options,
  );
}

function resultOf(
  repo: Repo,
  { path }: BackupTarget,
  snapshot: Snapshot,
  { names, damaged }: { readonly names: NamePlan; readonly damaged: readonly Damage[] },
): Omit<BackupCreateResult, 'bytes' | 'reused' | 'sharedBytes' | 'dryRun'> {
  const { createdAt, excluded, strays } = snapshot;
  for (const stray of strays)
    repo.reporter.warn(`${displayPath(repo, stray)} does not belong in the datastore, and is not in the backup.`, { topic: 'backup', path: stray });
  return {
    backupDir: path,
    createdAt,
    ...countsOf(snapshot),
    excluded,
    renamed: names.keymap,
    damaged: leftOut(snapshot, damaged),
    strays: strays.map((stray) => displayPath(repo, stray)),
  };
}

/** What the contents take, by their records; what has gone since is left out. */
function sizesOf({ models }: Snapshot): { readonly bytes: number } {
  const dirs = models.flatMap(({ artifacts }) => artifacts.flatMap(({ dir, versions }) => versions.map(({ version }) => join(dir, String(version)))));
  return { bytes: dirs.reduce((sum, dir) => sum + (readVersionMetadata(join(dir, METADATA))?.size ?? 0), 0) };
}

function manifestOf(repo: Repo, { createdAt, global, models }: Snapshot, { options, tags, damaged }: Recorded, counts: BackupCounts): Manifest {
  return {
    formatVersion: BACKUP_FORMAT,
    toolVersion: TOOL_VERSION,
    repoId: repo.id,
    createdAt,
    consistencyPoint: { global, models: Object.fromEntries(models.map(({ id, epochs }) => [id, epochs])) },
    options: { ...options, models: options.models === null ? null : namesOf(models) },
    counts,
    excluded: excludedBy(options),
    ...(tags === undefined ? {} : { tags }),
    ...(damaged.length === 0 ? {} : { damaged }),
  };
}

/** Models may be asked for by their ids; a manifest has names. */
function namesOf(models: readonly ListedModel[]): string[] {
  return models.flatMap(({ definition, directory }) => (definition === undefined ? [] : [directory.slice('models/'.length)]));
}

function excludedBy({ allVersions, incompleteUploads, orphans, models, exclude }: BackupOptions): Excluded[] {
  return [
    ...(exclude === undefined ? [] : (['excluded-artifacts'] as const)),
    ...(allVersions ? [] : (['older-versions'] as const)),
    ...(incompleteUploads ? [] : (['incomplete-uploads'] as const)),
    ...(orphans ? [] : (['orphans'] as const)),
    ...(models === null ? [] : (['other-models'] as const)),
    'deleted-models',
    'kept-outputs',
  ];
}
