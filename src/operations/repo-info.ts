/** `repo info`: where the repository is, and how much is in it; no lock. */
import { join } from 'node:path';
import { readDir, treeBytes } from '../fs/tree.js';
import { definitionFiles } from '../models/files.js';
import type { Repo } from '../repo.js';
import { versionNumbers } from '../store/read.js';

export interface RepoInfoResult {
  readonly repoDir: string;
  readonly repoId: string;
  readonly formatVersion: number;
  readonly datastore: string;
  readonly models: number;
  readonly artifacts: number;
  readonly versions: number;
  readonly bytes: number;
}

/** Counts what a walk sees; what is written or deleted meanwhile may or may not count. */
export async function repoInfo(repo: Repo, options: { readonly signal?: AbortSignal } = {}): Promise<RepoInfoResult> {
  const { layout } = repo;
  let artifacts = 0;
  let versions = 0;
  for (const modelId of readDir(layout.data) ?? []) {
    options.signal?.throwIfAborted();
    const root = join(layout.data, modelId);
    for (const segment of readDir(root) ?? []) {
      const numbers = versionNumbers(readDir(join(root, segment)) ?? []);
      artifacts += numbers.length > 0 ? 1 : 0;
      versions += numbers.length;
    }
  }
  const bytes = await treeBytes(layout.data);
  return {
    repoDir: repo.root,
    repoId: repo.id,
    formatVersion: repo.formatVersion,
    datastore: repo.datastore,
    models: definitionFiles(repo).files.length,
    artifacts,
    versions,
    bytes,
  };
}
