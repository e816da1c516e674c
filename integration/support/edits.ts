/** Changes of the sources on their way into a bundle: each must fit exactly once, or the bundle is refused. */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Plugin } from 'esbuild';
import { ROOT } from './swamp.js';

export interface Edit {
  /** Below src/. */
  readonly file: string;
  /** Stands exactly once in the file; any white space stands for any other. */
  readonly from: string;
  readonly to: string;
}

/** Applies the edits, and `also` to every file, while bundling; `requireApplied` throws when one of their files was no part of the bundle. */
export function editing(
  edits: readonly Edit[],
  also: (source: string, file: string) => string = (source) => source,
): { readonly plugin: Plugin; requireApplied(): void } {
  const applied = new Set<Edit>();
  const setup: Plugin['setup'] = ({ onLoad }) => {
    onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const file = relative(join(ROOT, 'src'), path);
      let contents = also(readFileSync(path, 'utf8'), file);
      for (const edit of edits.filter((one) => one.file === file)) {
        contents = apply(contents, edit);
        applied.add(edit);
      }
      return { contents, loader: 'ts' };
    });
  };
  const requireApplied = (): void => {
    for (const edit of edits) if (!applied.has(edit)) throw new Error(`${edit.file} is not part of the program`);
  };
  return { plugin: { name: 'edits', setup }, requireApplied };
}

function apply(source: string, { file, from, to }: Edit): string {
  const pattern = new RegExp(from.trim().split(/\s+/).map(literally).join('\\s+'), 'g');
  const found = source.match(pattern)?.length ?? 0;
  if (found !== 1) throw new Error(`${file} has ${found} places like "${from}", expected one: the edit no longer fits the source`);
  return source.replace(pattern, () => to);
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
