/**
 * Every invariant of the datastore's tree and every checksum, without a lock. Walks the layout level by level: what
 * belongs there is looked at, what does not is reported.
 */
import { opendirSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../errors.js';
import { statusOf } from '../../fs/identity.js';
import { isForeign } from '../../fs/tree.js';
import { ARTIFACT_RECORD, GLOBAL, isFreeCatalog, isModelId, type LockName } from '../../layout/layout.js';
import { isRecordName, isSegment, nameOf } from '../../layout/names.js';
import { parseHolder } from '../../locks/holder.js';
import { lockOfQueue, parseTicket } from '../../locks/queue.js';
import type { Repo } from '../../repo.js';
import { versionNumbers } from '../read.js';
import { obstacleToRestore } from '../restoration.js';
import { lookAtArtifact, lookAtTombstone } from './artifact.js';
import { checkChanges } from './changes.js';
import { type Checker, type Look, lookAtObject } from './checker.js';
import { lookAtDeleted } from './deleted.js';
import { lookAtFence, lookForFence } from './fence.js';
import type { Issue } from './kinds.js';
import type { Expected } from './plain.js';
import { checkUploadsOf } from './uploads.js';
import { lookAtVersion } from './version.js';

/** Looks at the whole datastore once; `checker.settle()` looks again. One that was never written to is in order. */
export async function checkStore(checker: Checker): Promise<void> {
  const { layout } = checker.repo;
  for (const path of [layout.base, layout.root]) {
    await checker.look(path, () => lookAtRoot(path));
    if (!isDirectory(path)) return;
  }
  for (const step of STEPS) await step(checker);
}

const LEVELS: ReadonlySet<string> = new Set([
  'fences',
  'queues',
  'staging',
  'data',
  'tombstones',
  'deleted',
  'uploads',
  'kept',
  'changes',
  'pins',
  'catalog',
  'trash',
  'reserve',
  'restoring',
  'quarantine',
]);

const STEPS = [
  checkTop,
  checkData,
  checkTombstones,
  checkFences,
  checkQueues,
  checkStagings,
  checkDeleted,
  checkUploads,
  checkKept,
  checkChanges,
  checkPins,
  checkTrash,
  checkRestoring,
  checkReserve,
  checkCatalogs,
];

async function checkTop(checker: Checker): Promise<void> {
  const { layout } = checker.repo;
  const files = [layout.repository, layout.moving].map((path) => path.slice(layout.root.length + 1));
  const expected = (name: string): Expected | undefined => (LEVELS.has(name) ? 'directory' : files.includes(name) ? 'file' : undefined);
  for await (const _ of checker.entries(layout.root, expected));
}

async function checkData(checker: Checker): Promise<void> {
  const { repo, counts } = checker;
  for await (const modelId of checker.entries(repo.layout.data, (name) => (isModelId(name) ? 'directory' : undefined))) {
    const dir = repo.layout.model(modelId);
    await checker.look(dir, () => lookForFence(repo, modelId, () => hasEntries(dir)));
    for await (const segment of checker.entries(dir, (name) => (isSegment(name) ? 'directory' : undefined))) {
      await checker.look(join(dir, segment), () => lookAtArtifact(repo, modelId, segment));
      counts.artifacts++;
      await checkVersions(checker, modelId, segment);
    }
  }
}

async function checkVersions(checker: Checker, modelId: string, segment: string): Promise<void> {
  const { counts } = checker;
  const artifact = join(checker.repo.layout.model(modelId), segment);
  const expected = (name: string): Expected | undefined => (name === ARTIFACT_RECORD ? 'file' : versionNumbers([name]).length > 0 ? 'directory' : undefined);
  for await (const name of checker.entries(artifact, expected)) {
    if (name === ARTIFACT_RECORD) continue;
    const dir = join(artifact, name);
    await checker.look(dir, () =>
      lookAtVersion(dir, deleteHint(modelId, segment, name), (bytes) => {
        counts.bytes += bytes;
        return checker.breathe();
      }),
    );
    counts.versions++;
  }
}

/** Undefined for an artifact whose directory does not give its name. */
function deleteHint(modelId: string, segment: string, version: string): string | undefined {
  const name = nameOf(segment);
  if (name === undefined) return undefined;
  return `Restore it from a backup, or run: swamp data delete ${modelId} '${name.replaceAll("'", "'\\''")}' --version ${version}`;
}

async function checkTombstones(checker: Checker): Promise<void> {
  const { repo, counts } = checker;
  for await (const modelId of checker.entries(repo.layout.tombstoneRoot, (name) => (isModelId(name) ? 'directory' : undefined))) {
    const dir = repo.layout.tombstones(modelId);
    await checker.look(dir, () => lookForFence(repo, modelId, () => hasEntries(dir)));
    for await (const file of checker.entries(dir, (name) => (isRecordName(name) ? 'file' : undefined))) {
      await checker.look(join(dir, file), () => lookAtTombstone(repo, modelId, file));
      counts.tombstones++;
    }
  }
}

async function checkFences(checker: Checker): Promise<void> {
  const { repo, counts } = checker;
  const look = async (lock: LockName): Promise<void> => {
    await checker.look(repo.layout.fence(lock), () => lookAtFence(repo, lock));
    counts.fences++;
  };
  for await (const name of checker.entries(repo.layout.fences, (entry) => (entry === GLOBAL.kind || isModelId(entry) ? 'directory' : undefined))) {
    if (name === GLOBAL.kind) await look(GLOBAL);
    else {
      for await (const kind of checker.entries(repo.layout.modelFences(name), (entry) => (isModelLock(entry) ? 'directory' : undefined))) {
        if (isModelLock(kind)) await look({ kind, modelId: name });
      }
    }
  }
}

function isModelLock(kind: string): kind is 'data' | 'run' {
  return kind === 'data' || kind === 'run';
}

async function checkQueues(checker: Checker): Promise<void> {
  const { repo } = checker;
  for await (const name of checker.entries(repo.layout.queues, (entry) => (lockOfQueue(entry) === undefined ? undefined : 'directory'))) {
    const lock = lockOfQueue(name);
    if (lock === undefined) continue;
    const dir = repo.layout.queue(lock);
    for await (const file of checker.entries(dir, () => 'file')) await checker.look(join(dir, file), () => lookAtTicket(checker.repo, lock, file));
  }
}

function lookAtTicket(repo: Repo, lock: LockName, file: string): Promise<Look> {
  const path = join(repo.layout.queue(lock), file);
  const isTicket = parseTicket(repo.layout.queue(lock), file) !== undefined;
  return lookAtObject(path, 'file', (): Issue[] => (isTicket ? [] : [{ path, kind: 'unknown_entry', message: 'is not a place in a queue' }]));
}

async function checkStagings(checker: Checker): Promise<void> {
  const { repo } = checker;
  for await (const _ of checker.entries(repo.layout.stagings, (name) => (parseHolder(name) === undefined ? undefined : 'directory')));
}

async function checkDeleted(checker: Checker): Promise<void> {
  const { repo } = checker;
  for await (const file of checker.entries(repo.layout.deleted, (name) => (deletedId(name) === undefined ? undefined : 'file'))) {
    if (file.endsWith('.json')) await checker.look(join(repo.layout.deleted, file), () => lookAtDeleted(repo, deletedId(file) ?? ''));
  }
}

function deletedId(file: string): string | undefined {
  const id = file.slice(0, -'.json'.length);
  return /\.(json|exit)$/.test(file) && isModelId(id) ? id : undefined;
}

async function checkUploads(checker: Checker): Promise<void> {
  const { layout } = checker.repo;
  for await (const modelId of checker.entries(layout.uploads, (name) => (isModelId(name) ? 'directory' : undefined))) await checkUploadsOf(checker, modelId);
}

async function checkKept(checker: Checker): Promise<void> {
  const { layout } = checker.repo;
  for await (const modelId of checker.entries(layout.kept, (name) => (isModelId(name) ? 'directory' : undefined))) {
    for await (const _ of checker.entries(join(layout.kept, modelId), (entry) => (/^[0-9]+-[0-9a-f]+$/.test(entry) ? 'directory' : undefined)));
  }
}

async function checkPins(checker: Checker): Promise<void> {
  const { repo } = checker;
  for await (const _ of checker.entries(repo.layout.pins, (name) => (parseHolder(name) === undefined ? undefined : 'file')));
}

/** Whatever is in the trash was committed to be removed. */
async function checkTrash(checker: Checker): Promise<void> {
  for await (const _ of checker.entries(checker.repo.layout.trashes, () => 'any'));
}

/** What is in one is derived, and the next query judges it: here it matters only that a command may work there. */
async function checkCatalogs(checker: Checker): Promise<void> {
  const isCatalog = (name: string): boolean => isFreeCatalog(name) || parseHolder(name) !== undefined;
  for await (const _ of checker.entries(checker.repo.layout.catalogs, (name) => (isCatalog(name) ? 'directory' : undefined)));
}

/** Pieces that removals give back to a full disk. */
async function checkReserve(checker: Checker): Promise<void> {
  for await (const _ of checker.entries(checker.repo.layout.reserve, (name) => (/^[1-9][0-9]?$/.test(name) ? 'file' : undefined)));
}

/** Published, and not carried out: whether it can be; what it brings is looked at when it is in its place. */
async function checkRestoring(checker: Checker): Promise<void> {
  const { restoring } = checker.repo.layout;
  if (!isDirectory(restoring)) return;
  await checker.look(restoring, () => {
    const message = obstacleToRestore(checker.repo);
    return { issues: message === undefined ? [] : [{ path: restoring, kind: 'intent_invalid', message, hint: RESTORE_HINT }], state: 'restore' };
  });
}

const RESTORE_HINT = '"swamp datastore check --repair" sets it aside with all it has not brought yet; then restore the backup again.';
const ROOT_HINT = 'Put the directory itself there, or say in .swamp.yaml, as datastore.path, where it lies.';

/** What holds everything is never moved by a repair. */
async function lookAtRoot(path: string): Promise<Look> {
  const look = await lookAtObject(path, 'directory', () => []);
  return { ...look, issues: look.issues.map((issue) => ({ ...issue, hint: ROOT_HINT })) };
}

/** True for a directory that is not a link: only such a one is walked into. */
function isDirectory(path: string): boolean {
  return statusOf(path)?.isDirectory() === true;
}

/** True when something of the store is in the directory; reads no further than that. */
export function hasEntries(dir: string): boolean {
  try {
    const listing = opendirSync(dir);
    try {
      for (let entry = listing.readSync(); entry !== null; entry = listing.readSync()) if (!isForeign(entry.name)) return true;
      return false;
    } finally {
      listing.closeSync();
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}
