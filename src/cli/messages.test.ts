/** Messages and hints name commands: each of them must exist, with the flags it is shown with, or the person is sent in a circle. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { it } from 'node:test';
import { findCommand, flagsOf } from './parse.js';
import { COMMANDS } from './table.js';

const SOURCES = resolve(import.meta.dirname, '../../../src');
const STARTS = new Set(COMMANDS.map(({ verb }) => verb.split(' ')[0]));

/** Every `swamp VERB ...` in a text of the source, up to the quote that ends it. */
function commandsNamed(): { readonly file: string; readonly line: string }[] {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'));
  return files.flatMap((file) => {
    const text = readFileSync(join(SOURCES, file), 'utf8').replaceAll(/^\s*(\*|\/\/|\/\*).*$/gm, '');
    return [...text.matchAll(/swamp ([a-z][^"'`\n]*)/g)].map(([, line = '']) => ({ file, line })).filter(({ line }) => STARTS.has(line.split(' ')[0]));
  });
}

it('every command that a message names exists, and has the flags it is named with', () => {
  const named = commandsNamed();
  assert.ok(named.length > 30, `${named.length} found`);
  for (const { file, line } of named) {
    const words = line.replaceAll(/\$\{[^}]*(\}|$)/g, ' X').split(/[\s.,;:()]+/);
    const { command, topic, unknown } = findCommand(words);
    assert.ok(command !== undefined || (unknown === undefined && topic !== ''), `${file}: swamp ${line}`);
    const known = flagsOf(command).map(({ name }) => `--${name}`);
    for (const flag of words.filter((word) => /^--[a-z]/.test(word))) assert.ok(known.includes(flag), `${file}: swamp ${line}: ${flag}`);
  }
});
