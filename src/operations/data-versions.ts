/** `data versions`: the versions of one artifact, newest first; no lock. */
import { join } from 'node:path';
import { METADATA } from '../layout/layout.js';
import { checkArtifactName } from '../layout/names.js';
import { findModel } from '../models/files.js';
import type { Repo } from '../repo.js';
import { readVersionMetadata } from '../store/metadata.js';
import { findArtifact, resolveName } from '../store/read.js';
import { dataNotFound } from '../store/remove.js';

export interface DataVersionsResult {
  readonly dataName: string;
  readonly modelId: string;
  readonly modelName: string;
  readonly modelType: string;
  readonly versions: readonly {
    readonly version: number;
    readonly createdAt: string;
    readonly size: number;
    readonly checksum: string;
    readonly isLatest: boolean;
  }[];
  readonly total: number;
}

/** Versions that are deleted while they are listed are left out. Throws `model_not_found`, `data_not_found`, `corrupt`. */
export async function dataVersions(
  repo: Repo,
  { model: reference, name: asked }: { readonly model: string; readonly name: string },
): Promise<DataVersionsResult> {
  checkArtifactName(asked);
  const model = await findModel(repo, reference);
  const name = resolveName(repo, model.id, asked) ?? asked;
  const artifact = findArtifact(repo, model.id, name);
  if (artifact === undefined) throw dataNotFound(asked);
  const latest = artifact.versions.at(-1);
  const versions = artifact.versions.toReversed().flatMap((version) => {
    const metadata = readVersionMetadata(join(artifact.dir, String(version), METADATA));
    if (metadata === undefined) return [];
    return [{ version, createdAt: metadata.createdAt, size: metadata.size, checksum: metadata.checksum, isLatest: version === latest }];
  });
  // All of them went while we read: the artifact was deleted.
  if (versions.length === 0) throw dataNotFound(name);
  return { dataName: name, modelId: model.id, modelName: model.name, modelType: model.type, versions, total: versions.length };
}
