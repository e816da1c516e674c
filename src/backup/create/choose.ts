/** Which models a backup holds: those that are named, or all; and which own data and have no definition. */
import { SwampError } from '../../errors.js';
import { stateOf } from '../../fs/identity.js';
import { listStore } from '../../fs/tree.js';
import { isModelId } from '../../layout/layout.js';
import { type Content, type DefinitionFile, readOrTell } from '../../models/definition-file.js';
import { findModel, problemText, type SurveyedFile, surveyDefinitions } from '../../models/files.js';
import type { Repo } from '../../repo.js';
import { isDeletedModel } from '../../store/deleted.js';
import type { Wanted } from './listed.js';

/** The models, as their definitions are at one moment. */
export interface Chosen {
  readonly models: readonly { readonly id: string; readonly name: string; readonly text: string }[];
  readonly others: number;
  /** Of all definitions, chosen or not. */
  readonly ids: ReadonlySet<string>;
}

/** Asked ahead, and again under the lock where something changed: what was parsed once is not parsed twice. */
export class Chooser {
  readonly #repo: Repo;
  readonly #wanted: Wanted;
  readonly #definitions = new Map<string, { readonly state: string | undefined; readonly content: Content | undefined }>();
  #ids: readonly string[] | undefined;

  constructor(repo: Repo, wanted: Wanted) {
    this.#repo = repo;
    this.#wanted = wanted;
  }

  /** Which models. A definition that has problems, and any that the backup would have to leave out, is an error (B18). */
  async choose(): Promise<Chosen> {
    const repo = this.#repo;
    const { files, strays } = await surveyDefinitions(repo, (_, file) => this.#readDefinition(file));
    const present = files.filter(({ deleted }) => !deleted);
    const chosen = this.#wanted.models === null ? present : await this.#named(present, this.#wanted.models);
    const problems = [...chosen.flatMap((file) => file.problems), ...(this.#wanted.models === null || this.#wanted.orphans ? strays : [])];
    const [first] = problems;
    if (first !== undefined) {
      throw new SwampError('model_invalid', `${problemText(first)}${problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''}.`, {
        hint: first.hint ?? '"swamp model validate" lists all problems. Nothing was written.',
        data: { problems },
      });
    }
    const models = chosen.flatMap(({ model }) => (model === undefined ? [] : [{ id: model.id, name: model.name, text: model.text }]));
    return { models, others: present.length - chosen.length, ids: new Set(present.flatMap(({ model }) => model?.id ?? [])) };
  }

  async #named(files: readonly SurveyedFile[], references: readonly string[]): Promise<SurveyedFile[]> {
    const ids: string[] = [];
    // Names are looked up once: under the lock, whose scope they are, the models are known by their ids.
    for (const reference of this.#ids ?? references) ids.push((await findModel(this.#repo, reference)).id);
    this.#ids = ids;
    return files.filter(({ model }) => model !== undefined && ids.includes(model.id));
  }

  /** A file that looks as it did when it was read is not parsed again; whether its model was deleted since is asked anew. */
  #readDefinition(file: DefinitionFile): Content | undefined {
    const state = stateOf(file.path);
    const known = this.#definitions.get(file.path);
    const same = known !== undefined && known.state === state && known.content?.kind === 'valid' && !isDeletedModel(this.#repo, known.content.definition.id);
    if (same) return known.content;
    const content = readOrTell(this.#repo, file);
    this.#definitions.set(file.path, { state, content });
    return content;
  }

  /** Models that own files, have no definition, and were not deleted. */
  orphansBeside({ ids }: Chosen): string[] {
    const { layout } = this.#repo;
    const owners = new Set([layout.data, layout.tombstoneRoot, layout.uploads].flatMap((root) => listStore(root) ?? []));
    return [...owners].filter((id) => isModelId(id) && !ids.has(id) && !isDeletedModel(this.#repo, id)).sort();
  }
}
