/** When what a session works on may be taken for abandoned: one rule for stagings, uploads on their way, and pins. */
import { modifiedAt } from '../fs/tree.js';
import { isProvablyAlive, isProvablyDead, parseHolder } from '../locks/holder.js';

/** What belongs to a holder that cannot be judged is left alone for this long. Milliseconds. */
export const ABANDONED_MS = 7 * 24 * 3600 * 1000;

/** True when the session named `holder`, which works at `path`, is provably dead, or cannot be judged and has not touched it for a week. */
export function isAbandoned(path: string, holder: string): boolean {
  const parsed = parseHolder(holder);
  if (parsed !== undefined && isProvablyDead(parsed)) return true;
  if (parsed !== undefined && isProvablyAlive(parsed)) return false;
  const modified = modifiedAt(path);
  return modified !== undefined && Date.now() - modified > ABANDONED_MS;
}
