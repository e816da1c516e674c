/** What holders left inside fence entries that nobody holds any more, or only the dead: the next holder clears it; a sweep plays that part. */
import { join } from 'node:path';
import { readDir } from '../fs/tree.js';
import type { LockName } from '../layout/layout.js';
import { parseHolder } from '../locks/holder.js';
import { HOLDER_DETAILS } from '../locks/lease.js';
import { ENTRY_TRASH } from './commit.js';

/** `unknown`: a name that tells no owner, which stays where it is. */
export type LeftoverKind = 'trash' | 'intent' | 'staged' | 'unknown';

export interface Leftover {
  readonly path: string;
  readonly kind: LeftoverKind;
}

/** Published by a structural command inside its entry; it stays there when the lock is given back. */
const SCOPE = /^scope\.[0-9]+\.(draining|closed)\.json$/;

/** What is inside an entry besides the details of its holder; nothing when the entry has gone. */
export function leftoversIn(entryPath: string, lock: LockName): Leftover[] {
  return (readDir(entryPath) ?? []).sort().flatMap((name) => {
    const kind = kindOf(name, lock);
    return kind === undefined ? [] : [{ path: join(entryPath, name), kind }];
  });
}

function kindOf(name: string, lock: LockName): LeftoverKind | undefined {
  if (name === HOLDER_DETAILS) return undefined;
  // Nothing is committed through the global fence, so nobody clears it either.
  if (lock.kind === 'global') return SCOPE.test(name) ? undefined : 'unknown';
  if (name === ENTRY_TRASH) return 'trash';
  if (parseHolder(name.slice(0, Math.max(name.indexOf('.'), 0))) === undefined) return 'unknown';
  return name.endsWith('.intent') ? 'intent' : 'staged';
}
