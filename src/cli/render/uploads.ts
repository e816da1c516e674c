/** Unfinished uploads for people: how many parts, how large, how old. */
import type { UploadItem } from '../../operations/upload-list.js';
import { size, table } from './text.js';

export function uploadTable(uploads: readonly UploadItem[]): string {
  const rows = uploads.map(({ uploadId, modelName, name, parts, bytes, createdAt }) => [uploadId, modelName, name, parts, size(bytes), age(createdAt)]);
  return table(['UPLOAD', 'MODEL', 'NAME', 'PARTS', 'SIZE', 'AGE'], rows);
}

/** `5 s`, `3 min`, `2 h`, `9 d`: the clock that wrote the time may be another one. */
function age(since: string): string {
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(since)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 2 * 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}
