/** What a listing says of artifacts that it could not read. */
import { SwampError } from '../../errors.js';
import type { FailedItem } from '../../operations/latest-records.js';
import { count } from './text.js';

/** Undefined when all could be read. The first one decides how the command ends. */
export function unreadError(failed: readonly FailedItem[]): SwampError | undefined {
  const [first] = failed;
  if (first === undefined) return undefined;
  return new SwampError(first.code, `${count(failed.length, 'artifact')} cannot be read; the others are listed. The first: ${first.message}`, {
    hint: 'Run "swamp datastore check" for everything that is damaged or may not be read.',
    data: { failed },
  });
}
