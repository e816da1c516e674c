/** `repo init`: creates a repository; where there is one already, nothing. */
import { randomUUID } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, SwampError } from '../errors.js';
import { makeDirs, publishFile, removeFile, rename, syncDir, writeFileDurable } from '../fs/durable.js';
import { readText } from '../fs/tree.js';
import { MARKER, markerText, openRepoAt } from '../repo.js';

export interface RepoInitResult {
  readonly repoDir: string;
  readonly repoId: string;
  readonly created: boolean;
}

const IGNORED = '.swamp/';

/** Creates `dir` with its parents if need be. Of several at once one creates. Throws `io`, `config_invalid` for a marker that is there and broken. */
export async function repoInit(dir: string, options: { readonly readOnly?: boolean } = {}): Promise<RepoInitResult> {
  if (options.readOnly === true) throw new SwampError('read_only', '"repo init" would write.', { hint: 'Leave out --read-only (or unset SWAMP_READ_ONLY).' });
  await makeDirs(dir);
  const root = realpathSync(dir);
  const created = await publishMarker(root);
  await makeDirs(join(root, 'models'));
  await ignoreRuntimeData(root);
  return { repoDir: root, repoId: openRepoAt(root).id, created };
}

async function publishMarker(root: string): Promise<boolean> {
  if (readText(join(root, MARKER)) !== undefined) return false;
  const temporary = join(root, `${MARKER}.${randomUUID()}.tmp`);
  try {
    await writeFileDurable(temporary, markerText(randomUUID()));
    await publishFile(temporary, join(root, MARKER));
    return true;
  } catch (error) {
    await removeFile(temporary);
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Runtime data is no business of git's; what the file says already stays as it is. */
async function ignoreRuntimeData(root: string): Promise<void> {
  const path = join(root, '.gitignore');
  const text = readText(path) ?? '';
  if (text.split('\n').some((line) => /^\/?\.swamp\/?$/.test(line.trim()))) return;
  const temporary = join(root, `.gitignore.${randomUUID()}.tmp`);
  await writeFileDurable(temporary, `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${IGNORED}\n`);
  await rename(temporary, path);
  await syncDir(root);
}
