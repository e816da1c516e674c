/**
 * Writes what was listed as the tree of a backup into scratch, and publishes it by one rename. Steps over one `Making`: copy the
 * contents, write the records, sync, write CHECKSUMS, publish (design/backup.md, "Making one").
 */
import { setImmediate as turn } from 'node:timers/promises';
import { errnoOf, reasonOf } from '../../errors.js';
import { Bulk } from '../../fs/bulk.js';
import { sha256 } from '../../fs/digest.js';
import { filled, NewFile, syncDir } from '../../fs/durable.js';
import { failpoint } from '../../fs/failpoints.js';
import { SMALL } from '../../fs/pieces.js';
import type { Repo } from '../../repo.js';
import { serialise } from '../../store/metadata.js';
import { checksumLines } from '../checksums.js';
import { type BackupCounts, CHECKSUMS, CONTROL_MODE, KEYMAP, MANIFEST, type Manifest, SAVED_UPLOAD_RECORD, type SidecarVersion } from '../format.js';
import { serialiseManifest } from '../manifest.js';
import type { NamePlan } from '../names.js';
import { definitionPath, inside, sidecarPath, tombstonesPath, versionPath } from '../paths.js';
import { keymapLine, serialiseSidecar, tombstoneLine } from '../records.js';
import { removeScratch } from '../scratch.js';
import { type Base, takeFromBase } from './base.js';
import { type Copying, copyUpload, copyVersion, type Shared } from './copy.js';
import { damageOr } from './damage.js';
import { countsOf, type Damage, type ListedArtifact, type ListedModel, type ListedUpload, type Snapshot } from './listed.js';
import { type BackupTarget, makeScratch, publish } from './target.js';

/** What is to be written. */
export interface MakingPlan {
  readonly snapshot: Snapshot;
  readonly names: NamePlan;
  readonly base: Base | undefined;
  /** The manifest of a backup with these counts. */
  readonly manifestOf: (counts: BackupCounts) => Manifest;
}

/** How far the copying is. `versions` of `total`. */
export interface BackupProgress {
  readonly versions: number;
  readonly total: number;
  readonly bytes: number;
  /** What `bytes` comes to; undefined until the last content is begun, because the sizes are in the records beside the contents. */
  readonly totalBytes?: number;
}

export interface MakingOptions {
  readonly signal: AbortSignal;
  /** Called every now and then. */
  readonly onProgress?: (progress: BackupProgress) => void;
}

/** What has come of it. Where something is damaged nothing was published. */
export interface Made {
  /** Of all contents. */
  readonly bytes: number;
  /** What was taken from the base. */
  readonly reused: number;
  /** Bytes of it that take no space of their own. */
  readonly sharedBytes: number;
  readonly damaged: readonly Damage[];
}

interface Making {
  readonly repo: Repo;
  readonly root: string;
  readonly plan: MakingPlan;
  readonly copying: Copying;
  /** By path in the backup. */
  readonly checksums: Map<string, string>;
  readonly damaged: Damage[];
  /** How far it is. `copied`: bytes that were read, those of parts of uploads included; `begun`: versions whose content was reached, which have `size` bytes. */
  readonly done: { versions: number; bytes: number; reused: number; sharedBytes: number; copied: number; begun: number; size: number };
}

/** So many artifacts are copied at a time; each holds at most two files open. */
const AT_ONCE = 4;
/** Between two turns of the event loop, in which signals and the terminal are served. Milliseconds. */
const TURN_MS = 20;
/** Artifacts between two looks at the clock. */
const BATCH = 16;
/** Lines of CHECKSUMS that are joined before they are written. */
const LINES = 2_000;

