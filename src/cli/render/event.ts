/** One event of a watch as one line for people. */
import type { WatchEvent } from '../../watch/look.js';
import { printable, size } from './text.js';

export function eventText({ type, at, modelId, modelName, name, oldName, version, size: bytes }: WatchEvent): string {
  const model = printable(modelName ?? modelId);
  const what = name === null ? model : `${model} ${oldName === undefined ? '' : `${printable(oldName)} -> `}${printable(name)}`;
  const which = version === null ? '' : ` ${version}`;
  return `${at} ${type} ${what}${which}${bytes === null ? '' : ` (${size(bytes)})`}`;
}
