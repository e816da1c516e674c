/** `backup create`: one point in time, read while everybody works on, written aside, and published by one rename. The order of the steps is design/backup.md's. */

import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { Base } from '../backup/base.js';
import { checksumLines } from '../backup/checksums.js';
import { type Copying, copyUpload, copyVersion } from '../backup/copy.js';
import { requireBackupDirectory } from '../backup/directory.js';
import {
  BACKUP_FORMAT,
  type BackupOptions,
  CHECKSUMS,
  CONTROL_MODE,
  type Counts,
  type Excluded,
  KEYMAP,
  type KeymapRecord,
  MANIFEST,
  type Manifest,
  UPLOAD_RECORD,
} from '../backup/format.js';
import { findingsOf } from '../backup/invalid.js';
import type { ExcludedCounts, ListedArtifact, ListedModel, ListedUpload, Snapshot } from '../backup/listed.js';
import { Locator } from '../backup/locate.js';
import { serialiseManifest } from '../backup/manifest.js';
import { type NamePlan, planNames } from '../backup/names.js';
import { createControl } from '../backup/open.js';
import { definitionPath, inside, sidecarPath, tombstonesPath, versionPath } from '../backup/paths.js';
import { keymapLine, serialiseSidecar, tombstoneLine } from '../backup/records.js';
import { reclaimScratch, removeScratch } from '../backup/scratch.js';
import { lookWithoutLock, takeSnapshot } from '../backup/snapshot.js';
import { makeScratch, publish, type Target, targetOf } from '../backup/target.js';
import { reasonOf } from '../errors.js';
import { Bulk } from '../fs/bulk.js';
import { sha256 } from '../fs/digest.js';
import { syncDir, syncFile } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { METADATA } from '../layout/layout.js';
import { withSession } from '../protocol/session.js';
import { type Repo, requireWritable, underName } from '../repo.js';
import { readVersionMetadata, serialise } from '../store/metadata.js';
import { pin, unpin } from '../store/pins.js';
import { sweepUnpinned } from '../store/sweep.js';
import { TOOL_VERSION } from '../version.js';
import { verdictOf } from './backup-verify.js';

export interface BackupCreateInput {
  /** Where the backup appears. */
  readonly dir: string;
  /** Names or ids; all without it. */
  readonly models?: readonly string[];
  /** Only the latest version of each artifact; all versions without it. */
  readonly latestOnly?: boolean;
  readonly includeIncompleteUploads?: boolean;
  readonly includeOrphans?: boolean;
  readonly encodeNames?: boolean;
  readonly renameCollisions?: boolean;
  /** An earlier backup, whose files are cloned where they are the same. */
  readonly base?: string;
  readonly dryRun?: boolean;
}

export interface BackupCreateResult extends Counts {
  /** Absolute. */
  readonly backupDir: string;
  /** The moment that the backup shows. */
  readonly createdAt: string;
  /** How many of each kind are not in it. */
  readonly excluded: ExcludedCounts;
  /** Artifacts that do not stand under their names. */
  readonly renamed: readonly KeymapRecord[];
  /** How many versions came from `base`. */
  readonly reused: number;
  readonly dryRun: boolean;
}

/** How far the copying is. `versions` of `total`. */
export interface BackupProgress {
  readonly versions: number;
  readonly total: number;
  readonly bytes: number;
}

export interface BackupCreateOptions {
  readonly signal: AbortSignal;
  /** Called every now and then. */
  readonly onProgress?: (progress: BackupProgress) => void;
}

/**
 * Makes a backup. Throws `read_only`, `conflict`, `usage`, `hostile_names`, `collision`, `model_not_found`, `model_invalid`,
 * `corrupt`, `checksum_mismatch`, `incomplete_chunks`, `backup_invalid` for the base, `lock_timeout`, `no_space`, `io`; then
 * there is no backup, and nothing is left of it.
 */
