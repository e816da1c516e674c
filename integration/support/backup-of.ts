/** The backup of a repository, with all that can be in one, and what of it two backups are compared by. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '../../src/backup/format.js';
import { openRepo } from '../../src/index.js';
import { sha256 } from './backup-tree.js';

/** All versions, uploads and orphans, whatever the names are. `dir` must not exist; it is answered. */
export async function backupOf(repoDir: string, dir: string): Promise<string> {
  const everything = { includeIncompleteUploads: true, includeOrphans: true, encodeNames: true, renameCollisions: true };
  return (await openRepo(repoDir).backup.create({ dir, ...everything })).backupDir;
}

/** Everything in a backup but what two backups of one state may differ in (B2): path to content. */
export function treeOf(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const entries = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(
    entries.map((path) => {
      const name = path.slice(dir.length + 1);
      const text = readFileSync(path);
      if (name === 'CHECKSUMS') return [name, text.toString().replace(/^.*MANIFEST\.json\n/m, '')];
      if (name !== 'MANIFEST.json') return [name, sha256(text)];
      const { repoId: _, createdAt: __, consistencyPoint: ___, ...rest } = JSON.parse(text.toString()) as Manifest;
      return [name, JSON.stringify(rest)];
    }),
  );
}
