/** Writes design/errors.md from the table in src/errors.ts. */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transformSync } from 'esbuild';
import { root } from './tree.mjs';

const target = resolve(root, 'design/errors.md');

/** The document for a table of codes: { code: { exit, when } }. */
export function errorsDocument(codes) {
  const rows = Object.entries(codes)
    .sort(([, a], [, b]) => a.exit - b.exit)
    .map(([code, { exit, when }]) => `| ${exit} | \`${code}\` | ${when} |`);
  return `# Errors and exit codes

Generated from \`src/errors.ts\` by \`npm run generate\`; do not edit.

With \`--json\` the error is the last line of stderr: \`{"error":{"code","message","hint","data"}}\`. The codes are a closed set. Exit 0
means done, 128+n ended by signal n, 141 that nobody read stdout any more.

| exit | code | when |
|---|---|---|
${rows.join('\n')}
`;
}

async function readCodes() {
  const { code } = transformSync(readFileSync(resolve(root, 'src/errors.ts'), 'utf8'), { loader: 'ts', format: 'esm' });
  const { CODES } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  return CODES;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(target, errorsDocument(await readCodes()));
