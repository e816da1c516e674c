/** `model validate`: every problem of one definition or of all, by file and line. */
import { SwampError } from '../errors.js';
import { surveyDefinitions } from '../models/files.js';
import type { Problem } from '../models/yaml.js';
import { displayPath, type Repo } from '../repo.js';

export interface ModelValidateResult {
  readonly models: readonly {
    readonly name: string;
    readonly type: string;
    readonly path: string;
    readonly valid: boolean;
    readonly problems: readonly Problem[];
  }[];
  /** What stands under models/ and is no definition. */
  readonly strays: readonly Problem[];
  readonly total: number;
  readonly valid: boolean;
}

/** Throws `model_not_found` when `model` names no definition file. */
export async function modelValidate(repo: Repo, { model }: { readonly model?: string } = {}): Promise<ModelValidateResult> {
  const { files, strays } = await surveyDefinitions(repo);
  const wanted = files.filter((file) => model === undefined || file.name === model || file.model?.id === model);
  if (model !== undefined && wanted.length === 0) {
    throw new SwampError('model_not_found', `There is no model "${model}".`, { hint: '"swamp model list" shows what there is.', data: { model } });
  }
  const models = wanted.map(({ name, type, path, problems }) => ({ name, type, path: displayPath(repo, path), valid: problems.length === 0, problems }));
  const others = model === undefined ? strays : [];
  return { models, strays: others, total: models.length, valid: models.every((item) => item.valid) && others.length === 0 };
}
