/** Writes the tree of a backup as design/backup.md tells it, for tests of what reads one; and damages it, each damage with what must be told. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checksumLines } from '../../src/backup/checksums.js';
import type { BackupCounts, BackupFinding, Manifest, SidecarVersion } from '../../src/backup/format.js';
import { serialiseManifest } from '../../src/backup/manifest.js';
import { planNames } from '../../src/backup/names.js';
import { definitionPath, mayBeShared, sidecarPath, tombstonesPath, versionPath } from '../../src/backup/paths.js';
import { keymapLine, serialiseSidecar, tombstoneLine } from '../../src/backup/records.js';
import { type Random, randomFrom } from './random.js';

export interface TreeModel {
  /** Name of a model, or the id of an orphan. */
  readonly name: string;
  readonly orphan?: true;
  /** Contents by name of the artifact, oldest first. */
  readonly artifacts: Readonly<Record<string, readonly string[]>>;
  readonly tombstones?: readonly string[];
}

export interface Tree {
  readonly dir: string;
  readonly manifest: Manifest;
  /** Path to checksum, as CHECKSUMS tells it. */
  readonly checksums: Map<string, string>;
}

export const REPO_ID = '11111111-2222-4333-8444-555555555555';

/** A UUID that depends on the text alone. */
export function idOf(text: string): string {
  const hex = sha256(text).slice(0, 32);
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20)].join('-');
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Writes the tree to `dir`, which must not exist. */
export function writeTree(dir: string, models: readonly TreeModel[], manifest: Partial<Manifest> = {}): Tree {
  const checksums = new Map<string, string>();
  const write = (path: string, text: string, mode = 0o600): void => {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text, { mode });
    checksums.set(path, sha256(text));
  };
  const counts: { -readonly [K in keyof BackupCounts]: number } = { models: 0, artifacts: 0, versions: 0, bytes: 0, tombstones: 0, uploads: 0, orphans: 0 };
  const directoryOf = ({ name, orphan }: TreeModel): string => `${orphan === true ? 'orphans' : 'models'}/${name}`;
  const plan = planNames(
    models.map((model) => ({ directory: directoryOf(model), names: Object.keys(model.artifacts) })),
    { encodeNames: true, renameCollisions: true },
  );
  for (const model of models) {
    const directory = directoryOf(model);
    counts[model.orphan === true ? 'orphans' : 'models'] += 1;
    if (model.orphan !== true) write(definitionPath(directory), `id: ${idOf(model.name)}\nname: ${JSON.stringify(model.name)}\ntype: store\n`);
    for (const [name, contents] of Object.entries(model.artifacts)) {
      const { path = '' } = plan.places.get(directory)?.get(name) ?? {};
      counts.artifacts += 1;
      const versions = contents.map((content, i) => versionOf(`${directory} ${name} ${i}`, content, i + 1));
      for (const [i, content] of contents.entries()) {
        write(i === contents.length - 1 ? path : versionPath(path, i + 1), content, 0o644);
        counts.versions += 1;
        counts.bytes += Buffer.byteLength(content);
      }
      write(sidecarPath(path), serialiseSidecar({ name, generation: 1, floor: 0, versions }));
    }
    const tombstones = (model.tombstones ?? []).toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    counts.tombstones += tombstones.length;
    const lines = tombstones.map((name) => tombstoneLine({ name, generation: 1, floor: 3, deletedAt: '2026-11-20T12:00:00.000Z' }));
    if (lines.length > 0) write(tombstonesPath(directory), lines.join(''));
  }
  write('KEYMAP.jsonl', plan.keymap.map(keymapLine).join(''));
  const whole: Manifest = {
    formatVersion: 2,
    toolVersion: '0.1.0',
    repoId: REPO_ID,
    createdAt: '2026-11-20T12:00:00.000Z',
    consistencyPoint: {
      global: 7,
      models: Object.fromEntries(models.filter(({ orphan }) => orphan !== true).map(({ name }) => [idOf(name), { data: 3, run: 0 }])),
    },
    options: { allVersions: true, incompleteUploads: false, orphans: true, encodeNames: true, renameCollisions: true, models: null },
    counts,
    excluded: ['deleted-models', 'kept-outputs'],
    ...manifest,
  };
  write('MANIFEST.json', serialiseManifest(whole));
  writeFileSync(join(dir, 'CHECKSUMS'), [...checksumLines(checksums)].join(''), { mode: 0o600 });
  return { dir, manifest: whole, checksums };
}

