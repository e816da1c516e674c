/** A repository as the closest other tool writes it: a model named as its directory, with one artifact `a`. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Its directory; made unless it is there. */
export function foreignIn(dir: string): string {
  if (existsSync(dir)) return dir;
  const [id, name] = [randomUUID(), basename(dir)];
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  };
  write('.swamp.yaml', `swampVersion: 20260206.200442.0\nrepoId: ${randomUUID()}\n`);
  write(`models/command/shell/${name}.yaml`, `type: command/shell\nid: ${id}\nname: ${name}\nmethods:\n  execute:\n    arguments:\n      run: true\n`);
  const version = { name: 'a', version: 1, contentType: 'text/plain', createdAt: '2026-11-20T10:13:44.319Z', tags: { type: 'file' } };
  write(`.swamp/data/command/shell/${id}/a/1/metadata.yaml`, JSON.stringify(version));
  write(`.swamp/data/command/shell/${id}/a/1/raw`, 'text');
  return dir;
}
