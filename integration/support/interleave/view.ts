/** What stands on the disk, read without a step: the locks, and every visible version. Whatever is visible must be whole. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Layout, type LockName } from '../../../src/layout/layout.js';
import { nameOf } from '../../../src/layout/names.js';
import { type Entry, parseEntry } from '../../../src/locks/fence.js';
import type { Disk, DiskDirectory, DiskFile, DiskNode } from './disk.js';
import { ROOT } from './host.js';
import { Violation } from './violation.js';

export const LAYOUT = new Layout(join(ROOT, '.swamp'));

export function directoryAt(disk: Disk, path: string): DiskDirectory | undefined {
  const node = disk.find(path);
  return node?.kind === 'directory' ? node : undefined;
}

export function recordIn(directory: DiskDirectory | undefined, name: string): Record<string, unknown> | undefined {
  const file = directory?.entries.get(name);
  return file?.kind === 'file' ? parsed(file) : undefined;
}

const records = new WeakMap<Buffer, Record<string, unknown>>();

function parsed({ bytes }: DiskFile): Record<string, unknown> {
  let record = records.get(bytes);
  if (record === undefined) {
    record = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
    records.set(bytes, record);
  }
  return record;
}

/** The entry of a lock. Undefined: it was never born. */
export function entryOf(disk: Disk, lock: LockName): Entry | undefined {
  const fence = directoryAt(disk, LAYOUT.fence(lock));
  if (fence === undefined) return undefined;
  const names = [...fence.entries.keys()];
  const entry = parseEntry(names[0] ?? '');
  if (names.length !== 1 || entry === undefined) throw new Violation(`the ${lock.kind} lock has the entries ${names.join(' and ') || '(none)'}`);
  return entry;
}

/** The number of the simulated process that holds the entry; undefined: nobody. */
export function holderOf(entry: Entry | undefined): number | undefined {
  return entry?.state === 'held' && entry.holder !== undefined ? entry.holder.pid - 100 : undefined;
}

export interface SeenVersion {
  readonly commit: string;
  readonly text: string;
  readonly directory: DiskDirectory;
}

export interface SeenArtifact {
  readonly generation: number;
  readonly floor: number;
  readonly versions: ReadonlyMap<number, SeenVersion>;
}

/** Every artifact of a model by name. Throws when something visible is not whole. */
export function artifactsOf(disk: Disk, modelId: string): Map<string, SeenArtifact> {
  const artifacts = new Map<string, SeenArtifact>();
  for (const [segment, node] of directoryAt(disk, LAYOUT.model(modelId))?.entries ?? []) {
    const name = nameOf(segment) ?? segment;
    artifacts.set(name, seenArtifact(name, node));
  }
  return artifacts;
}

function seenArtifact(name: string, node: DiskNode): SeenArtifact {
  const directory = node.kind === 'directory' ? node : undefined;
  const record = recordIn(directory, 'artifact.json');
  if (directory === undefined || record === undefined) throw new Violation(`"${name}" is visible without its record`);
  const versions = new Map<number, SeenVersion>();
  for (const [entry, child] of directory.entries) if (entry !== 'artifact.json') versions.set(Number(entry), seenVersion(`${name} ${entry}`, child));
  if (versions.size === 0) throw new Violation(`"${name}" is visible without a version`);
  return { generation: Number(record['generation']), floor: Number(record['floor']), versions };
}

const whole = new WeakMap<DiskDirectory, { readonly content: Buffer; readonly metadata: Buffer; readonly seen: SeenVersion }>();

function seenVersion(title: string, node: DiskNode): SeenVersion {
  const directory = node.kind === 'directory' ? node : undefined;
  const content = directory?.entries.get('content');
  const metadata = directory?.entries.get('metadata.json');
  if (directory === undefined || content?.kind !== 'file' || metadata?.kind !== 'file' || directory.entries.size !== 2)
    throw new Violation(`${title} is visible, and is not whole`);
  const known = whole.get(directory);
  if (known !== undefined && known.content === content.bytes && known.metadata === metadata.bytes) return known.seen;
  if (known !== undefined) throw new Violation(`P3: ${title} changed while it was visible`);
  const { commit, checksum } = parsed(metadata);
  if (createHash('sha256').update(content.bytes).digest('hex') !== checksum) throw new Violation(`${title} is visible with half its content`);
  const seen = { commit: String(commit), text: content.bytes.toString('utf8'), directory };
  whole.set(directory, { content: content.bytes, metadata: metadata.bytes, seen });
  return seen;
}

/** The ids of the models by name, from the definitions. */
export function modelIds(disk: Disk): Map<string, string> {
  const ids = new Map<string, string>();
  const walk = (directory: DiskDirectory | undefined): void => {
    for (const [name, node] of directory?.entries ?? []) {
      if (node.kind === 'directory') walk(node);
      else if (name.endsWith('.yaml')) ids.set(name.slice(0, -'.yaml'.length), /^id: *"?([0-9a-f-]{36})/m.exec(node.bytes.toString())?.[1] ?? '');
    }
  };
  walk(directoryAt(disk, join(ROOT, 'models')));
  return ids;
}