function versionOf(seed: string, content: string, version: number): SidecarVersion {
  return {
    version,
    id: idOf(seed),
    commit: `${sha256(seed).slice(0, 12)}.v`,
    contentType: 'text/plain',
    lifetime: 'infinite',
    garbageCollection: 'all',
    tags: { type: 'data' },
    ownerDefinition: { ownerType: 'manual', ownerRef: '' },
    createdAt: '2026-11-20T12:00:00.000Z',
    size: Buffer.byteLength(content),
    checksum: sha256(content),
  };
}

/** Writes CHECKSUMS anew for the files that it listed and that are still there: what a careful forger would do. */
export function listAnew({ dir, checksums }: Pick<Tree, 'dir' | 'checksums'>, ...paths: readonly string[]): void {
  for (const path of paths) checksums.set(path, sha256(readFileSync(join(dir, path))));
  writeFileSync(join(dir, 'CHECKSUMS'), [...checksumLines(checksums)].join(''));
}

export type Kind = BackupFinding['kind'];

/** Damages a tree. What is answered is among the findings; undefined: this damage does not fit this tree, and nothing was done. */
export type Damage = (tree: Tree, random: Random) => { readonly kind: Kind; readonly path: string } | undefined;

/** An artifact may bear the name `_model.yaml`, too. */
function isDefinition(path: string): boolean {
  return path.endsWith('/_model.yaml') && path.split('/').length === 3;
}

function pickFile({ checksums }: Tree, random: Random, fits: (path: string) => boolean = () => true): string | undefined {
  const paths = [...checksums.keys()].filter((path) => path !== 'MANIFEST.json' && fits(path));
  return paths.length === 0 ? undefined : random.pick(paths);
}

