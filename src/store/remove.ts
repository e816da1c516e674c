/** Commits removals through the held fence: one winner, by one rename into the entry's trash. The sweep comes later, outside every lock. */
import { join } from 'node:path';
import { SwampError } from '../errors.js';
import { syncDir } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { exists } from '../fs/tree.js';
import { ARTIFACT_RECORD } from '../layout/layout.js';
import type { Lease } from '../locks/lease.js';
import { makePlace } from '../locks/session.js';
import { type Change, isLogged, logged } from './changes.js';
import { moveThrough, moveToTrash, stageRecord, syncCommit } from './commit.js';
import { FORWARD, MOVING, type Step } from './intent.js';
import { type ArtifactRecord, serialise, type Tombstone } from './metadata.js';
import { type Artifact, artifactRecord, findHead, type Head, tombstoneOf, versionNotFound } from './read.js';
import { commitIntent } from './roll-forward.js';

/** What a delete did. `alreadyDeleted`: another command had; nothing was changed (O3). */
export interface Removed {
  readonly versionsDeleted: number;
  readonly alreadyDeleted: boolean;
}

const ALREADY: Removed = Object.freeze({ versionsDeleted: 0, alreadyDeleted: true });

/** Deletes an artifact, listed under the fence or still valid there, with all its versions. Throws `data_not_found` when it never existed, FenceLost when nothing was deleted. */
export async function removeArtifact(fence: Lease, name: string, artifact: Artifact | undefined): Promise<Removed> {
  if (artifact === undefined) return requireTombstone(fence, name);
  await buryArtifact(fence, name, artifact);
  return { versionsDeleted: artifact.versions.length, alreadyDeleted: false };
}

/**
 * Deletes one version; the last one takes the artifact along. Throws `version_not_found` for a number that was never
 * given out, `data_not_found` when the artifact never existed.
 */
export async function removeVersion(fence: Lease, name: string, version: number, artifact: Artifact | undefined): Promise<Removed> {
  if (artifact === undefined) {
    const { floor } = requireTombstone(fence, name);
    if (version > floor) throw versionNotFound(name, version, 0);
    return ALREADY;
  }
  const latest = artifact.versions.at(-1) ?? 0;
  const record = requireRecord(artifact, name);
  if (!artifact.versions.includes(version)) {
    if (version > Math.max(latest, record.floor)) throw versionNotFound(name, version, latest);
    return ALREADY;
  }
  if (artifact.versions.length === 1) {
    await buryArtifact(fence, name, artifact);
  } else {
    // The floor is durable before a version above it goes. Without it the number of the newest one would be given out again (P4), and a look at that of another one would hide all newer ones (P10).
    if (version > record.floor) await replaceRecord(fence, artifact, { ...record, floor: latest });
    await failpoint('delete.before-commit');
    if (await isLogged(fence)) await removeAndLog(fence, record, [version]);
    else {
      await moveToTrash(fence, join(artifact.dir, String(version)));
      await syncCommit(fence, [artifact.dir]);
    }
  }
  return { versionsDeleted: 1, alreadyDeleted: false };
}

/** The lowest versions of an artifact, and not all of them. */
export interface Lowest {
  /** Ascending. */
  readonly versions: readonly number[];
  /** Asked before each but the first: the rest stays. */
  readonly isEnough: () => boolean;
  /** Called for each that was removed. */
  readonly onRemoved: (version: number) => void;
}

/**
 * Deletes these versions from below; one that is gone already is passed over. How many of them it has come to. The floor reaches the
 * highest of them before the first one goes, so that it is written once, however many slices the rest takes. Throws FenceLost.
 */
export async function removeLowest(fence: Lease, { dir, record }: Pick<Head, 'dir' | 'record'>, { versions, isEnough, onRemoved }: Lowest): Promise<number> {
  const highest = versions.at(-1) ?? 0;
  if (highest > record.floor) await replaceRecord(fence, { dir }, { ...record, floor: highest });
  await failpoint('gc.before-commit');
  const isToBeLogged = await isLogged(fence);
  const together = isToBeLogged ? LOGGED_TOGETHER : 1;
  let done = 0;
  while (done < versions.length && (done === 0 || !isEnough())) {
    const some = versions.slice(done, done + together).filter((version) => exists(join(dir, String(version))));
    if (isToBeLogged) await removeAndLog(fence, record, some);
    else for (const version of some) await moveToTrash(fence, join(dir, String(version)));
    some.forEach(onRemoved);
    done = Math.min(versions.length, done + together);
  }
  await syncCommit(fence, [dir]);
  return done;
}

/** One intent, with its syncs, for so many versions. */
const LOGGED_TOGETHER = 50;

async function removeAndLog(fence: Lease, record: ArtifactRecord, versions: readonly number[]): Promise<void> {
  if (versions.length === 0) return;
  const at = new Date().toISOString();
  const changes = versions.map((version) => deletionOf(record, version, at));
  await removeLogged(
    fence,
    changes,
    versions.map((version) => ({ trash: { artifact: record.name, version } })),
  );
}

function requireTombstone(fence: Lease, name: string): Tombstone & Removed {
  const tombstone = tombstoneOf(fence.repo, fence.modelId, name);
  if (tombstone === undefined) throw dataNotFound(name);
  return { ...tombstone, ...ALREADY };
}

