/** Everything below a directory, byte for byte: what a command that must change nothing is held against. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join, relative } from 'node:path';

/** One line a path: type, mode, inode, modification time and content. `except`: paths below `dir` that are left out with all below them. */
export function snapshot(dir: string, except: readonly string[] = []): string[] {
  const lines: string[] = [];
  const visit = (path: string): void => {
    if (except.some((left) => join(dir, left) === path)) return;
    const stats = lstatSync(path);
    const type = stats.isDirectory() ? 'dir' : stats.isSymbolicLink() ? `link ${readlinkSync(path)}` : stats.isFile() ? 'file' : 'other';
    const content = stats.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
    lines.push(`${relative(dir, path)} ${type} ${stats.mode.toString(8)} ${stats.ino} ${stats.mtimeMs} ${content}`);
    if (stats.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name));
  };
  visit(dir);
  return lines;
}
