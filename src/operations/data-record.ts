/** The JSON record of a version, as `data get` and the listings show it. */
import type { Model } from '../models/files.js';
import { displayPath, type Repo } from '../repo.js';
import { contentPathIn } from '../store/content.js';
import type { Owner, VersionMetadata } from '../store/metadata.js';

export interface DataRecord {
  readonly id: string;
  readonly name: string;
  readonly modelId: string;
  readonly modelName: string;
  readonly modelType: string;
  readonly version: number;
  readonly generation: number;
  readonly isLatest: boolean;
  readonly contentType: string;
  readonly lifetime: string;
  readonly garbageCollection: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly ownerDefinition: Owner;
  readonly createdAt: string;
  readonly size: number;
  readonly checksum: string;
  /** The file, or the directory of the parts of a content that was written in parts. */
  readonly contentPath: string;
}

export function dataRecord(
  repo: Repo,
  model: Model,
  name: string,
  at: { readonly version: number; readonly latest: number; readonly generation: number; readonly metadata: VersionMetadata },
): DataRecord {
  const { metadata } = at;
  return {
    id: metadata.id,
    name,
    modelId: model.id,
    modelName: model.name,
    modelType: model.type,
    version: at.version,
    generation: at.generation,
    isLatest: at.version === at.latest,
    contentType: metadata.contentType,
    lifetime: metadata.lifetime,
    garbageCollection: metadata.garbageCollection,
    tags: metadata.tags,
    ownerDefinition: metadata.ownerDefinition,
    createdAt: metadata.createdAt,
    size: metadata.size,
    checksum: metadata.checksum,
    contentPath: displayPath(repo, contentPathIn(repo.layout.version(model.id, name, at.version), metadata)),
  };
}
