/** The program with one thing broken on purpose: what proves that a test of the suite can fail. */
import { join } from 'node:path';
import { build } from 'esbuild';
import { type Edit, editing } from './edits.js';
import { ROOT } from './swamp.js';

/** Bundles the program (or what else begins at `entry`) with the edits; the path of the bundle. Throws when an edit does not fit the source exactly once. */
export async function buildMutant(directory: string, edits: readonly Edit[], entry = 'src/cli/main.ts'): Promise<string> {
  const { plugin, requireApplied } = editing(edits);
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
  requireApplied();
  return outfile;
}
