/** Which models have a definition, as the store needs to know it to tell data that belongs to nobody. */
import { surveyDefinitions } from '../models/files.js';
import type { Repo } from '../repo.js';
import type { KnownModels } from '../store/check/orphans.js';
import { modelsToRestore } from '../store/restoration.js';

/** A file that cannot be read, or cannot be a definition where it stands, may be that of any model. A model that is being restored gets its definition last. */
export async function knownModels(repo: Repo): Promise<KnownModels> {
  const { files, strays } = await surveyDefinitions(repo);
  const ids = new Set([...files.flatMap(({ model }) => model?.id ?? []), ...modelsToRestore(repo)]);
  return { ids, certain: strays.length === 0 && files.every(({ model, deleted }) => model !== undefined || deleted) };
}
