/** `backup list`: the backups in a folder, as their manifests say; reads no content and changes nothing. */
import { type Folder, readFolder } from '../backup/folder.js';

export type BackupListResult = Folder;

/** Throws `usage`, `io`. */
export async function backupList(input: { readonly dir: string }): Promise<BackupListResult> {
  return readFolder(input.dir);
}