export async function backupCreate(plain: Repo, input: BackupCreateInput, options: BackupCreateOptions): Promise<BackupCreateResult> {
  const repo = underName(plain, `backup create ${input.dir}`);
  const wanted = optionsOf(input);
  const listed = { models: wanted.models, allVersions: wanted.allVersions, incompleteUploads: wanted.incompleteUploads, orphans: wanted.orphans };
  if (input.dryRun !== true) requireWritable(repo);
  const target = targetOf(repo, input.dir);
  const base = input.base === undefined ? undefined : openBase(repo, input.base);
  if (input.dryRun === true) {
    const snapshot = await lookWithoutLock(repo, listed, options);
    return { ...resultOf(target, snapshot, planned(snapshot, wanted)), ...sizesOf(snapshot), reused: 0, dryRun: true };
  }
  await reclaimScratch(target.parent, repo.reporter.warn);
  try {
    return await withSession(repo, async (session) => {
      try {
        await pin(session);
        const snapshot = await takeSnapshot(repo, listed, { session, signal: options.signal });
        await failpoint('backup.listed');
        const names = planned(snapshot, wanted);
        const maker = new Maker(repo, { snapshot, names, wanted, base }, options);
        const { counts, reused } = await maker.make(target, session.holder);
        return { ...resultOf(target, snapshot, names), ...counts, reused, dryRun: false };
      } finally {
        await afterwards(repo, () => unpin(session));
      }
    });
  } finally {
    if (!options.signal.aborted) await afterwards(repo, () => sweepUnpinned(repo));
  }
}

/** The error names the base: it is not the backup that the command is about. */
function openBase(repo: Repo, named: string): Base {
  const dir = requireBackupDirectory(named);
  try {
    return new Base(repo, dir);
  } catch (error) {
    throw verdictOf({ dir, findings: findingsOf(error) ?? [] }) ?? error;
  }
}

/** P8: what follows may fail without changing the outcome, and stays pending: a pin until this process has ended. */
async function afterwards(repo: Repo, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    repo.reporter.warn(`${reasonOf(error)}. "swamp datastore sweep" tries again.`);
  }
}

