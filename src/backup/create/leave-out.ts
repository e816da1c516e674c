/** What of a listed moment is not in the backup: what a pattern names, and how much of each kind. Needs no lock. */
import { SwampError } from '../../errors.js';
import { listStore } from '../../fs/tree.js';
import type { Repo } from '../../repo.js';
import { byCodePoint } from '../../store/read.js';
import { excludes } from '../exclude.js';
import type { ExcludedCounts, ListedModel, Snapshot, Wanted } from './listed.js';
import { namesIn, standingUploads } from './uploads.js';

/** A moment of which nothing was counted yet but what is not listed at all. */
export interface ListedMoment extends Omit<Snapshot, 'excluded'> {
  readonly excluded: Pick<ExcludedCounts, 'orphans' | 'otherModels'>;
}

/** In the order in which a backup is written. Throws `model_invalid` where all models are wanted, and only data without definitions is there. */
export function withoutExcluded(repo: Repo, wanted: Wanted, snapshot: ListedMoment): Snapshot {
  const { orphans, otherModels } = snapshot.excluded;
  if (wanted.models === null && snapshot.models.length === 0 && orphans > 0) throw noDefinition(repo, orphans);
  const leaves = excludes(wanted.exclude ?? []);
  const titles = new Map(snapshot.models.map(({ id, directory }) => [id, directory.slice(directory.indexOf('/') + 1)]));
  const isLeft = (id: string, name?: string): boolean => leaves(titles.get(id) ?? id, name);
  const partly = snapshot.models.filter(({ id }) => !isLeft(id));
  const models = partly.map((model): ListedModel => {
    const rest = <T extends { readonly name: string }>(list: readonly T[]): T[] => list.filter(({ name }) => !isLeft(model.id, name)).sort(byName);
    const uploads = model.uploads.filter(({ record }) => !isLeft(model.id, record.name));
    return { ...model, artifacts: rest(model.artifacts), tombstones: rest(model.tombstones), uploads };
  });
  return {
    ...snapshot,
    models: models.sort((a, b) => byCodePoint(a.directory, b.directory)),
    damaged: snapshot.damaged.filter(({ modelId, name }) => !isLeft(modelId, name ?? undefined)),
    excluded: {
      orphans,
      otherModels: otherModels + snapshot.models.length - models.length,
      excludedArtifacts: sum(partly, ({ artifacts }) => artifacts.length) - sum(models, ({ artifacts }) => artifacts.length),
      olderVersions: sum(snapshot.models, ({ artifacts }) => artifacts.reduce((total, { older }) => total + older, 0)),
      incompleteUploads: wanted.incompleteUploads ? 0 : sum(snapshot.models, ({ id }) => standingUploads(repo, id, () => undefined).length),
      deletedModels: (listStore(repo.layout.deleted) ?? []).filter((name) => name.endsWith('.json')).length,
      keptOutputs: sum(snapshot.models, ({ id }) => namesIn(repo.layout.modelKept(id), () => undefined).length),
    },
  };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return byCodePoint(a.name, b.name);
}

function sum(models: readonly ListedModel[], of: (model: ListedModel) => number): number {
  return models.reduce((total, model) => total + of(model), 0);
}

function noDefinition({ root }: Repo, models: number): SwampError {
  return new SwampError('model_invalid', `No model in ${root} has a definition, but there is data of ${models}: the backup would hold nothing.`, {
    hint: 'Bring the files under models/ back, as with "git checkout models"; or write the data without them: --include-orphans.',
    data: { orphans: models },
  });
}
