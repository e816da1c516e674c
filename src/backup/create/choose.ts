/** Which models a backup holds: those that are named, or all; and which own data and have no definition. */
import { SwampError } from '../../errors.js';
import { stateOf } from '../../fs/identity.js';
import { listStore } from '../../fs/tree.js';
import { isModelId } from '../../layout/layout.js';
import { type Content, type DefinitionFile, readOrTell } from '../../models/definition-file.js';
import { findModel, problemText, surveyDefinitions } from '../../models/files.js';
import type { Repo } from '../../repo.js';
import { isDeletedModel } from '../../store/deleted.js';
import type { Wanted } from './listed.js';

/** The models, as their definitions are at one moment. */
export interface Chosen {
  readonly models: readonly { readonly id: string; readonly name: string; readonly text: string }[];
  /** Ids of models that own files, have no definition, and were not deleted. */
  readonly orphans: readonly string[];
  /** How many models have a definition and are not wanted. */
  readonly others: number;
}

/**
 * Asked ahead, and again under the lock where something changed: which models. A definition that has problems, and any that the
 * backup would have to leave out, is an error (B18).
 */
export type Choose = () => Promise<Chosen>;

/** What was looked up and parsed once is not looked up and parsed twice. Throws `model_not_found`, `model_invalid`. */
export async function choosing(repo: Repo, wanted: Wanted): Promise<Choose> {
  // Under the lock, whose scope they are, the models are known by their ids.
  const ids = wanted.models === null ? undefined : new Set<string>();
  for (const reference of wanted.models ?? []) ids?.add((await findModel(repo, reference)).id);
  const read = readingOnce();
  return async () => {
    const { files, strays } = await surveyDefinitions(repo, read);
    const present = files.filter(({ deleted }) => !deleted);
    const chosen = ids === undefined ? present : present.filter(({ model }) => model !== undefined && ids.has(model.id));
    const problems = [...chosen.flatMap((file) => file.problems), ...(ids === undefined || wanted.orphans ? strays : [])];
    const [first] = problems;
    if (first !== undefined) {
      throw new SwampError('model_invalid', `${problemText(first)}${problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''}.`, {
        hint: first.hint ?? '"swamp model validate" lists all problems. Nothing was written.',
        data: { problems },
      });
    }
    const models = chosen.flatMap(({ model }) => (model === undefined ? [] : [{ id: model.id, name: model.name, text: model.text }]));
    return { models, orphans: orphansBeside(repo, new Set(present.flatMap(({ model }) => model?.id ?? []))), others: present.length - chosen.length };
  };
}

/** A file that looks as it did when it was read is not parsed again; whether its model was deleted since is asked anew. */
function readingOnce(): (repo: Repo, file: DefinitionFile) => Content | undefined {
  const definitions = new Map<string, { readonly state: string | undefined; readonly content: Content | undefined }>();
  return (repo, file) => {
    const state = stateOf(file.path);
    const known = definitions.get(file.path);
    const same = known !== undefined && known.state === state && known.content?.kind === 'valid' && !isDeletedModel(repo, known.content.definition.id);
    if (same) return known.content;
    const content = readOrTell(repo, file);
    definitions.set(file.path, { state, content });
    return content;
  };
}

function orphansBeside(repo: Repo, defined: ReadonlySet<string>): string[] {
  const { layout } = repo;
  const owners = new Set([layout.data, layout.tombstoneRoot, layout.uploads].flatMap((root) => listStore(root) ?? []));
  return [...owners].filter((id) => isModelId(id) && !defined.has(id) && !isDeletedModel(repo, id)).sort();
}
