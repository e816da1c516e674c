/** A model that was read before a wait for its lock, as it is now. */
import { readDefinition } from '../models/definition-file.js';
import { findModel, type Model } from '../models/files.js';
import type { Repo } from '../repo.js';
import { requireModel } from './data-put.js';

/** The wait may have taken minutes: what counts is what the definition says now. Throws `model_not_found`, `model_invalid`. */
export async function currentModel(repo: Repo, model: Model): Promise<Model> {
  requireModel(repo, model);
  const content = readDefinition(repo, model);
  if (content?.kind === 'valid' && content.definition.id === model.id)
    return { ...content.definition, path: model.path, text: content.text, seen: content.seen };
  // Renamed, or no definition any more.
  return findModel(repo, model.id);
}
