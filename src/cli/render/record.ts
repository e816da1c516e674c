/** What is known about one version, as lines. */
import type { DataRecord } from '../../operations/data-record.js';
import type { Outcome } from '../context.js';
import { fields, size, tagText } from './text.js';

export function metadata(record: DataRecord): Outcome {
  const text = (): string =>
    fields([
      ['Name', record.name],
      ['Model', `${record.modelName} (${record.modelType}, ${record.modelId})`],
      ['Version', `${record.version}${record.isLatest ? ', the latest' : ''}`],
      ['Created', record.createdAt],
      ['Size', size(record.size)],
      ['Content type', record.contentType],
      ['Tags', tagText(record.tags)],
      ['Lifetime', record.lifetime],
      ['Keeps', record.garbageCollection],
      ['Generation', record.generation],
      ['SHA-256', record.checksum],
      ['Path', record.contentPath],
      ['Id', record.id],
    ]);
  return { result: record, text };
}
