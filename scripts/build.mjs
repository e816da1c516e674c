/**
 * Bundles the program and the library into dist/: ES modules, one chunk per lazily loaded part, no dependency left to install.
 * Chunks of earlier builds stay, because programs may still be running from them; `--release` removes them and adds the declarations.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'esbuild';
import { thirdParty } from './third-party.mjs';
import { root, writeFiles } from './tree.mjs';

const { version } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'));

const { outputFiles, metafile } = await build({
  absWorkingDir: root,
  entryPoints: { main: 'src/cli/main.ts', index: 'src/index.ts' },
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: false,
  legalComments: 'none',
  define: { SWAMP_VERSION: JSON.stringify(version) },
  // proper-lockfile is given its own fs; graceful-fs would only patch the process.
  alias: { 'graceful-fs': 'node:fs' },
  metafile: true,
  write: false,
  logLevel: 'warning',
});

const files = outputFiles.map(({ path, contents }) => ({ path, contents: withRequire(contents) }));
files.push({ path: resolve(root, 'dist/THIRD-PARTY.txt'), contents: Buffer.from(thirdParty(metafile)) });
const release = process.argv.includes('--release');
if (release) rmSync(resolve(root, 'dist'), { recursive: true, force: true });
writeFiles(files);

if (release) {
  const { status, error } = spawnSync(process.execPath, [resolve(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.types.json'], {
    cwd: root,
    stdio: 'inherit',
    timeout: 120_000,
  });
  if (error) throw error;
  process.exitCode = status ?? 1;
}

/** CommonJS that was bundled calls `require` for Node's own modules; only the chunks that do get one. */
function withRequire(contents) {
  const code = Buffer.from(contents);
  if (!code.includes('Dynamic require of')) return code;
  return Buffer.concat([Buffer.from("import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);\n"), code]);
}
