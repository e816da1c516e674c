/** The licences of the packages whose code is in the bundle. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { root } from './tree.mjs';

const PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;

/** The text of THIRD-PARTY.txt for the inputs that the metafiles of esbuild name. Throws for a package without a licence text. */
export function thirdParty(...metafiles) {
  const inputs = metafiles.flatMap((metafile) => Object.keys(metafile.inputs)).map((input) => PACKAGE.exec(input)?.[1]);
  const directories = [...new Set(inputs.filter((directory) => directory !== undefined))].sort();
  return ['swamp contains code of these packages, under their licences.', ...directories.map(section)].join(`\n\n${'-'.repeat(80)}\n\n`);
}

function section(directory) {
  const { name, version, license } = JSON.parse(readFileSync(resolve(root, directory, 'package.json'), 'utf8'));
  const file = readdirSync(resolve(root, directory)).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined || !existsSync(resolve(root, directory, file))) throw new Error(`${name} has no licence file; add its licence by hand.`);
  return `${name} ${version} (${license})\n\n${readFileSync(resolve(root, directory, file), 'utf8').trim()}\n`;
}
