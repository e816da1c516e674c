/** The record of one deleted model: whether it can be read, and was written under an epoch that its lock has reached. */
import type { Repo } from '../../repo.js';
import { type DeletedModel, readDeleted } from '../deletion.js';
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
    return record === undefined ? [] : generationIssues(repo, modelId, path, record.epoch);
  });
}
