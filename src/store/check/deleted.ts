/** The record of one deleted model: whether it can be read, and what is still to be done after the delete. */
import { isProvablyAlive, parseHolder } from '../../locks/holder.js';
import type { Repo } from '../../repo.js';
import { type DeletedModel, isMovedAside, readDeleted, type Teardown } from '../deletion.js';
import { MAX_TEXTS_BYTES } from '../metadata.js';
import { generationIssues } from './artifact.js';
import { type Look, lookAtObject } from './checker.js';
import type { Issue } from './kinds.js';
import { readPlain } from './plain.js';
import { recordIssue } from './version.js';

export function lookAtDeleted(repo: Repo, modelId: string): Promise<Look> {
  const path = repo.layout.deletedModel(modelId);
  return lookAtObject(path, 'file', (): readonly Issue[] => {
    const plain = readPlain(path, MAX_TEXTS_BYTES);
    if ('issue' in plain) return [plain.issue];
    let record: DeletedModel | undefined;
    try {
      record = readDeleted(repo, modelId);
    } catch (error) {
      return [recordIssue(path, error)];
    }
    if (record === undefined) return [];
    const aside: Issue[] = isMovedAside(repo, record)
      ? []
      : [{ path, kind: 'deleted_model', message: 'belongs to a deleted model that has not been moved aside yet' }];
    const teardown: Issue[] = isWaiting(record.teardown) ? [{ path, kind: 'teardown', message: `has a delete method that is ${record.teardown.state}` }] : [];
    return [...generationIssues(repo, modelId, path, record.epoch), ...aside, ...teardown];
  });
}

/** A teardown whose runner can be seen to live is nobody else's business. */
export function isWaiting(teardown: Teardown | null): teardown is Teardown {
  if (teardown === null || teardown.state === 'done') return false;
  const runner = teardown.state === 'running' ? parseHolder(teardown.runner) : undefined;
  return runner === undefined || !isProvablyAlive(runner);
}
