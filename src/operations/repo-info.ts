/** `repo info`: where the repository is, and how much is in it; no lock. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { reach } from '../fs/reach.js';
import { readDirTypes, treeBytes } from '../fs/tree.js';
import { CONTENT, isModelId, PARTS } from '../layout/layout.js';
import { listModels, problemText } from '../models/files.js';
import { displayPath, type Repo } from '../repo.js';
import { isDeletedModel } from '../store/deleted.js';
import { versionNumbers } from '../store/read.js';
import { readWhole } from '../store/restoring.js';
import { turns } from '../turns.js';

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
export async function repoInfo(repo: Repo, options: { readonly signal?: AbortSignal } = {}): Promise<RepoInfoResult> {
  return readWhole(repo, () => infoOf(repo, options));
}

async function infoOf(repo: Repo, options: { readonly signal?: AbortSignal }): Promise<RepoInfoResult> {
  const { models, problems } = await listModels(repo);
  for (const problem of problems) repo.reporter.warn(problemText(problem));
  const counts = await countData(repo, options.signal);
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
  const pass = turns(signal);
  for (const modelId of reach(repo.layout.data) ? directories(repo.layout.data) : []) {
    if (!isModelId(modelId) || isDeletedModel(repo, modelId)) continue;
    for (const segment of directories(repo.layout.model(modelId))) {
      await pass();
      const artifact = join(repo.layout.model(modelId), segment);
      const numbers = versionNumbers(directories(artifact));
      artifacts += numbers.length > 0 ? 1 : 0;
      versions += numbers.length;
      for (const number of numbers) bytes += await contentBytes(join(artifact, String(number)));
    }
  }
  return { artifacts, versions, bytes };
}

/** Gone, and what is neither a file nor parts, counts as nothing. */
async function contentBytes(version: string): Promise<number> {
  const file = lstatSync(join(version, CONTENT), { throwIfNoEntry: false });
  return file?.size ?? (await treeBytes(join(version, PARTS)));
}

/** Gone counts as empty. */
function directories(path: string): string[] {
  return (readDirTypes(path) ?? []).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
}
