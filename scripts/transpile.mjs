/** Translates src/ and integration/ file by file into build/, for the tests: no bundling, so every module can be imported alone. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { transform } from 'esbuild';
import { root, writeFiles } from './tree.mjs';

/** Writes build/ and returns the test files in it, relative to the root. */
export async function transpile() {
  const { version } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'));
  const sources = ['src', 'integration'].flatMap(typescriptIn);
  const files = await Promise.all(sources.map((source) => translate(source, version)));
  writeFiles(files);
  removeOthers(new Set(files.map(({ path }) => path)));
  return files.map(({ path }) => relative(root, path)).filter((path) => path.endsWith('.test.js'));
}

async function translate(source, version) {
  const text = readFileSync(resolve(root, source), 'utf8');
  const { code } = await transform(text, {
    loader: 'ts',
    format: 'esm',
    target: 'node20.19',
    sourcefile: resolve(root, source),
    sourcemap: 'inline',
    sourcesContent: false,
    define: { SWAMP_VERSION: JSON.stringify(version) },
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  return { path: resolve(root, 'build', source.replace(/\.ts$/, '.js')), contents: Buffer.from(code) };
}

function typescriptIn(directory) {
  if (!existsSync(resolve(root, directory))) return [];
  return readdirSync(resolve(root, directory), { recursive: true })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => join(directory, path));
}

/** A test whose source is gone must not run on. */
function removeOthers(wanted) {
  for (const directory of ['src', 'integration']) {
    const base = resolve(root, 'build', directory);
    if (!existsSync(base)) continue;
    for (const path of readdirSync(base, { recursive: true })) {
      if (path.endsWith('.js') && !wanted.has(join(base, path))) rmSync(join(base, path), { force: true });
    }
  }
}
