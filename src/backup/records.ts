/** The records beside the data: sidecars, tombstones, KEYMAP. Written in one way only; read with limits, never trusted further. */
import { checkArtifactName } from '../layout/names.js';
import { type Fields, malformed, number, parseRecord, parseTombstone, parseVersionMetadata, serialise, text } from '../store/metadata.js';
import { byCodePoint } from '../store/read.js';
import { KEYMAP, type KeymapRecord, MAX_LINE_BYTES, MAX_SIDECAR_BYTES, type Sidecar, type SidecarVersion, type TombstoneLine } from './format.js';
import { finding, invalid, reading } from './invalid.js';
import { linesOf, openPlain } from './open.js';
import { isContained } from './paths.js';

export function serialiseSidecar({ name, generation, floor, versions }: Sidecar): string {
  return serialise({ name, generation, floor, versions: versions.map(versionInOrder) });
}

function versionInOrder(one: SidecarVersion): SidecarVersion {
  const { version, id, commit, contentType, lifetime, garbageCollection, tags, ownerDefinition, createdAt, size, checksum } = one;
  const { ownerType, ownerRef } = ownerDefinition;
  return { version, id, commit, contentType, lifetime, garbageCollection, tags, ownerDefinition: { ownerType, ownerRef }, createdAt, size, checksum };
}

/** `path` is what errors name. Throws `backup_invalid`. */
export function parseSidecar(source: string, path: string): Sidecar {
  return reading(path, () => {
    const fields = parseRecord(source, path, MAX_SIDECAR_BYTES);
    const list = fields.get('versions');
    if (!Array.isArray(list) || list.length === 0) throw malformed(path, 'versions is no list of versions');
    const versions = list.map((item: unknown) => sidecarVersion(item, path));
    versions.forEach(({ version }, i) => {
      if (version <= (versions[i - 1]?.version ?? 0)) throw malformed(path, 'versions do not ascend');
    });
    return { name: artifactName(fields, 'name', path), generation: number(fields, 'generation', path), floor: number(fields, 'floor', path), versions };
  });
}

function sidecarVersion(item: unknown, path: string): SidecarVersion {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) throw malformed(path, 'a version is no object');
  const fields: Fields = new Map(Object.entries(item));
  // The backup has one content for it, however many parts it was written in.
  fields.delete('parts');
  return { version: number(fields, 'version', path), ...parseVersionMetadata(fields, path) };
}

function artifactName(fields: Fields, key: string, path: string): string {
  const name = text(fields, key, path);
  checkArtifactName(name);
  return name;
}

/** One line of _tombstones.jsonl, with its newline. */
export function tombstoneLine({ name, generation, floor, deletedAt, renamedTo }: TombstoneLine): string {
  return `${JSON.stringify({ name, generation, floor, deletedAt, ...(renamedTo === undefined ? {} : { renamedTo }) })}\n`;
}

/** The tombstones in the file at `path` below `root`, one at a time; none when there is no file. Throws `backup_invalid`. */
export function* readTombstones(root: string, path: string): Generator<TombstoneLine> {
  let last: string | undefined;
  for (const { fields, line } of recordsOf(root, path)) {
    const tombstone = reading(path, () => parsedTombstone(fields, path), line);
    if (last !== undefined && byCodePoint(last, tombstone.name) >= 0)
      throw invalid(finding('manifest', path, `does not ascend at ${JSON.stringify(tombstone.name)}`));
    last = tombstone.name;
    yield tombstone;
  }
}

function parsedTombstone(fields: Fields, path: string): TombstoneLine {
  const tombstone = parseTombstone(fields, path);
  checkArtifactName(tombstone.name);
  if (tombstone.renamedTo !== undefined) checkArtifactName(tombstone.renamedTo);
  return tombstone;
}

/** One line of KEYMAP.jsonl, with its newline. */
export function keymapLine({ path, model, name, reason }: KeymapRecord): string {
  return `${JSON.stringify({ path, model, name, reason })}\n`;
}

/** Throws `backup_invalid`: `keymap` or `traversal`. */
export function keymapRecord(fields: Fields, line: number): KeymapRecord {
  const record = reading(KEYMAP, () => parsedKeymap(fields), line);
  for (const path of [record.path, record.model]) {
    if (!isContained(path)) throw invalid(finding('traversal', KEYMAP, `line ${line}: ${JSON.stringify(path)} leads outside`));
  }
  return record;
}

function parsedKeymap(fields: Fields): KeymapRecord {
  const reason = text(fields, 'reason', KEYMAP);
  if (reason !== 'leaf' && reason !== 'encoded' && reason !== 'collision') throw malformed(KEYMAP, `reason is ${JSON.stringify(reason)}`);
  return { path: text(fields, 'path', KEYMAP), model: text(fields, 'model', KEYMAP), name: artifactName(fields, 'name', KEYMAP), reason };
}

/** A JSON object a line, from 1. What is malformed is a `manifest` finding, of KEYMAP a `keymap` one. */
export function* recordsOf(root: string, path: string): Generator<{ readonly fields: Fields; readonly line: number }> {
  const opened = openPlain(root, path);
  if (opened === undefined) return;
  let line = 0;
  for (const source of linesOf(opened, path, MAX_LINE_BYTES)) {
    line += 1;
    yield { fields: reading(path, () => parseRecord(source, path), line), line };
  }
}
