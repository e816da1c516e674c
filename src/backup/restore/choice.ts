/** What a person chooses to restore, and how: which models of a backup, which artifact, and what becomes of what is there (B16). */
import { SwampError } from '../../errors.js';
import { checkModelName } from '../../models/definition.js';
import type { SurveyedFile } from '../../models/files.js';
import type { Repo } from '../../repo.js';
import type { Saved, SavedModel } from '../contents.js';
import { idsWithFiles } from './state.js';

export type RestoreMode = 'replace' | 'merge' | 'skip-existing';

export interface Choice {
  /** Undefined: the repository must be empty. */
  readonly mode: RestoreMode | undefined;
  /** Only this model, and under which name. */
  readonly only?: { readonly model: string; readonly as?: string; readonly name?: string };
}

/** The models that are restored. Throws `model_not_found`, `data_not_found`, `name_invalid`. */
export function selected({ models, root }: Saved, { only }: Choice): readonly SavedModel[] {
  if (only === undefined) return models;
  if (only.as !== undefined) checkModelName(only.as);
  const named =
    models.find(({ definition }) => definition?.name === only.model) ?? models.find(({ id, definition }) => id === only.model && definition !== undefined);
  if (named !== undefined) return [only.name === undefined ? named : oneArtifact(named, only.name)];
  throw new SwampError('model_not_found', `The backup ${root} has no model ${JSON.stringify(only.model.slice(0, 200))}.`, {
    hint: 'Its models are the directories under models/ in it.',
    data: { model: only.model.slice(0, 200), models: models.flatMap(({ definition }) => definition?.name ?? []).slice(0, 100) },
  });
}

/** The model with this artifact alone. */
function oneArtifact(model: SavedModel, name: string): SavedModel {
  const artifacts = model.artifacts.filter((artifact) => artifact.name === name);
  if (artifacts.length > 0) return { ...model, artifacts, alone: true, uploads: [] };
  throw new SwampError('data_not_found', `The backup has no data named ${JSON.stringify(name)} of ${modelTitleOf(model)}.`, {
    hint: 'Its directory models/ lists what it has.',
    data: { name },
  });
}

/** B16. */
export function requireMode(repo: Repo, files: readonly SurveyedFile[], { mode }: Choice): void {
  if (mode !== undefined) return;
  const models = files.filter(({ deleted }) => !deleted).map(({ name }) => name);
  const ids = idsWithFiles(repo);
  if (models.length === 0 && ids.length === 0) return;
  const what =
    models.length > 0 ? `it has ${models.length === 1 ? 'the model' : `${models.length} models, among them`} ${models[0]}` : `there is data of ${ids[0]}`;
  throw new SwampError('conflict', `The repository is not empty: ${what}.`, {
    hint: 'Choose: --mode merge (add what is missing, versions too), skip-existing (add what has no artifact here), or replace (remove all that is here).',
    data: { models: models.slice(0, 100), modelsTotal: models.length, dataOf: ids.slice(0, 100) },
  });
}

/** `web`, or the id of an orphan. */
export function modelTitleOf({ definition, id }: SavedModel): string {
  return definition?.name ?? id;
}