/** Makes the backup that becomes `target`. The scratch never outlives this, unless it has become DIR. */
export async function makeBackup(repo: Repo, plan: MakingPlan, target: BackupTarget & { readonly holder: string }, options: MakingOptions): Promise<Made> {
  const scratch = await makeScratch(target, target.holder);
  try {
    const made = await writeTree(repo, scratch, plan, options);
    if (made.damaged.length === 0) await publish(target, scratch);
    else await removeScratch(scratch);
    return made;
  } catch (error) {
    // The error of what was being done is the one that counts (B13).
    await removeScratch(scratch).catch((second: unknown) => {
      repo.reporter.warn(`${scratch} could not be removed: ${reasonOf(second)}. The next backup beside it tries again.`, {
        topic: 'backup',
        path: scratch,
        ...errnoOf(second),
      });
    });
    throw error;
  }
}

async function writeTree(repo: Repo, root: string, plan: MakingPlan, options: MakingOptions): Promise<Made> {
  const began = performance.now();
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, options.signal]);
  const done = { versions: 0, bytes: 0, reused: 0, sharedBytes: 0, copied: 0, begun: 0, size: 0 };
  const tell = telling(plan, done, options.onProgress);
  const onBytes = (bytes: number): void => {
    done.copied += bytes;
    // A piece of a content that takes a while by itself.
    if (bytes > SMALL) tell();
  };
  const onVersion = (bytes: number): void => {
    done.begun += 1;
    done.size += bytes;
  };
  const { base } = plan;
  const fromBase: Copying['fromBase'] = base && ((content, to, path) => takeFromBase(base, content, to, path));
  const copying: Copying = { locating: { repo, indexes: new Map() }, bulk: new Bulk(root), fromBase, signal, onBytes, onVersion };
  const making: Making = { repo, root, plan, copying, checksums: new Map(), damaged: [], done };
  await copyAll(making, stop, tell);
  if (making.damaged.length === 0) await writeControls(making, began);
  const { bytes, reused, sharedBytes } = done;
  return { bytes, reused, sharedBytes, damaged: making.damaged };
}

/** The first error ends the others, and is the one that is thrown, when all have let go of their files (B13). */
async function copyAll(making: Making, stop: AbortController, tell: () => void): Promise<void> {
  const { copying } = making;
  const breathe = breathing(tell);
  const queue = tasksOf(making);
  const work = async (): Promise<void> => {
    for (const task of queue) {
      copying.signal.throwIfAborted();
      await task();
      await breathe();
    }
  };
  let first: { readonly error: unknown } | undefined;
  const guarded = Array.from({ length: AT_ONCE }, () =>
    work().catch((error: unknown) => {
      first ??= { error };
      stop.abort(error);
    }),
  );
  await Promise.all(guarded);
  if (first !== undefined) throw first.error;
  tell();
}

/** Tells how far the copying is. Parts of uploads are of a size that is known too late to be counted in. */
function telling({ snapshot }: MakingPlan, done: Readonly<Making['done']>, onProgress: MakingOptions['onProgress']): () => void {
  const { versions: total, uploads } = countsOf(snapshot);
  return () => {
    const whole = done.begun === total && uploads === 0 ? { totalBytes: done.size } : {};
    onProgress?.({ versions: done.versions, total, bytes: done.copied, ...whole });
  };
}

/** Asks the clock now and then only: where it is a system call, it costs as much as reading a file. */
function breathing(tell: () => void): () => Promise<void> {
  let tasks = 0;
  let turned = performance.now();
  return async () => {
    if (++tasks % BATCH !== 0 || performance.now() - turned < TURN_MS) return;
    tell();
    await turn();
    turned = performance.now();
  };
}

/** Everything to copy, one at a time, to the worker that asks first. */
function* tasksOf(making: Making): Generator<() => Promise<void>, undefined> {
  for (const model of making.plan.snapshot.models) {
    yield () => writeRecords(making, model);
    for (const artifact of model.artifacts) yield () => copyArtifact(making, model, artifact);
    for (const upload of model.uploads) yield () => copyUnfinished(making, model, upload);
  }
  return undefined;
}

async function writeControl({ root, copying, checksums }: Making, path: string, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  await copying.bulk.write(inside(root, path), bytes, CONTROL_MODE);
  checksums.set(path, sha256(bytes));
}

