/**
 * The program's own sources as one script for simulated processes. Three files are replaced: the failpoints, which become
 * the scheduler's steps, the shell, and the line of many operations in one process. The functions of fs/durable.ts tell the step what they were called with. Nothing
 * else is edited, unless a mutation is asked for.
 */
import { join } from 'node:path';
import { Script } from 'node:vm';
import { build, type Plugin } from 'esbuild';
import { type Edit, editing } from '../edits.js';
import { ROOT } from '../swamp.js';

const SOURCE = join(ROOT, 'integration/support/interleave/inside');

const REPLACED: Plugin = {
  name: 'replaced',
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/failpoints\.js$/ }, () => ({ path: join(SOURCE, 'failpoints.ts') }));
    onResolve({ filter: /\/line\.js$/ }, () => ({ path: join(SOURCE, 'line.ts') }));
    onResolve({ filter: /\/shell\.js$/ }, () => ({ path: join(SOURCE, 'shell.ts') }));
    onResolve({ filter: /^node:(fs\/promises|timers\/promises|util|stream)$/ }, () => ({ path: join(SOURCE, 'node.ts') }));
  },
};

/** `failpoint('fs.rename')` becomes `failpoint('fs.rename', ...arguments)`: the scheduler must know what is about to change. */
function withPaths(source: string, file: string): string {
  if (file !== 'fs/durable.ts') return source;
  const told = source.replace(/failpoint\(('fs\.[a-z]+')\)/g, 'failpoint($1, ...arguments)');
  if (told === source) throw new Error(`${file} passes no failpoint any more`);
  return told;
}

/** Throws when an edit does not fit the source exactly once. */
export async function bundleProgram(mutation: readonly Edit[] = []): Promise<Script> {
  const { plugin, requireApplied } = editing(mutation, withPaths);
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [join(SOURCE, 'entry.ts')],
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
    define: { SWAMP_VERSION: '"explored"' },
    supported: { 'dynamic-import': false },
    alias: { 'graceful-fs': 'node:fs' },
    plugins: [REPLACED, plugin],
    write: false,
    logLevel: 'error',
  });
  requireApplied();
  return new Script(outputFiles[0]?.text ?? '', { filename: 'explored.cjs' });
}
