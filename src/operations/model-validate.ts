/** `model validate`: every problem of one definition or of all, by file and line. */
import { basename, dirname } from 'node:path/posix';
import { findModel, type SecondName, type SurveyedFile, surveyDefinitions } from '../models/files.js';
import { isBeingRenamed } from '../models/names.js';
import type { Problem } from '../models/problem.js';
import { displayPath, type Repo } from '../repo.js';
import { operation } from './operation.js';

export interface ValidatedModel {
  readonly name: string;
  readonly type: string;
  readonly path: string;
  readonly valid: boolean;
  readonly problems: readonly Problem[];
}

export interface ModelValidateResult {
  /** What is under models/ and cannot be a definition is here, too. */
  readonly models: readonly ValidatedModel[];
  readonly total: number;
  /** True when no problem was found. */
  readonly valid: boolean;
}

/** Checks every definition against the others, and reports on all, or on one. Throws `model_not_found`. */
export const modelValidate = operation({ verb: 'model validate', access: 'reads' }, validate);

async function validate(repo: Repo, { model: reference }: { readonly model?: string } = {}): Promise<ModelValidateResult> {
  const { files, strays, seconds } = await surveyDefinitions(repo);
  const notes = seconds.flatMap((second) => (isBeingRenamed(repo, second) ? [] : noteOf(repo, second)));
  const found = (reference === undefined ? files : await filesOf(repo, files, reference)).map(({ name, type, path: absolute, problems, misnamed }) => {
    const path = displayPath(repo, absolute);
    return validated(name, type, path, [...problems, ...(misnamed === undefined ? [] : [misnamed]), ...notes.filter((note) => note.path === path)]);
  });
  const models = reference === undefined ? [...found, ...strays.map(strayModel)] : found;
  return { models, total: models.length, valid: models.every(({ valid }) => valid) };
}

/** Those of that name, else of that id. Throws an error that says why there is none. */
async function filesOf(repo: Repo, files: readonly SurveyedFile[], reference: string): Promise<SurveyedFile[]> {
  const named = files.filter(({ name }) => name === reference);
  const found = named.length > 0 ? named : files.filter(({ model }) => model?.id === reference.toLowerCase());
  if (found.length > 0) return found;
  const { id } = await findModel(repo, reference);
  return files.filter(({ model }) => model?.id === id);
}

function noteOf(repo: Repo, { first, path }: SecondName): Problem {
  return {
    path: displayPath(repo, first),
    message: `is the same file as ${displayPath(repo, path)}: a rename was interrupted`,
    hint: 'Run the rename again, or remove one of the two names.',
  };
}

function strayModel(problem: Problem): ValidatedModel {
  const type = dirname(problem.path).split('/').slice(1).join('/');
  return validated(basename(problem.path).replace(/\.ya?ml$/, ''), type, problem.path, [problem]);
}

function validated(name: string, type: string, path: string, problems: readonly Problem[]): ValidatedModel {
  return { name, type, path, valid: problems.length === 0, problems };
}
