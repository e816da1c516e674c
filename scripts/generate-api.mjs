/**
 * Writes API.md, the reference of the library, from the declarations that src/index.ts exports and those that they name.
 * It reads the layout that the formatter gives: a declaration begins at the start of a line, and ends with the first line that
 * closes it there.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './tree.mjs';

const INDEX = join(root, 'src/index.ts');
/** What a program meets first; everything else follows by name. */
const FIRST = ['openRepo', 'OpenOptions', 'OpenRepo', 'initRepo', 'backups', 'Backups', 'Cancel', 'Confirm', 'SwampError', 'ErrorCode', 'ErrorDetails'];

/** The document. Throws when something that is exported cannot be found. */
export function apiDocument() {
  const declared = exported();
  const follow = [...declared.keys()].filter((name) => !FIRST.includes(name)).sort();
  const sections = (names) => names.map((name) => section(name, declared.get(name))).join('\n');
  return `# The library

Generated from \`src/\` by \`npm run generate\`; do not edit. [README.md](README.md#from-node) shows how to begin; [CODES](#codes) lists
the errors, their exit codes and when each is thrown.

${sections(FIRST)}
## Inputs and results

${sections(follow)}`;
}

function section(name, text) {
  if (text === undefined) throw new Error(`src/index.ts does not export ${name}`);
  return `### ${name}\n\n\`\`\`ts\n${text}\n\`\`\`\n`;
}

/** Name of each declaration that a program can get hold of -> its text. */
function exported() {
  const found = new Map();
  const names = [...readFileSync(INDEX, 'utf8').matchAll(/^export (?:interface|const|function|type|class) (\w+)/gm)].map(([, name]) => name);
  const reexported = [...readFileSync(INDEX, 'utf8').matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list]) => list.split(','));
  const waiting = [...names, ...reexported.map((name) => name.replace(/^\s*type /, '').trim())].filter(Boolean).map((name) => ({ name, file: INDEX }));
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { name, file } = next;
    if (found.has(name)) continue;
    const at = declaringFile(name, file);
    if (at === undefined) continue;
    const text = declaration(name, at);
    if (text === undefined) throw new Error(`${relative(root, at)} does not declare ${name} in a way that this script reads`);
    found.set(name, text);
    const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '');
    waiting.push(...[...new Set(code.match(/\b[A-Z]\w+\b/g))].map((named) => ({ name: named, file: at })));
  }
  return found;
}

/** The file of the project that declares what `file` calls `name`; undefined for what is not the project's. */
function declaringFile(name, file) {
  const source = readFileSync(file, 'utf8');
  if (new RegExp(`^(?:export )?(?:interface|const|function|type|class) ${name}\\b`, 'm').test(source)) return file;
  for (const [, list, from] of source.matchAll(/^(?:import|export) (?:type )?\{([^}]*)\} from '(\.[^']*)'/gm)) {
    if (!list.split(',').some((each) => each.replace(/^\s*type /, '').trim() === name)) continue;
    const path = join(dirname(file), from.replace(/\.js$/, '.ts'));
    return existsSync(path) ? declaringFile(name, path) : undefined;
  }
  return undefined;
}

/** The declaration, with the comment before it and without what it does. */
function declaration(name, file) {
  const lines = readFileSync(file, 'utf8').split('\n');
  const at = lines.findIndex((line) => new RegExp(`^(?:export )?(?:interface|const|function|type|class) ${name}\\b`).test(line));
  if (at === -1) return undefined;
  const text = [...commentBefore(lines, at), ...bodyOf(lines, at)].join('\n');
  return text.replace(/^export /m, '');
}

function commentBefore(lines, at) {
  if (!lines[at - 1]?.endsWith('*/')) return [];
  let from = at - 1;
  while (!lines[from].startsWith('/**')) from--;
  return lines.slice(from, at);
}

/** The lines of the declaration: to the first that closes it, or ends it, at the left margin. */
function bodyOf(lines, at) {
  const first = lines[at];
  if (/^(?:export )?const \w+: /.test(first)) return [first.replace(/ =(?: [^>].*)?$/, ';')];
  if (/^(?:export )?function /.test(first)) return [first.replace(/ \{$/, ';')];
  const isUnion = /^(?:export )?type .* =$/.test(first);
  const end = lines.findIndex((line, i) => (i === at ? /[;}]$/ : isUnion ? /;$/ : /^[})\]]/).test(line) && i >= at);
  const body = lines.slice(at, end + 1);
  return /^(?:export )?class /.test(first) ? withoutCode(body) : body;
}

/** Of a class: what it has, not how it works. */
function withoutCode(lines) {
  const kept = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    if (/^ {2}\S.*\{$/.test(line) && !/^ {2}readonly/.test(line)) {
      kept.push(line.replace(/ \{$/, ';'));
      while (lines[i] !== '  }') i++;
    } else kept.push(line);
  }
  return kept;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(join(root, 'API.md'), apiDocument());
