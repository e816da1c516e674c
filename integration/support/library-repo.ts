/** A repository made and used through the library in the test's own process: for tests of what lies on disk. */
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LockName } from '../../src/layout/layout.js';
import { readFence } from '../../src/locks/fence.js';
import { dataPut } from '../../src/operations/data-put.js';
import { modelCreate } from '../../src/operations/model-create.js';
import { repoInit } from '../../src/operations/repo-init.js';
import { openRepoAt, type Repo, type RepoOptions } from '../../src/repo.js';

/** Signals nothing. */
export const NEVER: { readonly signal: AbortSignal } = { signal: new AbortController().signal };

/** Removed when the test ends. */
export async function libraryRepo(t: { after(cleanup: () => void): void }, options: RepoOptions = {}): Promise<Repo> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'swamp-library-')));
  t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }));
  await repoInit(dir);
  return openRepoAt(dir, { env: {}, ...options });
}

/** A new model of type store; its id. */
export async function newModel(repo: Repo, name: string): Promise<string> {
  return (await modelCreate(repo, { type: 'store', name }, NEVER)).id;
}

/** Puts these texts one after the other as versions of one artifact. */
export async function putAll(repo: Repo, model: string, name: string, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) await dataPut(repo, { model, name, source: [text] }, NEVER);
}

/** A holder of this machine that cannot live any more: the number of its process is beyond every limit. */
export function deadHolder(own: string): string {
  return own.replace(/-[0-9]+-([0-9a-fx]+)-([0-9a-f]{12})$/, '-2147483646-$1-$2');
}

/** Puts the name of an entry that somebody else could have in the place of the free one. */
export function hold(repo: Repo, lock: LockName, holder: string): string {
  const dir = repo.layout.fence(lock);
  if (readFence(dir) === undefined) mkdirSync(join(dir, '0.free-000000000000'), { recursive: true });
  const { name = '', epoch = 0 } = readFence(dir) ?? {};
  renameSync(join(dir, name), join(dir, `${epoch + 1}.${holder}`));
  return join(dir, `${epoch + 1}.${holder}`);
}
