/** Writes the backup of a repository at rest, all versions, uploads and orphans, as design/backup.md tells it: what a restore is tested with, and what its result is compared by. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checksumLines } from '../../src/backup/checksums.js';
import type { Counts, Manifest } from '../../src/backup/format.js';
import { serialiseManifest } from '../../src/backup/manifest.js';
import { planNames } from '../../src/backup/names.js';
import { definitionPath, sidecarPath, tombstonesPath, versionPath } from '../../src/backup/paths.js';
import { keymapLine, serialiseSidecar, tombstoneLine } from '../../src/backup/records.js';
import { isModelId, type Layout } from '../../src/layout/layout.js';
import { readFence } from '../../src/locks/fence.js';
import { listModels } from '../../src/models/files.js';
import { openRepoAt, type Repo } from '../../src/repo.js';
import { readArtifactRecord, readTombstone, readVersionMetadata, serialise } from '../../src/store/metadata.js';
import { artifactNames, byCodePoint, versionNumbers } from '../../src/store/read.js';
import { readUploadRecord } from '../../src/store/uploads/record.js';
import { sha256 } from './backup-tree.js';

/** `dir` must not exist; it is answered. */
export async function backupOf(repoDir: string, dir: string, change: Partial<Manifest> = {}): Promise<string> {
  const repo = openRepoAt(repoDir);
  const { layout } = repo;
  const { models } = await listModels(repo);
  const known = new Set(models.map(({ id }) => id));
  const orphans = (list(layout.data) ?? []).filter((id) => isModelId(id) && !known.has(id) && list(layout.model(id)).length > 0);
  const all = [
    ...models.map(({ id, name, path }) => ({ id, title: name, directory: `models/${name}`, definition: readFileSync(path) })),
    ...orphans.sort().map((id) => ({ id, title: id, directory: `orphans/${id}`, definition: undefined })),
  ];
  const checksums = new Map<string, string>();
  const write = (path: string, data: string | Uint8Array): void => {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), data);
    checksums.set(path, sha256(data));
  };
  const counts: { -readonly [K in keyof Counts]: number } = {
    models: models.length,
    artifacts: 0,
    versions: 0,
    bytes: 0,
    tombstones: 0,
    uploads: 0,
    orphans: orphans.length,
  };
  const plan = planNames(
    all.map(({ id, directory }) => ({ directory, names: artifactNames(repo, id) })),
    { encodeNames: true, renameCollisions: true },
  );
  for (const { id, title, directory, definition } of all) {
    if (definition !== undefined) write(definitionPath(directory), definition);
    for (const [name, { path }] of plan.places.get(directory) ?? []) writeArtifact({ repo, id, name, path, write, counts });
    const tombstones = list(layout.tombstones(id)).flatMap((file) => readTombstone(join(layout.tombstones(id), file)) ?? []);
    if (tombstones.length > 0)
      write(
        tombstonesPath(directory),
        tombstones
          .sort((a, b) => byCodePoint(a.name, b.name))
          .map(tombstoneLine)
          .join(''),
      );
    counts.tombstones += tombstones.length;
    for (const upload of list(layout.modelUploads(id)).sort()) {
      const from = layout.upload(id, upload);
      write(`uploads/${title}/${upload}/record.json`, serialise(readUploadRecord(from) ?? {}));
      for (const part of list(join(from, 'parts'))) write(`uploads/${title}/${upload}/part-${part}`, readFileSync(join(from, 'parts', part)));
      counts.uploads += 1;
    }
  }
  write('KEYMAP.jsonl', plan.keymap.map(keymapLine).join(''));
  write(
    'MANIFEST.json',
    serialiseManifest({
      formatVersion: 1,
      toolVersion: '0.1.0',
      repoId: repo.id,
      createdAt: '2026-11-20T12:00:00.000Z',
      consistencyPoint: {
        global: readFence(layout.fence({ kind: 'global' }))?.epoch ?? 0,
        models: Object.fromEntries(all.map(({ id }) => [id, { data: epoch(layout, id, 'data'), run: epoch(layout, id, 'run') }])),
      },
      options: { allVersions: true, incompleteUploads: true, orphans: true, encodeNames: true, renameCollisions: true, models: null },
      counts,
      excluded: ['deleted-models', 'kept-outputs'],
      ...change,
    }),
  );
  writeFileSync(join(dir, 'CHECKSUMS'), [...checksumLines(checksums)].join(''));
  return dir;
}

interface Artifact {
  readonly repo: Repo;
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly write: (path: string, data: string | Uint8Array) => void;
  readonly counts: { -readonly [K in keyof Counts]: number };
}

function writeArtifact({ repo, id, name, path, write, counts }: Artifact): void {
  const dir = repo.layout.artifact(id, name);
  const record = readArtifactRecord(join(dir, 'artifact.json'));
  if (record === undefined) throw new Error(`${dir} has no record`);
  const numbers = versionNumbers(readdirSync(dir));
  const versions = numbers.map((version) => {
    const metadata = readVersionMetadata(join(dir, String(version), 'metadata.json'));
    if (metadata === undefined) throw new Error(`${dir} has no metadata`);
    const { parts, ...rest } = metadata;
    const content = Buffer.concat(
      parts === undefined
        ? [readFileSync(join(dir, String(version), 'content'))]
        : parts.map(({ number }) => readFileSync(join(dir, String(version), 'parts', String(number)))),
    );
    write(version === numbers.at(-1) ? path : versionPath(path, version), content);
    counts.versions += 1;
    counts.bytes += content.length;
    return { version, ...rest };
  });
  write(sidecarPath(path), serialiseSidecar({ name, generation: record.generation, floor: record.floor, versions }));
  counts.artifacts += 1;
}

function epoch(layout: Layout, modelId: string, kind: 'data' | 'run'): number {
  return readFence(layout.fence({ kind, modelId }))?.epoch ?? 0;
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Everything in a backup but what two backups of one state may differ in (B2): path to content. */
export function treeOf(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const entries = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(
    entries.map((path) => {
      const name = path.slice(dir.length + 1);
      const text = readFileSync(path);
      if (name === 'CHECKSUMS') return [name, text.toString().replace(/^.*MANIFEST\.json\n/m, '')];
      if (name !== 'MANIFEST.json') return [name, sha256(text)];
      const { repoId: _, createdAt: __, consistencyPoint: ___, ...rest } = JSON.parse(text.toString()) as Manifest;
      return [name, JSON.stringify(rest)];
    }),
  );
}
