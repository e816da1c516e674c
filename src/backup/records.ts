/** The records beside the data: sidecars, tombstones, KEYMAP. Written in one way only; read with limits, never trusted further. */
import { type Fields, judged, malformed, ONE_CONTENT, parseAs, parseRecord, serialise, TOMBSTONE } from '../store/metadata.js';
import { byCodePoint } from '../store/read.js';
import { artifactName, type Field, listOf, natural, oneOf, record, text } from '../store/record.js';
import { KEYMAP, type KeymapRecord, MAX_LINE_BYTES, MAX_SIDECAR_BYTES, type Sidecar, TOMBSTONES, type TombstoneLine } from './format.js';
import { finding, invalid, reading } from './invalid.js';
import { linesOf, openInBackup } from './open.js';
import { isContained } from './paths.js';

/** A version has one content in a backup, however many parts it was written in. */
const SIDECAR: Field<Sidecar> = record({
  name: artifactName,
  generation: natural,
  floor: natural,
  versions: listOf(record({ version: natural, ...ONE_CONTENT })),
});

const KEYMAP_RECORD: Field<KeymapRecord> = record({ path: text, model: text, name: artifactName, reason: oneOf('leaf', 'encoded', 'collision') });

/** Throws `corrupt` for what `parseSidecar` would refuse. */
export function serialiseSidecar(sidecar: Sidecar): string {
  return serialise(judged(SIDECAR, sidecar, sidecar.name));
}

/** `path` is what errors name. Throws `backup_invalid`. */
export function parseSidecar(source: string, path: string): Sidecar {
  return reading(path, () => {
    const sidecar = parseAs(SIDECAR, source, path, MAX_SIDECAR_BYTES);
    const { versions } = sidecar;
    if (versions.length === 0) throw malformed(path, 'versions is empty');
    if (versions.some(({ version }, i) => version <= (versions[i - 1]?.version ?? 0))) throw malformed(path, 'versions do not ascend');
    return sidecar;
  });
}

/** One line of _tombstones.jsonl, with its newline. */
export function tombstoneLine(tombstone: TombstoneLine): string {
  return `${JSON.stringify(judged(TOMBSTONE, tombstone, TOMBSTONES))}\n`;
}

/** The tombstones in the file at `path` below `root`, one at a time; none when there is no file. Throws `backup_invalid`. */
export function* readTombstones(root: string, path: string): Generator<TombstoneLine> {
  let last: string | undefined;
  for (const { fields, line } of recordsOf(root, path)) {
    const tombstone = reading(path, () => judged(TOMBSTONE, fields, path), line);
    if (last !== undefined && byCodePoint(last, tombstone.name) >= 0)
      throw invalid(finding('manifest', path, `does not ascend at ${JSON.stringify(tombstone.name)}`));
    last = tombstone.name;
    yield tombstone;
  }
}

/** One line of KEYMAP.jsonl, with its newline. */
export function keymapLine(one: KeymapRecord): string {
  return `${JSON.stringify(judged(KEYMAP_RECORD, one, KEYMAP))}\n`;
}

/** Throws `backup_invalid`: `keymap` or `traversal`. */
export function keymapRecord(fields: Fields, line: number): KeymapRecord {
  const record = reading(KEYMAP, () => judged(KEYMAP_RECORD, fields, KEYMAP), line);
  for (const path of [record.path, record.model]) {
    if (!isContained(path)) throw invalid(finding('traversal', KEYMAP, `line ${line}: ${JSON.stringify(path)} leads outside`));
  }
  return record;
}

/** A JSON object a line, from 1. What is malformed is a `manifest` finding, of KEYMAP a `keymap` one. */
export function* recordsOf(root: string, path: string): Generator<{ readonly fields: Fields; readonly line: number }> {
  const opened = openInBackup(root, path);
  if (opened === undefined) return;
  let line = 0;
  for (const source of linesOf(opened, path, MAX_LINE_BYTES)) {
    line += 1;
    yield { fields: reading(path, () => parseRecord(source, path), line), line };
  }
}
