/** `data versions`: the versions of one artifact, newest first; no lock. */
import { join } from 'node:path';
import { exists } from '../fs/tree.js';
import { METADATA } from '../layout/layout.js';
import { checkArtifactName } from '../layout/names.js';
import { findModel } from '../models/files.js';
import type { Repo } from '../repo.js';
import { readVersionMetadata } from '../store/metadata.js';
import { type Artifact, findArtifact, resolveName } from '../store/read.js';
import { dataNotFound } from '../store/remove.js';
import { readWhole } from '../store/restoring.js';

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

/** The versions of one moment: when one is deleted while they are read, all are read again. One that is damaged is left out. Throws `model_not_found`, `data_not_found`, `corrupt`. */
export async function dataVersions(repo: Repo, { model, name }: { readonly model: string; readonly name: string }): Promise<DataVersionsResult> {
  checkArtifactName(name);
  return readWhole(repo, () => versionsOf(repo, model, name));
}

async function versionsOf(repo: Repo, reference: string, asked: string): Promise<DataVersionsResult> {
  const model = await findModel(repo, reference);
  for (;;) {
    const name = resolveName(repo, model.id, asked);
    if (name === undefined) throw dataNotFound(asked);
    const artifact = findArtifact(repo, model.id, name);
    // Renamed or deleted between the two looks: its forward, or none, stands now.
    if (artifact === undefined) continue;
    const versions = readAll(artifact);
    // What is left of an artifact that is deleted while we read never was all of it.
    if (versions.length < artifact.versions.length && !allStand(artifact)) continue;
    return { dataName: name, modelId: model.id, modelName: model.name, modelType: model.type, versions, total: versions.length };
  }
}

function allStand({ dir, versions }: Artifact): boolean {
  return versions.every((version) => exists(join(dir, String(version))));
}

function readAll({ dir, versions }: Artifact): DataVersionsResult['versions'] {
  const read = versions.toReversed().flatMap((version) => {
    const metadata = readVersionMetadata(join(dir, String(version), METADATA));
    return metadata === undefined ? [] : [{ version, createdAt: metadata.createdAt, size: metadata.size, checksum: metadata.checksum }];
  });
  return read.map((item, i) => ({ ...item, isLatest: i === 0 }));
}
