/** `repo info`: where the repository is, and how much is in it; no lock. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { asSwampError, errnoOf } from '../errors.js';
import { yielding } from '../event-loop.js';
import { reach } from '../fs/reach.js';
import { isForeign, listStore, readDirTypes, treeBytes } from '../fs/tree.js';
import { CONTENT, isModelId, PARTS } from '../layout/layout.js';
import { modelsOrWarn } from '../models/files.js';
import { displayPath, type Repo } from '../repo.js';
import { isDeletedModel } from '../store/deleted.js';
import { isDamage, versionNumbers } from '../store/read.js';
import { operation } from './operation.js';

export interface RepoInfoResult {
  readonly repoDir: string;
  readonly repoId: string;
  readonly formatVersion: number;
  /** Relative to the repository, absolute when it lies elsewhere. */
  readonly datastore: string;
  readonly models: number;
  readonly artifacts: number;
  readonly versions: number;
  /** Of the content of all versions. */
  readonly bytes: number;
}

interface Counts {
  readonly artifacts: number;
  readonly versions: number;
  readonly bytes: number;
}

/** Counts what a walk sees: of what is written or deleted meanwhile some may count, and some not. Problems of definitions are warnings. */
export const repoInfo = operation({ verb: 'repo info', access: 'reads' }, infoOf);

async function infoOf(repo: Repo, _input: object = {}, { signal }: { readonly signal?: AbortSignal } = {}): Promise<RepoInfoResult> {
  const models = await modelsOrWarn(repo);
  const counts = await countData(repo, signal);
  return {
    repoDir: repo.root,
    repoId: repo.id,
    formatVersion: repo.formatVersion,
    datastore: displayPath(repo, repo.datastore),
    models: models.length,
    ...counts,
  };
}

async function countData(repo: Repo, signal: AbortSignal | undefined): Promise<Counts> {
  let [artifacts, versions, bytes] = [0, 0, 0];
  const pass = yielding(signal);
  for (const modelId of listStore(repo.layout.data) ?? []) {
    if (!isModelId(modelId) || isDeletedModel(repo, modelId)) continue;
    for (const segment of (await tolerated(repo, repo.layout.model(modelId), () => artifactDirectories(repo, modelId))) ?? []) {
      await pass();
      const artifact = join(repo.layout.model(modelId), segment);
      const found = await tolerated(repo, artifact, () => countVersions(artifact));
      artifacts += found === undefined || found.versions === 0 ? 0 : 1;
      versions += found?.versions ?? 0;
      bytes += found?.bytes ?? 0;
    }
  }
  return { artifacts, versions, bytes };
}

async function countVersions(artifact: string): Promise<Pick<Counts, 'versions' | 'bytes'>> {
  const numbers = versionNumbers(directories(artifact));
  let bytes = 0;
  for (const number of numbers) bytes += await contentBytes(join(artifact, String(number)));
  return { versions: numbers.length, bytes };
}

function artifactDirectories(repo: Repo, modelId: string): string[] {
  const dir = repo.layout.model(modelId);
  return reach(dir) ? directories(dir) : [];
}

/** What is damaged, or may not be read, is named and not counted. */
async function tolerated<T>(repo: Repo, path: string, count: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await count();
  } catch (error) {
    if (!isDamage(error)) throw error;
    repo.reporter.warn(`${displayPath(repo, path)} could not be counted: ${asSwampError(error).message} "swamp datastore check" lists what is damaged.`, {
      topic: 'store',
      path,
      ...errnoOf(error),
    });
    return undefined;
  }
}

/** Gone, and what is neither a file nor parts, counts as nothing. */
async function contentBytes(version: string): Promise<number> {
  const file = lstatSync(join(version, CONTENT), { throwIfNoEntry: false });
  return file?.size ?? (await treeBytes(join(version, PARTS)));
}

/** Gone counts as empty. */
function directories(path: string): string[] {
  return (readDirTypes(path) ?? []).flatMap((entry) => (entry.isDirectory() && !isForeign(entry.name) ? [entry.name] : []));
}
