/** What a query says of versions that the catalog could not read. */
import type { Unread } from '../catalog/catch-up.js';
import type { FailedItem } from './latest-records.js';

/** Of an older version nobody asked, unless all are meant. */
export function failedOf(unread: readonly Unread[], all: boolean): FailedItem[] {
  return unread.flatMap(({ model, name, latest, code, message }) =>
    latest || all ? [{ modelId: model.id, modelName: model.name, ...(name !== undefined && { name }), code, message }] : [],
  );
}
