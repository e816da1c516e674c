/** What an operation that reads says of a name that has no data: the name that was probably meant. An operation that removes suggests none. */
import { opendirSync } from 'node:fs';
import { isSystemError, SwampError } from '../errors.js';
import { reach } from '../fs/reach.js';
import { isSegment, nameOf } from '../layout/names.js';
import type { Model } from '../models/files.js';
import { nearest } from '../models/suggest.js';
import type { Repo } from '../repo.js';
import { dataNotFound } from '../store/remove.js';

/** A mistyped name costs no more than reading this many names, however many the model has. */
const LOOKED_AT = 5_000;

/** `data_not_found`. */
export function absentData(repo: Repo, model: Model, name: string): SwampError {
  const meant = nearest(name, namesOf(repo, model.id));
  return dataNotFound(name, meant);
}

/** Names that are no directory names by themselves, but hashed, are left out: each costs reading a file. What cannot be listed has none. */
function namesOf(repo: Repo, modelId: string): string[] {
  const root = repo.layout.model(modelId);
  const names: string[] = [];
  try {
    if (!reach(root)) return names;
    const directory = opendirSync(root);
    try {
      for (let i = 0, entry = directory.readSync(); entry !== null && i < LOOKED_AT; i++, entry = directory.readSync()) {
        const name = isSegment(entry.name) ? nameOf(entry.name) : undefined;
        if (name !== undefined) names.push(name);
      }
    } finally {
      directory.closeSync();
    }
  } catch (error) {
    if (!(error instanceof SwampError) && !isSystemError(error)) throw error;
  }
  return names;
}
