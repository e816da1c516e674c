/** The program with one thing broken on purpose: what proves that a test of the suite can fail. */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { ROOT } from './swamp.js';

export interface Edit {
  /** Below src/. */
  readonly file: string;
  /** Stands exactly once in the file; any white space stands for any other. */
  readonly from: string;
  readonly to: string;
}

/** Bundles the program (or what else begins at `entry`) with the edits; the path of the bundle. Throws when an edit does not fit the source exactly once. */
export async function buildMutant(directory: string, edits: readonly Edit[], entry = 'src/cli/main.ts'): Promise<string> {
  const applied = new Set<Edit>();
  const plugin: Plugin = {
    name: 'mutant',
    setup: ({ onLoad }) => {
      onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
        const mine = edits.filter(({ file }) => relative(join(ROOT, 'src'), path) === file);
        let contents = readFileSync(path, 'utf8');
        for (const edit of mine) {
          contents = apply(contents, edit);
          applied.add(edit);
        }
        return { contents, loader: 'ts' };
      });
    },
  };
  const outfile = join(directory, 'mutant.mjs');
  await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    banner: { js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);" },
    define: { SWAMP_VERSION: '"mutant"' },
    alias: { 'graceful-fs': 'node:fs' },
    plugins: [plugin],
    logLevel: 'error',
  });
  for (const edit of edits) if (!applied.has(edit)) throw new Error(`${edit.file} is not part of the program`);
  return outfile;
}

function apply(source: string, { file, from, to }: Edit): string {
  const pattern = new RegExp(from.trim().split(/\s+/).map(literally).join('\\s+'), 'g');
  const found = source.match(pattern)?.length ?? 0;
  if (found !== 1) throw new Error(`${file} has ${found} places like "${from}", expected one: the mutation no longer fits the source`);
  return source.replace(pattern, () => to);
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
