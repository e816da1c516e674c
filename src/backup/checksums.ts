/** CHECKSUMS: the exact format of sha256sum, so that `sha256sum -c` needs no tool of ours (B1). */
import type { Handle } from '../fs/handle.js';
import { byCodePoint } from '../store/read.js';
import { CHECKSUMS, MAX_LINE_BYTES } from './format.js';
import { finding } from './invalid.js';
import { linesOf, openRequired } from './open.js';

/** One line, with its newline. A path that would not fit in one line is escaped, which a backslash in front shows. */
export function checksumLine(checksum: string, path: string): string {
  const escaped = path.replaceAll(/[\\\n\r]/g, (c) => (c === '\\' ? '\\\\' : c === '\n' ? '\\n' : '\\r'));
  return `${escaped === path ? '' : '\\'}${checksum}  ${escaped}\n`;
}

/** Every line, sorted by the bytes of the path. `checksums`: path to 64 hex digits. */
export function* checksumLines(checksums: ReadonlyMap<string, string>): Generator<string> {
  for (const path of [...checksums.keys()].sort(byCodePoint)) yield checksumLine(checksums.get(path) ?? '', path);
}

export interface ListedFile {
  readonly path: string;
  readonly checksum: string;
}

/** What CHECKSUMS in `root` lists, line by line; neither for a line that `sha256sum` does not write. Throws `backup_invalid`: at once where the file does not exist. */
export function readChecksums(root: string): Generator<Partial<ListedFile>> {
  return linesIn(openRequired(root, CHECKSUMS, finding('manifest', CHECKSUMS, 'is missing')));
}

function* linesIn(opened: Handle): Generator<Partial<ListedFile>> {
  for (const line of linesOf(opened, CHECKSUMS, MAX_LINE_BYTES)) yield parseChecksumLine(line) ?? {};
}

/** A line without its newline; undefined when `checksumLine` never writes it so. */
export function parseChecksumLine(line: string): ListedFile | undefined {
  const [, checksum = '', text = ''] = /^\\?([0-9a-f]{64}) {2}(.+)$/s.exec(line) ?? [];
  const path = line.startsWith('\\') ? text.replaceAll(/\\([\\nr])/g, (_, c: string) => (c === 'n' ? '\n' : c === 'r' ? '\r' : '\\')) : text;
  return checksum !== '' && checksumLine(checksum, path) === `${line}\n` ? { checksum, path } : undefined;
}