async function writeRecords(making: Making, { directory, definition, tombstones }: ListedModel): Promise<void> {
  if (definition !== undefined) await writeControl(making, definitionPath(directory), definition);
  if (tombstones.length > 0) await writeControl(making, tombstonesPath(directory), tombstones.map(tombstoneLine).join(''));
}

async function copyArtifact(making: Making, { id, directory }: ListedModel, artifact: ListedArtifact): Promise<void> {
  const { plan, root, done } = making;
  const { name, generation, floor } = artifact;
  const content = plan.names.places.get(directory)?.get(name)?.path;
  if (content === undefined) throw new TypeError(`no place was planned for ${JSON.stringify(name)}`);
  const versions: SidecarVersion[] = [];
  for (const [i, listed] of artifact.versions.entries()) {
    await failpoint('backup.copying');
    const path = i === artifact.versions.length - 1 ? content : versionPath(content, listed.version);
    await unlessDamaged(making, { modelId: id, name, version: listed.version }, async () => {
      const { metadata, from } = await copyVersion(making.copying, { modelId: id, artifact, listed }, inside(root, path));
      versions.push({ version: listed.version, ...metadata });
      making.checksums.set(path, metadata.checksum);
      done.versions += 1;
      done.bytes += metadata.size;
      done.reused += from === 'store' ? 0 : 1;
      done.sharedBytes += from === ('shared' satisfies Shared) ? metadata.size : 0;
    });
  }
  if (versions.length < artifact.versions.length) return;
  await writeControl(making, sidecarPath(content), serialiseSidecar({ name, generation, floor, versions }));
}

async function copyUnfinished(making: Making, { id, directory }: ListedModel, upload: ListedUpload): Promise<void> {
  const place = `uploads/${directory.slice(directory.indexOf('/') + 1)}/${upload.id}`;
  const pathOf = (number: number): string => `${place}/part-${number}`;
  await unlessDamaged(making, { modelId: id, name: upload.id, version: null }, async () => {
    await writeControl(making, `${place}/${SAVED_UPLOAD_RECORD}`, serialise(upload.record));
    const sums = await copyUpload(making.copying, id, upload, (number) => inside(making.root, pathOf(number)));
    for (const [number, checksum] of sums) making.checksums.set(pathOf(number), checksum);
  });
}

/** What is damaged ends nothing: the others are looked at, too, so that all of it can be reported at once. */
async function unlessDamaged({ repo, damaged }: Making, what: Omit<Damage, 'error'>, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    damaged.push({ ...what, error: damageOr(repo, error) });
  }
}

/** CHECKSUMS comes last, when everything else is on disk: what has it is whole, and nothing else passes for a backup (B3). */
async function writeControls(making: Making, began: number): Promise<void> {
  const { repo, root, plan, copying, checksums, done } = making;
  await writeControl(making, KEYMAP, plan.names.keymap.map(keymapLine).join(''));
  await writeControl(making, MANIFEST, serialiseManifest(plan.manifestOf({ ...countsOf(plan.snapshot), bytes: done.bytes })));
  await failpoint('backup.before-sync');
  const written = performance.now();
  await copying.bulk.sync(copying.signal);
  repo.reporter.debug(`Written in ${Math.round(written - began)} ms, synced in ${Math.round(performance.now() - written)} ms.`, { topic: 'backup' });
  const file = await NewFile.create(inside(root, CHECKSUMS), { mode: CONTROL_MODE });
  await filled(file, async () => {
    const lines: string[] = [];
    for (const line of checksumLines(checksums)) {
      if (lines.push(line) < LINES) continue;
      await file.write(Buffer.from(lines.splice(0).join('')));
      copying.signal.throwIfAborted();
    }
    await file.write(Buffer.from(lines.join('')));
  });
  await syncDir(root);
  // A signal that has come by now is honoured: it is reported at a turn of the event loop.
  await turn();
  copying.signal.throwIfAborted();
}
