/** `datastore lock release --force`: puts holders out. Takes no lock, so it works when every one is stuck; fences keep the data safe (L11). */
import { SwampError } from '../errors.js';
import { syncDir } from '../fs/durable.js';
import { exists } from '../fs/tree.js';
import { isModelId, type LockName } from '../layout/layout.js';
import { freeEntry } from '../locks/fence.js';
import { listLocks, surveyLocks } from '../locks/survey.js';
import { findModelAsItIs } from '../models/files.js';
import { displayPath, type Repo } from '../repo.js';
import { type LockRecord, lockRecord, modelNames } from './lock-status.js';
import { operation } from './operation.js';

export interface LockReleaseInput {
  readonly force?: boolean;
  /** Name or id; without it, the global lock and every held one. */
  readonly model?: string;
}

export interface LockReleaseResult {
  /** As they were when they were held. */
  readonly released: readonly LockRecord[];
}

/** Breaks exactly the entries it saw: who takes a lock meanwhile keeps it. Throws `usage` without `force`, `read_only`, `model_not_found`. */
export const lockRelease = operation({ verb: 'datastore lock release', access: 'writes', asItIs: true }, release);

async function release(repo: Repo, input: LockReleaseInput, { signal }: { readonly signal: AbortSignal }): Promise<LockReleaseResult> {
  if (input.force !== true) {
    throw new SwampError('usage', 'Releasing a lock puts out whoever holds it.', {
      hint: 'Look with "swamp datastore lock status" first; add --force to go on.',
    });
  }
  const nameOf = modelNames(repo);
  const released: LockRecord[] = [];
  for (const lock of surveyLocks(repo.layout, repo.timing, await locksOf(repo, input.model))) {
    signal.throwIfAborted();
    if (lock.state === 'damaged') {
      repo.reporter.warn(`The lock ${displayPath(repo, lock.dir)} is damaged and cannot be released. "swamp datastore check" says more.`, {
        topic: 'lock',
        lock: lock.lock.kind,
        path: lock.dir,
      });
      continue;
    }
    const record = await lockRecord(repo, lock, nameOf);
    if ((await freeEntry(lock.seen.dir, lock.seen.entry)) === undefined) continue;
    await syncDir(lock.seen.dir);
    released.push(record);
  }
  return { released };
}

/** An id need not have a definition: its locks outlive it. */
async function locksOf(repo: Repo, model: string | undefined): Promise<LockName[]> {
  if (model === undefined) return listLocks(repo.layout);
  const modelId = await modelIdOf(repo, model);
  return [
    { kind: 'run', modelId },
    { kind: 'data', modelId },
  ];
}

async function modelIdOf(repo: Repo, model: string): Promise<string> {
  try {
    return (await findModelAsItIs(repo, model)).id;
  } catch (error) {
    const id = model.toLowerCase();
    if (error instanceof SwampError && isModelId(id) && exists(repo.layout.modelFences(id))) return id;
    throw error;
  }
}
