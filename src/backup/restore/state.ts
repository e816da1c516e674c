/** What a restore's plan depends on in the repository, looked at without a lock. */
import { join } from 'node:path';
import { isErrno, SwampError } from '../../errors.js';
import { yielding } from '../../event-loop.js';
import { stateOf } from '../../fs/identity.js';
import { readDir } from '../../fs/tree.js';
import { FAMILIES } from '../../layout/families.js';
import { isModelId, METADATA } from '../../layout/layout.js';
import { readFence } from '../../locks/fence.js';
import { HOLDER_DETAILS } from '../../locks/lease.js';
import { definitionFiles } from '../../models/files.js';
import type { Repo } from '../../repo.js';
import { hasEntries } from '../../store/check/check.js';
import { isDeletedModel } from '../../store/deleted.js';
import { readVersionMetadata } from '../../store/metadata.js';
import { versionNumbers } from '../../store/read.js';
import type { SidecarVersion } from '../format.js';

/** Ids of everything that has files. */
export function idsWithFiles({ layout }: Repo): string[] {
  const ids = FAMILIES.flatMap((family) => (readDir(family.root(layout)) ?? []).filter((id) => isModelId(id) && hasEntries(family.directory(layout, id))));
  return [...new Set(ids)].sort();
}

/** Of the model's data fence; 0 when it was never born. */
export function fenceEpochOf({ layout }: Repo, modelId: string): number {
  return readFence(layout.fence({ kind: 'data', modelId }))?.epoch ?? 0;
}

/** What a plan depends on: noted before it is read, since what comes between the two would else count as read. */
export interface Noted {
  /** The definition files, and which models have files. */
  readonly around: object;
  /** By id. */
  readonly models: Map<string, object>;
}

export function noted(repo: Repo): Noted {
  const files = definitionFiles(repo).files.map(({ path }) => [path, stateOf(path) ?? null]);
  return { around: [files, idsWithFiles(repo)], models: new Map() };
}

/** Each model once. */
export function noteModels(repo: Repo, { models }: Noted, ids: Iterable<string>): void {
  for (const modelId of ids) if (!models.has(modelId)) models.set(modelId, modelNow(repo, modelId));
}

/** Tells one state of all of it from every other. */
export function notedText({ around, models }: Noted): string {
  return JSON.stringify([around, [...models].sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/** The text for these models as they are now. */
export function seenNow(repo: Repo, ids: readonly string[]): string {
  const now = noted(repo);
  noteModels(repo, now, ids);
  return notedText(now);
}

function modelNow(repo: Repo, modelId: string): object {
  const dir = repo.layout.fence({ kind: 'data', modelId });
  const entry = readFence(dir);
  return [entry?.name ?? null, entry === undefined ? [] : leftIn(join(dir, entry.name)), isDeletedModel(repo, modelId)];
}

function leftIn(entry: string): string[] {
  return (readDir(entry) ?? []).filter((name) => name !== HOLDER_DETAILS).sort();
}

/** The models in whose data fence a dead holder has left something that is still to be carried out. */
export function unfinishedUploads({ layout }: Repo, ids: readonly string[]): string[] {
  return ids.filter((modelId) => {
    const dir = layout.fence({ kind: 'data', modelId });
    const entry = readFence(dir);
    return entry !== undefined && leftIn(join(dir, entry.name)).length > 0;
  });
}

/** True when the version that is there is the one in the backup. One that cannot be read is not. */
export function isThisVersion(dir: string, { version, id, checksum }: SidecarVersion): boolean {
  const metadata = ifReadable(() => readVersionMetadata(join(dir, String(version), METADATA)));
  return metadata?.id === id && metadata.checksum === checksum;
}

/** The numbers of the versions of these models, by the directories of their artifacts. */
export async function versionsOf({ layout }: Repo, modelIds: readonly string[]): Promise<ReadonlyMap<string, readonly number[]>> {
  const versions = new Map<string, readonly number[]>();
  const pass = yielding();
  for (const modelId of modelIds) {
    for (const name of readDir(layout.model(modelId)) ?? []) {
      await pass();
      const dir = join(layout.model(modelId), name);
      versions.set(dir, versionNumbers(ifReadable(() => readDir(dir)) ?? []));
    }
  }
  return versions;
}

/** A damaged record is replaced, or left to `datastore check`. */
export function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SwampError && error.code === 'corrupt') return undefined;
    if (isErrno(error, 'ELOOP', 'EISDIR', 'ENOTDIR')) return undefined;
    throw error;
  }
}
