/**
 * How far the lock of a model counted, as names and undamaged records still say, and how far above that it goes on when it
 * is mended (P6). Nothing is read from a damaged record, and nothing from what was set aside earlier.
 */
import { join } from 'node:path';
import { isErrno, SwampError } from '../../errors.js';
import { readDir } from '../../fs/tree.js';
import { ARTIFACT_RECORD, type LockName } from '../../layout/layout.js';
import { MAX_EPOCH } from '../../locks/fence.js';
import type { Repo } from '../../repo.js';
import { readDeleted } from '../deletion.js';
import { readRecordState, readTombstoneState } from './states.js';

/** More than a lock is taken between the last name or record that says its epoch, and the damage. */
const JUMP = 1_000_000;

/**
 * The epoch at which a mended lock goes on. It is above every epoch that is left by `JUMP`, and not under the time in milliseconds: what is
 * left may be older than an earlier jump, and a lock that jumped is not taken a thousand times a second ever since.
 */
export function epochAbove(repo: Repo, lock: LockName): number {
  const above = highestEpoch(repo, lock) + JUMP;
  return Math.max(above, Math.min(Date.now(), MAX_EPOCH / 2));
}

/** The highest epoch that undamaged records of the model carry, generations above all; 0 when there is none. */
export function recordedEpoch(repo: Repo, modelId: string): number {
  const { layout } = repo;
  const [data, tombstones] = [layout.model(modelId), layout.tombstones(modelId)];
  return highestOf([
    ...list(data).map((segment) => readRecordState(join(data, segment, ARTIFACT_RECORD), segment).value?.generation ?? 0),
    ...list(tombstones).map((file) => readTombstoneState(join(tombstones, file), file.replace(/\.json$/, '')).value?.generation ?? 0),
    deletedEpoch(repo, modelId),
  ]);
}

function deletedEpoch(repo: Repo, modelId: string): number {
  try {
    return readDeleted(repo, modelId)?.epoch ?? 0;
  } catch (error) {
    if (error instanceof SwampError) return 0;
    throw error;
  }
}

function highestEpoch(repo: Repo, lock: LockName): number {
  const { layout } = repo;
  const entries = (each: LockName): number[] => list(layout.fence(each)).map(epochOf);
  if (lock.kind === 'global') return highestOf(entries(lock));
  const { modelId } = lock;
  const trash = list(layout.trashes).filter((name) => name.startsWith(`${modelId}-`));
  return highestOf([
    recordedEpoch(repo, modelId),
    ...(['data', 'run'] as const).flatMap((kind) => entries({ kind, modelId })),
    ...list(layout.modelKept(modelId)).map((name) => epochIn(/^([0-9]+)-/, name)),
    ...trash.map((name) => epochIn(/^([0-9]+)-/, name.slice(modelId.length + 1))),
  ]);
}

/** The epoch at the beginning of an entry's name, however damaged the rest; 0 when it has none. */
export function epochOf(entryName: string): number {
  return epochIn(/^([0-9]+)\./, entryName);
}

function epochIn(pattern: RegExp, name: string): number {
  return Number(pattern.exec(name)?.[1] ?? 0);
}

/** Something else in the place of a directory is a finding of its own. */
function list(dir: string): string[] {
  try {
    return readDir(dir) ?? [];
  } catch (error) {
    if (isErrno(error, 'ENOTDIR', 'ELOOP')) return [];
    throw error;
  }
}

/** A number above what a fence can count is damage, and is not counted on from. */
function highestOf(epochs: readonly number[]): number {
  return epochs.filter((epoch) => epoch <= MAX_EPOCH).reduce((highest, epoch) => Math.max(highest, epoch), 0);
}
