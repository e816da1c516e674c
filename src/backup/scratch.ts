/**
 * Scratch: what is built or removed beside a backup, `<parent>/.<name>.<holder>.swamp-scratch`, never the output itself. It is
 * removed on success and on failure; what a killed run left is removed by the next command that works there (B13).
 */
import type { Dirent } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoOf, isErrno, reasonOf } from '../errors.js';
import { rename } from '../fs/durable.js';
import { exists, modifiedAt, readDirTypes, removeTree } from '../fs/tree.js';
import { currentProcess, formatHolder, isProvablyDead, newNonce, parseHolder } from '../locks/holder.js';
import type { Reporter } from '../repo.js';

const SUFFIX = '.swamp-scratch';
/** What a name may add to the scratch's own: the holder takes up to 90 more. Characters. */
const NAME_LENGTH = 40;

/** A path for scratch beside `output`; nothing is there yet. `holder`: of the session, else a new one of this process. */
export function scratchFor(output: string, holder: string = formatHolder({ ...currentProcess(), nonce: newNonce() })): string {
  return join(dirname(output), `.${basename(output).slice(0, NAME_LENGTH)}.${holder}${SUFFIX}`);
}

/** Removes scratch that this process has made, or has moved something to; no other process writes there (P5). */
export async function removeScratch(path: string): Promise<void> {
  if (!path.endsWith(SUFFIX)) throw new TypeError(`no scratch: ${path}`);
  await removeTree(path);
}

/** Moves a whole tree aside, to a name that is reclaimed wherever its removal stops. Undefined when it had gone. */
export async function moveAside(path: string): Promise<string | undefined> {
  const scratch = scratchFor(path);
  try {
    await rename(path, scratch);
    return scratch;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** The scratch in `directory` whose maker has provably ended; links are none. */
export function abandonedScratch(directory: string): string[] {
  return (readDirTypes(directory) ?? []).filter((entry) => isAbandoned(directory, entry)).map(({ name }) => join(directory, name));
}

function isAbandoned(directory: string, entry: Dirent): boolean {
  if (!entry.name.startsWith('.') || !entry.name.endsWith(SUFFIX) || !(entry.isDirectory() || entry.isFile())) return false;
  const [holder = ''] = /[^.]*$/.exec(entry.name.slice(0, -SUFFIX.length)) ?? [];
  const maker = parseHolder(holder);
  return maker !== undefined && isProvablyDead(maker, () => modifiedAt(join(directory, entry.name)));
}

/** Removes it; what cannot be removed is reported and left for the next command. What was removed. */
export async function reclaimScratch(directory: string, warn: Reporter['warn']): Promise<string[]> {
  const removed: string[] = [];
  for (const path of abandonedScratch(directory)) {
    try {
      await removeTree(path);
      if (!exists(path)) removed.push(path);
    } catch (error) {
      warn(`${path}, left by a backup that was killed, could not be removed: ${reasonOf(error)}.`, { topic: 'backup', path, ...errnoOf(error) });
    }
  }
  return removed;
}
