/** Unfinished uploads for people: how many parts, how large, how old. */
import type { UploadItem } from '../../operations/upload-list.js';
import { age, size, table } from './text.js';

export function uploadTable(uploads: readonly UploadItem[]): string {
  const rows = uploads.map(({ uploadId, modelName, name, parts, bytes, createdAt }) => [uploadId, modelName, name, parts, size(bytes), age(createdAt)]);
  return table(['UPLOAD', 'MODEL', 'NAME', 'PARTS', 'SIZE', 'AGE'], rows);
}