/** Every damage that a single hand does to one place. */
export const DAMAGES: Readonly<Record<string, Damage>> = {
  'a flipped byte': (tree, random) => {
    const path = pickFile(tree, random, (one) => readFileSync(join(tree.dir, one)).length > 0);
    if (path === undefined) return undefined;
    const bytes = readFileSync(join(tree.dir, path));
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    writeFileSync(join(tree.dir, path), bytes);
    return { kind: 'altered', path };
  },
  'a truncated file': (tree, random) => {
    const path = pickFile(tree, random, (one) => readFileSync(join(tree.dir, one)).length > 0);
    if (path === undefined) return undefined;
    truncateSync(join(tree.dir, path), random.below(readFileSync(join(tree.dir, path)).length));
    return { kind: 'altered', path };
  },
  'an appended byte': (tree, random) => {
    const path = pickFile(tree, random);
    if (path === undefined) return undefined;
    writeFileSync(join(tree.dir, path), 'x', { flag: 'a' });
    return { kind: 'altered', path };
  },
  'a removed file': (tree, random) => {
    const path = pickFile(tree, random);
    if (path === undefined) return undefined;
    rmSync(join(tree.dir, path));
    return { kind: 'missing', path };
  },
  'an added file': (tree, random) => {
    const path = random.pick(['extra', 'models/extra', '.hidden', 'models/m0/data/stranger', 'orphans/x', 'uploads/a/b/part-1']);
    if (tree.checksums.has(path)) return undefined;
    mkdirSync(dirname(join(tree.dir, path)), { recursive: true });
    writeFileSync(join(tree.dir, path), 'x');
    return { kind: 'unlisted', path };
  },
  'an added file that is listed, and has no place': (tree) => {
    writeFileSync(join(tree.dir, 'models.txt'), 'x');
    listAnew(tree, 'models.txt');
    return { kind: 'unlisted', path: 'models.txt' };
  },
  'an empty directory': ({ dir }, random) => {
    const path = random.pick(['empty', 'models/empty', 'models/m0/data/empty', 'orphans', 'uploads']);
    if (existsSync(join(dir, path))) return undefined;
    mkdirSync(join(dir, path), { recursive: true });
    return { kind: 'unlisted', path };
  },
  'a symlink in the place of a file': (tree, random) => {
    const path = pickFile(tree, random) ?? '';
    renameSync(join(tree.dir, path), `${tree.dir}.moved`);
    symlinkSync(`${tree.dir}.moved`, join(tree.dir, path));
    return { kind: 'symlink', path };
  },
  'a symlink in the place of a directory': (tree, random) => {
    const path = pickFile(tree, random, (one) => one.includes('/'));
    if (path === undefined) return undefined;
    const segments = path.split('/');
    const directory = segments.slice(0, random.between(1, segments.length - 1)).join('/');
    renameSync(join(tree.dir, directory), `${tree.dir}.moved`);
    symlinkSync(`${tree.dir}.moved`, join(tree.dir, directory));
    return { kind: 'symlink', path: directory };
  },
  'a symlink that leads nowhere': ({ dir }) => {
    symlinkSync('/nonexistent', join(dir, 'link'));
    return { kind: 'symlink', path: 'link' };
  },
  'a hard link of a control file to the outside': (tree, random) => {
    const path = pickFile(tree, random, (one) => !mayBeShared(one)) ?? '';
    linkSync(join(tree.dir, path), `${tree.dir}.moved`);
    return { kind: 'hardlink', path };
  },
  'a FIFO in the place of a file': (tree, random) => {
    const path = pickFile(tree, random) ?? '';
    rmSync(join(tree.dir, path));
    execFileSync('mkfifo', [join(tree.dir, path)], { timeout: 10_000 });
    return { kind: 'special_file', path };
  },
  'a directory in the place of a file': (tree, random) => {
    const path = pickFile(tree, random) ?? '';
    rmSync(join(tree.dir, path));
    mkdirSync(join(tree.dir, path));
    return { kind: 'missing', path };
  },
  'a KEYMAP record twice': (tree) => editKeymap(tree, (lines) => (lines.length === 0 ? undefined : [...lines, lines.at(-1) ?? ''])),
  'a KEYMAP record of nothing': (tree) =>
    editKeymap(tree, (lines) => [...lines, JSON.stringify({ path: 'models/zz/data/x.swamp-leaf', model: 'models/zz', name: 'x', reason: 'leaf' })]),
  'a KEYMAP record too few': (tree) => editKeymap(tree, (lines) => (lines.length === 0 ? undefined : lines.slice(1))),
  'a KEYMAP record of another name': (tree) =>
    editKeymap(tree, (lines) =>
      lines.length === 0 ? undefined : lines.map((line, i) => (i === 0 ? line.replace(/"name":"(?:[^"\\]|\\.)*"/, '"name":"other"') : line)),
    ),
  'a KEYMAP record that is no JSON': (tree) => editKeymap(tree, (lines) => [...lines, '{']),
  'a KEYMAP record that leads outside': (tree) => {
    const told = editKeymap(tree, (lines) => [...lines, JSON.stringify({ path: 'z/../../x', model: 'models/m', name: 'x', reason: 'encoded' })]);
    return told && { ...told, kind: 'traversal' };
  },
  'a path in CHECKSUMS that leads outside': ({ dir }, random) => {
    writeFileSync(join(dir, 'CHECKSUMS'), `${'0'.repeat(64)}  ${random.pick(['../x', '/etc/hostname', 'models/../../x', '.', 'a//b'])}\n`, { flag: 'a' });
    return { kind: 'traversal', path: 'CHECKSUMS' };
  },
  'a line of CHECKSUMS that is none': ({ dir }, random) => {
    writeFileSync(join(dir, 'CHECKSUMS'), random.pick(['\n', 'x\n', `${'0'.repeat(64)} *zz\n`, `${'0'.repeat(63)}  zz\n`, '\u0000\n']), { flag: 'a' });
    return { kind: 'manifest', path: 'CHECKSUMS' };
  },
  'a line of CHECKSUMS twice, or out of order': (tree, random) => {
    const file = join(tree.dir, 'CHECKSUMS');
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    const edited = random.chance(0.5) ? [...lines, lines.at(-1)] : lines.toReversed();
    writeFileSync(file, `${edited.join('\n')}\n`);
    return { kind: 'manifest', path: 'CHECKSUMS' };
  },
  'KEYMAP out of order': (tree) => editKeymap(tree, (lines) => (lines.length < 2 ? undefined : lines.toReversed())),
  'a sidecar that tells another size': (tree, random) => {
    const path = pickFile(tree, random, (one) => one.endsWith('.swamp-meta.json'));
    if (path === undefined) return undefined;
    writeFileSync(join(tree.dir, path), readFileSync(join(tree.dir, path), 'utf8').replace(/"size": [0-9]+/, '"size": 123456'));
    listAnew(tree, path);
    return { kind: 'manifest', path };
  },
  'two models of one id': (tree) => {
    const [first, second] = [...tree.checksums.keys()].filter(isDefinition).sort();
    if (first === undefined || second === undefined) return undefined;
    const [, id = ''] = /^id: (.*)$/m.exec(readFileSync(join(tree.dir, first), 'utf8')) ?? [];
    writeFileSync(join(tree.dir, second), readFileSync(join(tree.dir, second), 'utf8').replace(/^id: .*$/m, `id: ${id}`));
    listAnew(tree, second);
    return { kind: 'manifest', path: second };
  },
  'an upload without a record': (tree) => {
    mkdirSync(join(tree.dir, 'uploads/m0/u-1'), { recursive: true });
    writeFileSync(join(tree.dir, 'uploads/m0/u-1/part-1'), 'x');
    listAnew(tree, 'uploads/m0/u-1/part-1');
    return { kind: 'manifest', path: 'uploads/m0/u-1/record.json' };
  },
  'a part of an upload that is altered': (tree) => {
    const directory = 'uploads/m0/u-1';
    mkdirSync(join(tree.dir, directory), { recursive: true });
    const fields = {
      contentType: 'text/plain',
      lifetime: 'infinite',
      garbageCollection: 'all',
      tags: {},
      ownerDefinition: { ownerType: 'manual', ownerRef: '' },
    };
    const record = { name: 'a', modelId: idOf('m0'), createdAt: '2026-11-20T12:00:00.000Z', fields, ifChanged: false };
    writeFileSync(join(tree.dir, directory, 'record.json'), `${JSON.stringify(record)}\n`);
    writeFileSync(join(tree.dir, directory, 'part-1'), 'x');
    listAnew(tree, `${directory}/record.json`, `${directory}/part-1`);
    writeFileSync(join(tree.dir, directory, 'part-1'), 'y');
    return { kind: 'altered', path: `${directory}/part-1` };
  },
  'CHECKSUMS cut off': ({ dir }) => {
    truncateSync(join(dir, 'CHECKSUMS'), readFileSync(join(dir, 'CHECKSUMS')).length - 1);
    return { kind: 'manifest', path: 'CHECKSUMS' };
  },
  'no CHECKSUMS': ({ dir }) => {
    rmSync(join(dir, 'CHECKSUMS'));
    return { kind: 'manifest', path: 'CHECKSUMS' };
  },
  'no MANIFEST.json': ({ dir }) => {
    rmSync(join(dir, 'MANIFEST.json'));
    return { kind: 'manifest', path: 'MANIFEST.json' };
  },
  'MANIFEST.json cut off': ({ dir }, random) => {
    truncateSync(join(dir, 'MANIFEST.json'), random.below(readFileSync(join(dir, 'MANIFEST.json')).length - 2));
    return { kind: 'manifest', path: 'MANIFEST.json' };
  },
  'a symlink in the place of MANIFEST.json or CHECKSUMS': ({ dir }, random) => {
    const path = random.pick(['MANIFEST.json', 'CHECKSUMS']);
    renameSync(join(dir, path), `${dir}.moved`);
    symlinkSync(`${dir}.moved`, join(dir, path));
    return { kind: 'symlink', path };
  },
  'a FIFO in the place of MANIFEST.json or CHECKSUMS': ({ dir }, random) => {
    const path = random.pick(['MANIFEST.json', 'CHECKSUMS']);
    rmSync(join(dir, path));
    execFileSync('mkfifo', [join(dir, path)], { timeout: 10_000 });
    return { kind: 'special_file', path };
  },
  'a directory in the place of MANIFEST.json or CHECKSUMS': ({ dir }, random) => {
    const path = random.pick(['MANIFEST.json', 'CHECKSUMS']);
    rmSync(join(dir, path));
    mkdirSync(join(dir, path));
    return { kind: 'manifest', path };
  },
  'a newer format': (tree) => {
    writeFileSync(join(tree.dir, 'MANIFEST.json'), '{"formatVersion":3}\n');
    return { kind: 'format_version', path: 'MANIFEST.json' };
  },
  'another count': (tree, random) => {
    const what = random.pick(Object.keys(tree.manifest.counts));
    const counts = { ...tree.manifest.counts, [what]: 99 };
    writeFileSync(join(tree.dir, 'MANIFEST.json'), serialiseManifest({ ...tree.manifest, counts }));
    listAnew(tree, 'MANIFEST.json');
    return { kind: 'manifest', path: 'MANIFEST.json' };
  },
  'content and CHECKSUMS altered together': (tree, random) => {
    const path = pickFile(tree, random, (one) => one.includes('/data/') && !one.endsWith('.swamp-meta.json'));
    if (path === undefined) return undefined;
    writeFileSync(join(tree.dir, path), 'x', { flag: 'a' });
    listAnew(tree, path);
    return { kind: 'altered', path };
  },
  'a sidecar removed with its line': (tree, random) => {
    const path = pickFile(tree, random, (one) => one.endsWith('.swamp-meta.json'));
    if (path === undefined) return undefined;
    rmSync(join(tree.dir, path));
    tree.checksums.delete(path);
    listAnew(tree);
    return { kind: 'manifest', path: path.slice(0, -'.swamp-meta.json'.length) };
  },
  'content removed with its line': (tree, random) => {
    const path = pickFile(tree, random, (one) => one.includes('/data/') && !one.endsWith('.swamp-meta.json'));
    if (path === undefined) return undefined;
    rmSync(join(tree.dir, path));
    tree.checksums.delete(path);
    listAnew(tree);
    return { kind: 'missing', path };
  },
  'an artifact moved to another path': (tree, random) => {
    const sidecar = pickFile(tree, random, (one) => one.endsWith('.swamp-meta.json'));
    if (sidecar === undefined) return undefined;
    const content = sidecar.slice(0, -'.swamp-meta.json'.length);
    const moved = `${sidecar.split('/').slice(0, 2).join('/')}/data/zz-moved`;
    for (const [from, to] of [...tree.checksums.keys()]
      .filter((path) => path === content || path === sidecar || path.startsWith(`${content}.swamp-v`))
      .map((path) => [path, moved + path.slice(content.length)] as const)) {
      renameSync(join(tree.dir, from), join(tree.dir, to));
      tree.checksums.delete(from);
      listAnew(tree, to);
    }
    return { kind: 'keymap', path: moved };
  },
};

function editKeymap(tree: Tree, edit: (lines: readonly string[]) => readonly string[] | undefined): { readonly kind: Kind; readonly path: string } | undefined {
  const file = join(tree.dir, 'KEYMAP.jsonl');
  const lines = edit(readFileSync(file, 'utf8').split('\n').slice(0, -1));
  if (lines === undefined) return undefined;
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  listAnew(tree, 'KEYMAP.jsonl');
  return { kind: 'keymap', path: '' };
}

const LETTERS = [
  'a',
  'a',
  'b',
  'A',
  '.',
  '..',
  '/',
  '/',
  '\\',
  '\n',
  '\r',
  '\t',
  '\u0001',
  '\u007f',
  'ä',
  'a\u0308',
  '\u2100',
  '\u017f',
  '\u{1f40a}',
  ' ',
  '-',
  '%',
  '^',
  '~',
  '"',
];
const ENDINGS = [
  '.swamp-leaf',
  '.swamp-meta.json',
  '.swamp-name',
  '.swamp-v1',
  '.SWAMP-V2',
  '.swamp-v',
  'MANIFEST.json',
  '_model.yaml',
  'CHECKSUMS',
  'KEYMAP.jsonl',
];

/** A name that an artifact can have, and that a file system would rather not: up to 1,024 bytes. */
export function nastyName(random: Random): string {
  const length = random.chance(0.05) ? random.between(100, 400) : random.between(1, 6);
  const letters = Array.from({ length }, () => random.pick(LETTERS)).join('');
  const name = random.chance(0.15) ? letters + random.pick(ENDINGS) : random.chance(0.03) ? 'x'.repeat(random.between(200, 1_024)) : letters;
  let end = name.length;
  while (Buffer.byteLength(name.slice(0, end)) > 1_024) end -= 1;
  return name.slice(0, end).toWellFormed().replaceAll('\ufffd', '') || 'a';
}

/** Another nasty name, or a collision on purpose: one of those again in another case, with a slash behind it, with another ending. */
export function nextName(random: Random, names: ReadonlySet<string>): string {
  const before = names.size === 0 || random.chance(0.5) ? nastyName(random) : random.pick([...names]);
  if (random.chance(0.6)) return before;
  return random.pick([before.toUpperCase(), `${before}/b`, before.normalize('NFD'), `${before}.swamp-leaf`, `${before}/`]).slice(0, 300);
}

export function isStorable(name: string): boolean {
  return name.isWellFormed() && Buffer.byteLength(name) <= 1_024;
}

/** Models with nasty names and collisions. */
export function nastyModels(random: Random): TreeModel[] {
  return Array.from({ length: random.between(0, 3) }, (_, i) => {
    const names = new Set<string>();
    const wanted = random.between(0, 8);
    for (let n = 0; n < wanted; n++) names.add(nextName(random, names));
    const orphan = random.chance(0.2);
    const storable = [...names].filter(isStorable);
    const contentsOf = (): string[] => Array.from({ length: random.between(1, 3) }, () => 'content '.repeat(random.below(4)) + random.below(10));
    const model: TreeModel = {
      name: orphan ? idOf(String(i)) : `m${i}`,
      artifacts: Object.fromEntries(storable.map((name) => [name, contentsOf()])),
      ...(random.chance(0.3) ? { tombstones: [...new Set([nastyName(random), nastyName(random)])] } : {}),
    };
    return orphan ? { ...model, orphan: true as const } : model;
  }).filter(({ orphan, artifacts }) => orphan !== true || Object.keys(artifacts).length > 0);
}

/** Another tree for each text. */
export function randomTree(dir: string, seed: string): { readonly tree: Tree; readonly random: Random } {
  const random = randomFrom(seed);
  return { tree: writeTree(dir, nastyModels(random)), random };
}
