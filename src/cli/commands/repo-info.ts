/** `swamp repo info` */
import { repoInfo } from '../../operations/repo-info.js';
import type { Context, Outcome } from '../context.js';
import { fields, size } from '../render/text.js';

export async function run({ openRepo, signal }: Context): Promise<Outcome> {
  const result = await repoInfo(openRepo(), {}, { signal });
  const text = (): string =>
    fields([
      ['Repository', result.repoDir],
      ['Id', result.repoId],
      ['Format', result.formatVersion],
      ['Datastore', result.datastore],
      ['Models', result.models],
      ['Artifacts', result.artifacts],
      ['Versions', result.versions],
      ['Size', size(result.bytes)],
    ]);
  return { result, text };
}
