/** `data versions`: the versions of one artifact, newest first; no lock. */
import { join } from 'node:path';
import { METADATA } from '../layout/layout.js';
import { checkArtifactName } from '../layout/names.js';
import { findModel } from '../models/files.js';
import type { Repo } from '../repo.js';
import { readVersionMetadata } from '../store/metadata.js';
import { type Artifact, findArtifact, resolveName } from '../store/read.js';
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
  for (;;) {
    const name = resolveName(repo, model.id, asked);
    const artifact = name === undefined ? undefined : findArtifact(repo, model.id, name);
    if (name === undefined || artifact === undefined) throw dataNotFound(asked);
    const versions = readAll(artifact);
    // All of them went while we read: either the artifact was deleted, or newer ones have come.
    if (versions.length === 0) continue;
    return { dataName: name, modelId: model.id, modelName: model.name, modelType: model.type, versions, total: versions.length };
  }
}

function readAll({ dir, versions }: Artifact): DataVersionsResult['versions'] {
  const read = versions.toReversed().flatMap((version) => {
    const metadata = readVersionMetadata(join(dir, String(version), METADATA));
    return metadata === undefined ? [] : [{ version, createdAt: metadata.createdAt, size: metadata.size, checksum: metadata.checksum }];
  });
  return read.map((item, i) => ({ ...item, isLatest: i === 0 }));
}
