/** `model validate`: every problem of one definition or of all, by file and line. */
import { basename, dirname } from 'node:path/posix';
import { findModel, surveyDefinitions } from '../models/files.js';
import type { Problem } from '../models/problem.js';
import { displayPath, type Repo } from '../repo.js';
import { readWhole } from '../store/restoring.js';

export interface ValidatedModel {
  readonly name: string;
  readonly type: string;
  readonly path: string;
  readonly valid: boolean;
  readonly problems: readonly Problem[];
}

export interface ModelValidateResult {
  /** What stands under models/ and cannot be a definition is here, too. */
  readonly models: readonly ValidatedModel[];
  readonly total: number;
  /** True when there is no problem at all. */
  readonly valid: boolean;
}

/** Checks every definition against the others, and tells of all, or of one. Throws `model_not_found`. */
export async function modelValidate(repo: Repo, { model }: { readonly model?: string } = {}): Promise<ModelValidateResult> {
  return readWhole(repo, () => validate(repo, model));
}

async function validate(repo: Repo, reference: string | undefined): Promise<ModelValidateResult> {
  const { files, strays } = await surveyDefinitions(repo);
  const named = files.filter(({ name }) => name === reference);
  const wanted = reference === undefined || named.length > 0 ? named : files.filter(({ model }) => model?.id === reference.toLowerCase());
  const found = (reference === undefined ? files : wanted).map(({ name, type, path, problems }) => validated(name, type, displayPath(repo, path), problems));
  // Tells why there is none.
  if (reference !== undefined && found.length === 0) await findModel(repo, reference);
  const models = reference === undefined ? [...found, ...strays.map(strayModel)] : found;
  return { models, total: models.length, valid: models.every(({ valid }) => valid) };
}

function strayModel(problem: Problem): ValidatedModel {
  const type = dirname(problem.path).split('/').slice(1).join('/');
  return validated(basename(problem.path).replace(/\.ya?ml$/, ''), type, problem.path, [problem]);
}

function validated(name: string, type: string, path: string, problems: readonly Problem[]): ValidatedModel {
  return { name, type, path, valid: problems.length === 0, problems };
}