/** `meant`: a name that has data, for the hint. */
export function dataNotFound(name: string, meant?: string): SwampError {
  return new SwampError('data_not_found', `There is no data named ${JSON.stringify(name)}.`, {
    hint: `${meant === undefined ? '' : `Did you mean ${JSON.stringify(meant)}? `}List what there is with "swamp data list".`,
    data: { name },
  });
}

/** The tombstone first (a live artifact outranks it), durable; then the artifact moves. */
async function buryArtifact(fence: Lease, name: string, artifact: Artifact): Promise<void> {
  const { layout } = fence.repo;
  const record = requireRecord(artifact, name);
  const tombstone: Tombstone = { ...record, floor: Math.max(record.floor, artifact.versions.at(-1) ?? 0), deletedAt: new Date().toISOString() };
  if (await isLogged(fence)) {
    const steps: Step[] = [{ out: TOMBSTONE_FILE, to: { tombstone: name } }, { trash: { artifact: name } }];
    await makePlace(fence.session, layout.tombstones(fence.modelId));
    await failpoint('delete.before-commit');
    await removeLogged(fence, [deletionOf(record, null, tombstone.deletedAt)], steps, { [TOMBSTONE_FILE]: serialise(tombstone) });
    return;
  }
  const slot = await stageRecord(fence, 'tombstone', tombstone);
  await makePlace(fence.session, layout.tombstones(fence.modelId));
  await moveThrough(fence, slot, layout.tombstone(fence.modelId, name));
  await syncDir(layout.tombstones(fence.modelId));
  await failpoint('delete.before-commit');
  await moveToTrash(fence, artifact.dir);
  await syncCommit(fence, [layout.model(fence.modelId)]);
}

const TOMBSTONE_FILE = 'tombstone.json';

function deletionOf({ name, generation }: ArtifactRecord, version: number | null, at: string): Change {
  return { type: 'delete', name, version, generation, size: null, checksum: null, at };
}

/** Commits steps together with the record of what they change. */
async function removeLogged(fence: Lease, changes: readonly Change[], steps: readonly Step[], files: Readonly<Record<string, string>> = {}): Promise<void> {
  const log = await logged(fence, changes);
  await commitIntent(fence, { kind: 'steps', steps: [...steps, ...log.steps] }, { ...files, ...log.files });
}

function requireRecord(artifact: Artifact, name: string): { name: string; generation: number; floor: number } {
  const record = artifactRecord(artifact, name);
  if (record === undefined)
    throw new SwampError('corrupt', `${artifact.dir} went away under the lock.`, { hint: 'Run "swamp datastore check".', data: { path: artifact.dir } });
  return record;
}

async function replaceRecord(fence: Lease, artifact: Pick<Artifact, 'dir'>, record: ArtifactRecord): Promise<void> {
  const slot = await stageRecord(fence, 'record', record);
  await moveThrough(fence, slot, join(artifact.dir, ARTIFACT_RECORD));
  await syncDir(artifact.dir);
}

/**
 * Renames an artifact: it goes on under `to` with all its versions and a new generation (P4), and `from` leads readers
 * there. Throws `data_not_found`, `conflict` when `to` exists, FenceLost.
 */
export async function renameArtifact(fence: Lease, from: string, to: string): Promise<{ readonly version: number }> {
  const { repo, modelId } = fence;
  const artifact = findHead(repo, modelId, from);
  const forward = tombstoneOf(repo, modelId, from);
  const target = findHead(repo, modelId, to);
  // What a dead holder had published was rolled forward, or the next holder has finished this very rename.
  if (artifact === undefined && forward?.renamedTo === to && target !== undefined) return { version: target.latest };
  if (artifact === undefined) throw dataNotFound(from);
  if (target !== undefined) {
    throw new SwampError('conflict', `There is data named ${JSON.stringify(to)} already.`, {
      hint: 'Choose another name, or delete it first.',
      data: { name: to },
    });
  }
  const { record: old, latest } = artifact;
  const before = tombstoneOf(repo, modelId, to)?.floor ?? 0;
  const record: ArtifactRecord = { name: to, generation: fence.epoch, floor: Math.max(old.floor, latest, before) };
  const left: Tombstone = { ...old, floor: Math.max(old.floor, latest), deletedAt: new Date().toISOString(), renamedTo: to };
  // The forward goes first: until the artifact has moved it outranks it, and from then on a reader of the old name is led on.
  const steps: Step[] = [
    { out: FORWARD, to: { tombstone: from } },
    { take: { artifact: from }, as: MOVING },
    { put: ARTIFACT_RECORD, as: `${MOVING}/${ARTIFACT_RECORD}` },
    { out: MOVING, to: { artifact: to } },
  ];
  const outcome = { version: latest };
  const change: Change = {
    type: 'rename',
    name: to,
    oldName: from,
    version: latest,
    generation: record.generation,
    size: null,
    checksum: null,
    at: left.deletedAt,
  };
  const log = (await isLogged(fence)) ? await logged(fence, [change]) : undefined;
  const files = { [ARTIFACT_RECORD]: serialise(record), [FORWARD]: serialise(left), ...log?.files };
  await commitIntent(fence, { kind: 'steps', steps: [...steps, ...(log?.steps ?? [])] }, files, outcome);
  return outcome;
}

/** True when a version is there that was not shown: what the person agreed to is what is deleted. */
export function hasNew(shown: readonly number[], now: readonly number[]): boolean {
  const seen = new Set(shown);
  return now.some((number) => !seen.has(number));
}