function optionsOf(input: BackupCreateInput): BackupOptions {
  return {
    allVersions: input.latestOnly !== true,
    incompleteUploads: input.includeIncompleteUploads === true,
    orphans: input.includeOrphans === true,
    encodeNames: input.encodeNames === true,
    renameCollisions: input.renameCollisions === true,
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

function resultOf({ path }: Target, { createdAt, models, excluded }: Snapshot, { keymap }: NamePlan): Omit<BackupCreateResult, 'bytes' | 'reused' | 'dryRun'> {
  const sum = (of: (model: ListedModel) => number): number => models.reduce((total, model) => total + of(model), 0);
  return {
    backupDir: path,
    createdAt,
    models: models.filter(({ definition }) => definition !== undefined).length,
    artifacts: sum(({ artifacts }) => artifacts.length),
    versions: sum(({ artifacts }) => artifacts.reduce((total, { versions }) => total + versions.length, 0)),
    tombstones: sum(({ tombstones }) => tombstones.length),
    uploads: sum(({ uploads }) => uploads.length),
    orphans: models.filter(({ definition }) => definition === undefined).length,
    excluded,
    renamed: keymap,
  };
}

/** What the contents take, as their records tell; what has gone since is left out. */
function sizesOf({ models }: Snapshot): { readonly bytes: number } {
  const dirs = models.flatMap(({ artifacts }) => artifacts.flatMap(({ dir, versions }) => versions.map(({ version }) => join(dir, String(version)))));
  return { bytes: dirs.reduce((sum, dir) => sum + (readVersionMetadata(join(dir, METADATA))?.size ?? 0), 0) };
}

interface Plan {
  readonly snapshot: Snapshot;
  readonly names: NamePlan;
  readonly wanted: BackupOptions;
  readonly base: Base | undefined;
}

/** So many artifacts are copied at a time; each holds at most two files open. */
const AT_ONCE = 4;
/** Between two turns of the event loop, in which signals and the terminal are served. Milliseconds. */
const TURN_MS = 20;
/** Artifacts between two looks at the clock. */
const BATCH = 16;
/** Of CHECKSUMS that are joined before they are written. */
const LINES = 2_000;

/** One run: the scratch, what stands in it, and what it has come to. */
class Maker {
  readonly #repo: Repo;
  readonly #plan: Plan;
  readonly #options: BackupCreateOptions;
  /** By path in the backup. */
  readonly #checksums = new Map<string, string>();
  readonly #counts = { models: 0, artifacts: 0, versions: 0, bytes: 0, tombstones: 0, uploads: 0, orphans: 0 };
  /** Versions that are to be copied. */
  readonly #total: number;
  #reused = 0;
  #tasks = 0;
  readonly #began = performance.now();
  #turned = performance.now();
  #bytes = 0;

  constructor(repo: Repo, plan: Plan, options: BackupCreateOptions) {
    this.#repo = repo;
    this.#plan = plan;
    this.#options = options;
    this.#total = plan.snapshot.models.reduce((sum, { artifacts }) => sum + artifacts.reduce((n, { versions }) => n + versions.length, 0), 0);
  }

  /** The scratch never outlives this, unless it has become DIR. */
  async make(target: Target, holder: string): Promise<{ readonly counts: Counts; readonly reused: number }> {
    const scratch = await makeScratch(target, holder);
    try {
      await this.#write(scratch);
      await publish(target, scratch);
    } catch (error) {
      await removeScratch(scratch).catch((second: unknown) => this.#tellLeft(scratch, second));
      throw error;
    }
    return { counts: { ...this.#counts }, reused: this.#reused };
  }

  /** The error of what was being done is the one that counts (B13). */
  #tellLeft(scratch: string, error: unknown): void {
    const why = reasonOf(error);
    this.#repo.reporter.warn(`${scratch} could not be removed: ${why}. The next backup beside it tries again.`);
  }

  async #write(root: string): Promise<void> {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#options.signal]);
    const bulk = new Bulk(root);
    const onBytes = (bytes: number): void => {
      this.#bytes += bytes;
    };
    const copying: Copying = { locator: new Locator(this.#repo), bulk, base: this.#plan.base, signal, onBytes };
    const queue = this.#work(root, copying);
    const work = async (): Promise<void> => {
      for (const task of queue) {
        signal.throwIfAborted();
        await task();
        await this.#breathe();
      }
    };
    // The first error ends the others, and is the one that is told, when all have let go of their files (B13).
    let first: { readonly error: unknown } | undefined;
    const guarded = Array.from({ length: AT_ONCE }, () =>
      work().catch((error: unknown) => {
        first ??= { error };
        stop.abort(error);
      }),
    );
    await Promise.all(guarded);
    if (first !== undefined) throw first.error;
    await this.#writeControls(root, bulk, signal);
  }

  /** Everything that is to be copied, one at a time, to whoever asks first. */
  *#work(root: string, copying: Copying): Generator<() => Promise<void>, undefined> {
    for (const model of this.#plan.snapshot.models) {
      yield () => this.#writeRecords(root, copying.bulk, model);
      for (const artifact of model.artifacts) yield () => this.#copyArtifact(root, copying, model, artifact);
      for (const upload of model.uploads) yield () => this.#copyUpload(root, copying, model, upload);
    }
    return undefined;
  }

  /** Asks the clock now and then only: where it is a system call, it costs as much as reading a file. */
  async #breathe(): Promise<void> {
    if (++this.#tasks % BATCH !== 0 || performance.now() - this.#turned < TURN_MS) return;
    this.#options.onProgress?.({ versions: this.#counts.versions, total: this.#total, bytes: this.#bytes });
    await turn();
    this.#turned = performance.now();
  }

  async #control(root: string, bulk: Bulk, path: string, text: string): Promise<void> {
    const bytes = Buffer.from(text);
    await bulk.write(inside(root, path), bytes, CONTROL_MODE);
    this.#checksums.set(path, sha256(bytes));
  }

  async #writeRecords(root: string, bulk: Bulk, { directory, definition, tombstones }: ListedModel): Promise<void> {
    if (definition !== undefined) await this.#control(root, bulk, definitionPath(directory), definition);
    if (tombstones.length > 0) await this.#control(root, bulk, tombstonesPath(directory), tombstones.map(tombstoneLine).join(''));
    this.#counts[definition === undefined ? 'orphans' : 'models'] += 1;
    this.#counts.tombstones += tombstones.length;
  }

  async #copyArtifact(root: string, copying: Copying, { id, directory }: ListedModel, artifact: ListedArtifact): Promise<void> {
    const { name, generation, floor } = artifact;
    const content = this.#plan.names.places.get(directory)?.get(name)?.path;
    if (content === undefined) throw new TypeError(`no place was planned for ${JSON.stringify(name)}`);
    const versions = [];
    for (const [i, listed] of artifact.versions.entries()) {
      await failpoint('backup.copying');
      const path = i === artifact.versions.length - 1 ? content : versionPath(content, listed.version);
      const { metadata, reused } = await copyVersion(copying, { modelId: id, artifact, listed }, inside(root, path));
      versions.push({ version: listed.version, ...metadata });
      this.#checksums.set(path, metadata.checksum);
      this.#counts.versions += 1;
      this.#counts.bytes += metadata.size;
      this.#reused += reused ? 1 : 0;
    }
    await this.#control(root, copying.bulk, sidecarPath(content), serialiseSidecar({ name, generation, floor, versions }));
    this.#counts.artifacts += 1;
  }

  async #copyUpload(root: string, copying: Copying, { id, directory }: ListedModel, upload: ListedUpload): Promise<void> {
    const place = `uploads/${directory.slice(directory.indexOf('/') + 1)}/${upload.id}`;
    await this.#control(root, copying.bulk, `${place}/${UPLOAD_RECORD}`, serialise(upload.record));
    const paths = new Map<string, string>();
    const pathOf = (number: number): string => {
      const path = `${place}/part-${number}`;
      paths.set(inside(root, path), path);
      return inside(root, path);
    };
    for (const [absolute, checksum] of await copyUpload(copying, id, upload, pathOf)) this.#checksums.set(paths.get(absolute) ?? '', checksum);
    this.#counts.uploads += 1;
  }

  /** CHECKSUMS comes last, when everything else is on disk: what has it is whole, and nothing else passes for a backup (B3). */
  async #writeControls(root: string, bulk: Bulk, signal: AbortSignal): Promise<void> {
    const { names, snapshot } = this.#plan;
    await this.#control(root, bulk, KEYMAP, names.keymap.map(keymapLine).join(''));
    await this.#control(root, bulk, MANIFEST, serialiseManifest(this.#manifest(snapshot)));
    await failpoint('backup.before-sync');
    const written = performance.now();
    await bulk.sync(signal);
    this.#repo.reporter.debug(`Written in ${Math.round(written - this.#began)} ms, synced in ${Math.round(performance.now() - written)} ms.`);
    const file = await createControl(root, CHECKSUMS);
    try {
      const lines: string[] = [];
      for (const line of checksumLines(this.#checksums)) {
        if (lines.push(line) < LINES) continue;
        await file.writeFile(lines.splice(0).join(''));
        signal.throwIfAborted();
      }
      await file.writeFile(lines.join(''));
      await syncFile(file);
    } finally {
      await file.close();
    }
    await syncDir(root);
    // A signal that has come by now is honoured: it is told at a turn of the event loop.
    await turn();
    signal.throwIfAborted();
  }

  #manifest({ createdAt, global, models }: Snapshot): Manifest {
    return {
      formatVersion: BACKUP_FORMAT,
      toolVersion: TOOL_VERSION,
      repoId: this.#repo.id,
      createdAt,
      consistencyPoint: { global, models: Object.fromEntries(models.map(({ id, epochs }) => [id, epochs])) },
      options: { ...this.#plan.wanted, models: this.#plan.wanted.models === null ? null : namesOf(models) },
      counts: { ...this.#counts },
      excluded: excludedBy(this.#plan.wanted),
    };
  }
}

/** Models may be asked for by their ids; a manifest tells names. */
function namesOf(models: readonly ListedModel[]): string[] {
  return models.flatMap(({ definition, directory }) => (definition === undefined ? [] : [directory.slice('models/'.length)]));
}

function excludedBy({ allVersions, incompleteUploads, orphans, models }: BackupOptions): Excluded[] {
  return [
    ...(allVersions ? [] : (['older-versions'] as const)),
    ...(incompleteUploads ? [] : (['incomplete-uploads'] as const)),
    ...(orphans ? [] : (['orphans'] as const)),
    ...(models === null ? [] : (['other-models'] as const)),
    'deleted-models',
    'kept-outputs',
  ];
}
