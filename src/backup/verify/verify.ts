/** Verifies the tree of a backup: every finding in one run, content streamed, nothing followed, nothing waited for (B11, B15). */
import { basename, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { sha256 } from '../../fs/digest.js';
import { digest, digestOf } from '../../fs/pieces.js';
import { exists, isForeign } from '../../fs/tree.js';
import { parseAs, parseRecord } from '../../store/metadata.js';
import { byCodePoint } from '../../store/read.js';
import { UPLOAD } from '../../store/uploads/record.js';
import { readChecksums } from '../checksums.js';
import {
  type BackupCounts,
  type BackupFinding,
  CHECKSUMS,
  KEYMAP,
  type KeymapRecord,
  MANIFEST,
  MAX_CONTROL_BYTES,
  MAX_LINE_BYTES,
  MAX_MANIFEST_BYTES,
  MAX_SIDECAR_BYTES,
  type Manifest,
  SAVED_UPLOAD_RECORD,
  type Sidecar,
} from '../format.js';
import { finding, findingsOf, reading } from '../invalid.js';
import { readManifest } from '../manifest.js';
import { linesOf, openInBackup, readControl, refusal, textOf } from '../open.js';
import { type BackupPlace, backupPlaceOf, isContained, sidecarPath } from '../paths.js';
import { keymapRecord, parseSidecar, readTombstones } from '../records.js';
import { isUnreadable, type TreeEntry, walkTree } from '../tree.js';
import { addDefinition, newModel, settleModel, type VerifiedModel } from './verify-model.js';

/** What has been read. */
export interface Checked {
  readonly files: number;
  readonly bytes: number;
}

export interface VerifyOptions {
  readonly signal: AbortSignal;
  /** Called every now and then; `total`: bytes of content, as the manifest gives them. */
  readonly onProgress?: (checked: Checked, total: number | undefined) => void;
  /** Called with each sidecar that can be read, in the order of their paths. */
  readonly onSidecar?: (place: { readonly directory: string; readonly content: string }, sidecar: Sidecar) => void;
}

export interface Verified {
  /** Sorted by path. */
  readonly findings: readonly BackupFinding[];
  /** Undefined when it cannot be read. */
  readonly manifest: Manifest | undefined;
  readonly checked: Checked;
}

/** Between two turns of the event loop, in which signals and the terminal are served. Milliseconds. */
const TURN_MS = 50;

/** One run: what is looked at, and what was found. */
interface Run {
  readonly root: string;
  readonly options: VerifyOptions;
  readonly findings: Map<string, BackupFinding>;
  /** What was refused: nothing is looked for there, or below. */
  readonly refused: Set<string>;
  readonly checked: { files: number; bytes: number };
  /** Bytes of content, as the manifest gives them. */
  readonly total: number | undefined;
  /** When there was a turn of the event loop. */
  turned: number;
}

/** What the control files say is there; undefined for one that cannot be read. */
interface Lists {
  /** Path to checksum. Without it nothing is unlisted. */
  readonly checksums: ReadonlyMap<string, string> | undefined;
  readonly keymap: ReadonlyMap<string, KeymapRecord> | undefined;
  /** How many sidecars CHECKSUMS lists, by directory of the model. */
  readonly sidecars: ReadonlyMap<string, number>;
}

/** What is there. */
interface Seen {
  /** What CHECKSUMS lists and was not met. */
  readonly absent: Set<string>;
  /** Paths of the artifacts whose sidecars were read. */
  readonly artifacts: Set<string>;
  /** By directory of the upload: true when its record is there. */
  readonly uploads: Map<string, boolean>;
  /** Path of a model's definition, by its id. */
  readonly ids: Map<string, string>;
  readonly counts: { -readonly [K in keyof BackupCounts]: number };
  /** The one that is being walked. */
  model: VerifiedModel | undefined;
}

/** `root` is a directory. Throws what the system does not let us read, and the signal's reason. */
export async function verifyTree(root: string, options: VerifyOptions): Promise<Verified> {
  const findings = new Map<string, BackupFinding>();
  const refused = new Set<string>();
  const manifest = collect({ findings, refused }, MANIFEST, () => readManifest(root));
  const run: Run = { root, options, findings, refused, checked: { files: 0, bytes: 0 }, total: manifest?.counts.bytes, turned: performance.now() };
  // Without either it is not a backup: whatever is there instead is not read.
  if (manifest === undefined && !exists(join(root, MANIFEST)) && !exists(join(root, CHECKSUMS))) tell(run, finding('manifest', CHECKSUMS, 'is missing'));
  else if (![...findings.values()].some(({ kind }) => kind === 'format_version')) {
    const lists = readLists(run);
    const seen = await lookAtAll(run, lists);
    tellAbsent(run, lists, seen);
    if (manifest !== undefined) compareCounts(run, manifest, seen);
  }
  const sorted = [...findings.values()].sort((a, b) => byCodePoint(a.path, b.path) || byCodePoint(a.kind, b.kind));
  return { findings: sorted, manifest, checked: run.checked };
}

function tell({ findings }: Pick<Run, 'findings'>, found: BackupFinding): void {
  findings.set(`${found.kind} ${found.path} ${found.message}`, found);
}

/** What `read` answers; undefined when it found something wrong, which is reported. `path`: what it reads. */
function collect<T>(run: Pick<Run, 'findings' | 'refused'>, path: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    tellError(run, path, error);
    return undefined;
  }
}

/** Throws what does not concern this one file. */
function tellError(run: Pick<Run, 'findings' | 'refused'>, path: string, error: unknown): void {
  const findings = findingsOf(error) ?? (isUnreadable(error) ? [finding('unreadable', path, `cannot be read: ${error.code}`)] : undefined);
  if (findings === undefined) throw error;
  for (const found of findings) tell(run, found);
  if (isUnreadable(error)) run.refused.add(path);
}

async function breathe(run: Run): Promise<void> {
  if (!report(run)) return;
  await turn();
  run.options.signal.throwIfAborted();
}

function count(run: Run, bytes: number): void {
  run.checked.bytes += bytes;
  report(run);
}

/** True when it was time to. */
function report(run: Run): boolean {
  const now = performance.now();
  if (now - run.turned < TURN_MS) return false;
  run.turned = now;
  run.options.onProgress?.({ ...run.checked }, run.total);
  return true;
}

function readLists(run: Run): Lists {
  const checksums = listedFiles(run);
  const sidecars = new Map<string, number>();
  for (const path of checksums?.keys() ?? []) {
    const place = backupPlaceOf(path);
    if (place?.kind === 'sidecar') sidecars.set(place.directory, (sidecars.get(place.directory) ?? 0) + 1);
  }
  return { checksums, keymap: listedNames(run), sidecars };
}

function listedFiles(run: Run): ReadonlyMap<string, string> | undefined {
  const lines = collect(run, CHECKSUMS, () => readChecksums(run.root));
  if (lines === undefined) return undefined;
  const checksums = new Map<string, string>();
  const wrong: string[] = [];
  collect(run, CHECKSUMS, () => {
    let line = 0;
    let last = '';
    for (const { path, checksum } of lines) {
      line += 1;
      const complain = (message: string): number => wrong.push(`line ${line} ${message}`);
      if (path === undefined || checksum === undefined) complain('is not a line that sha256sum writes');
      else if (!isContained(path)) tell(run, finding('traversal', CHECKSUMS, `line ${line} leads outside: ${JSON.stringify(path)}`));
      else if (path === CHECKSUMS) complain('lists CHECKSUMS itself');
      else {
        if (checksums.has(path)) complain(`lists ${JSON.stringify(path)} again`);
        else if (byCodePoint(last, path) >= 0) complain('is out of order');
        checksums.set(path, checksum);
        last = path;
      }
    }
  });
  if (wrong.length > 0) tell(run, finding('manifest', CHECKSUMS, `${wrong[0]}${wrong.length === 1 ? '' : `; so are ${wrong.length - 1} more`}`));
  return checksums;
}

function listedNames(run: Run): ReadonlyMap<string, KeymapRecord> | undefined {
  const opened = collect(run, KEYMAP, () => openInBackup(run.root, KEYMAP));
  if (opened === undefined) return undefined;
  const keymap = new Map<string, KeymapRecord>();
  collect(run, KEYMAP, () => {
    let line = 0;
    let last = '';
    for (const source of linesOf(opened, KEYMAP, MAX_LINE_BYTES)) {
      line += 1;
      const record = collect(run, KEYMAP, () =>
        keymapRecord(
          reading(KEYMAP, () => parseRecord(source, KEYMAP), line),
          line,
        ),
      );
      if (record === undefined) continue;
      if (keymap.has(record.path)) tell(run, finding('keymap', KEYMAP, `line ${line}: names ${JSON.stringify(record.path)} again`));
      else if (byCodePoint(last, record.path) >= 0) tell(run, finding('keymap', KEYMAP, `line ${line}: is out of order`));
      else keymap.set(record.path, record);
      last = record.path;
    }
  });
  return keymap;
}

/** Walks the tree, one model in memory at a time. */
async function lookAtAll(run: Run, lists: Lists): Promise<Seen> {
  const counts = { models: 0, artifacts: 0, versions: 0, bytes: 0, tombstones: 0, uploads: 0, orphans: 0 };
  const seen: Seen = { absent: new Set(lists.checksums?.keys()), artifacts: new Set(), uploads: new Map(), ids: new Map(), counts, model: undefined };
  for (const entry of walkTree(run.root)) await look(run, lists, seen, entry);
  settle(run, lists, seen);
  counts.uploads = seen.uploads.size;
  return seen;
}

async function look(run: Run, lists: Lists, seen: Seen, { path, stats, empty, readable, refused: unread }: TreeEntry): Promise<void> {
  run.options.signal.throwIfAborted();
  if (unread !== undefined) return tellError(run, path, unread);
  if (!readable) return tell(run, finding('unlisted', path, 'has a name that is not UTF-8'));
  if (stats.isDirectory()) {
    if (empty) tell(run, finding('unlisted', path, 'is a directory with nothing in it'));
    return;
  }
  const refused = refusal(path, stats);
  if (refused !== undefined) {
    run.refused.add(path);
    return tell(run, refused);
  }
  seen.absent.delete(path);
  if (path === CHECKSUMS) return;
  const listed = lists.checksums?.get(path);
  if (listed === undefined && lists.checksums !== undefined) {
    const advice = isForeign(basename(path)) ? ': if a file manager made it, remove it' : '';
    return tell(run, finding('unlisted', path, `is not in CHECKSUMS${advice}`));
  }
  const place = backupPlaceOf(path);
  if (place === undefined) tell(run, finding('unlisted', path, 'has no place in a backup'));
  else if (place.kind !== 'control' && place.kind !== 'upload' && seen.model?.directory !== place.directory) {
    settle(run, lists, seen);
    seen.model = newModel(place.directory);
  }
  if (place === undefined || place.kind === 'content' || place.kind === 'version' || place.kind === 'upload')
    await lookAtContent(run, seen, { path, stats, listed, place });
  else lookAtControl(run, seen, { path, stats, listed, place });
  run.checked.files += 1;
  await breathe(run);
}

/** A file that is looked at. `listed`: its checksum in CHECKSUMS. */
interface File<P> extends Pick<TreeEntry, 'path' | 'stats'> {
  readonly listed: string | undefined;
  readonly place: P;
}

async function lookAtContent(run: Run, seen: Seen, { path, stats, listed, place }: File<BackupPlace | undefined>): Promise<void> {
  const opened = collect(run, path, () => openInBackup(run.root, path, stats));
  if (opened === undefined) return;
  const read = await digest(opened, { signal: run.options.signal, onBytes: (bytes) => count(run, bytes) }).catch((error: unknown) =>
    tellError(run, path, error),
  );
  if (read === undefined) return;
  const { size, checksum } = read;
  const altered = listed !== undefined && checksum !== listed;
  if (altered) tell(run, finding('altered', path, 'does not have its checksum'));
  if (place?.kind === 'upload') lookAtUpload(run, seen, { path, directory: place.directory });
  if (place?.kind === 'content' || place?.kind === 'version') seen.model?.contents.set(path, { size, checksum, altered, content: place.content });
}

function lookAtUpload(run: Run, { uploads }: Seen, { path, directory }: { readonly path: string; readonly directory: string }): void {
  const isRecord = path.endsWith(`/${SAVED_UPLOAD_RECORD}`);
  uploads.set(directory, isRecord || uploads.get(directory) === true);
  if (!isRecord) return;
  collect(run, path, () => {
    const source = textOf(readControl(run.root, path, MAX_CONTROL_BYTES) ?? Buffer.alloc(0), path);
    reading(path, () => parseAs(UPLOAD, source, path));
  });
}

function lookAtControl(run: Run, seen: Seen, { path, stats, listed, place }: File<Exclude<BackupPlace, { kind: 'content' | 'version' | 'upload' }>>): void {
  const limit = place.kind === 'sidecar' ? MAX_SIDECAR_BYTES : place.kind === 'definition' ? MAX_CONTROL_BYTES : MAX_MANIFEST_BYTES;
  // Lists grow with what they list, and are read line by line.
  const bytes = path === KEYMAP || place.kind === 'tombstones' ? undefined : collect(run, path, () => readControl(run.root, path, limit, stats));
  const checksum = bytes === undefined ? collect(run, path, () => hashOf(run.root, path)) : sha256(bytes);
  if (listed !== undefined && checksum !== undefined && checksum !== listed) tell(run, finding('altered', path, 'does not have its checksum'));
  const { model } = seen;
  if (model === undefined || place.kind === 'control') return;
  if (place.kind === 'tombstones') {
    collect(run, path, () => {
      for (const _ of readTombstones(run.root, path)) seen.counts.tombstones += 1;
    });
  } else if (bytes === undefined) model.unreadable.add(path);
  else if (place.kind === 'definition') collect(run, path, () => addDefinition(model, { path, text: textOf(bytes, path), ids: seen.ids }));
  else {
    const sidecar = collect(run, path, () => parseSidecar(textOf(bytes, path), path));
    if (sidecar === undefined) model.unreadable.add(path);
    else {
      model.sidecars.set(place.content, {
        name: sidecar.name,
        versions: sidecar.versions.map(({ version, size, checksum: sum }) => ({ version, size, checksum: sum })),
      });
      run.options.onSidecar?.(place, sidecar);
    }
  }
}

function hashOf(root: string, path: string): string | undefined {
  const opened = openInBackup(root, path);
  return opened === undefined ? undefined : digestOf(opened);
}

/** The model that was walked last is complete. */
function settle(run: Run, { checksums, keymap, sidecars }: Lists, seen: Seen): void {
  const { model, counts } = seen;
  if (model === undefined) return;
  seen.model = undefined;
  const settled = settleModel(model, {
    listedSidecars: sidecars.get(model.directory),
    keymap,
    isKnown: (path) => checksums?.has(path) === true || isRefused(run, path),
  });
  for (const found of settled.findings) tell(run, found);
  for (const content of model.sidecars.keys()) seen.artifacts.add(content);
  counts[model.directory.startsWith('models/') ? 'models' : 'orphans'] += 1;
  counts.artifacts += model.sidecars.size;
  counts.versions += settled.versions;
  counts.bytes += settled.bytes;
}

function isRefused({ refused }: Run, path: string): boolean {
  if (refused.size === 0) return false;
  return path.split('/').some((_, i, segments) => refused.has(segments.slice(0, i + 1).join('/')));
}

/** What is listed or must be there, and is not. */
function tellAbsent(run: Run, { checksums, keymap }: Lists, { absent, uploads, artifacts }: Seen): void {
  for (const path of absent) if (!isRefused(run, path)) tell(run, finding('missing', path, 'is in CHECKSUMS, and is not there'));
  const isKnown = (path: string): boolean => checksums?.has(path) === true || isRefused(run, path);
  if (keymap === undefined && !isKnown(KEYMAP)) tell(run, finding('manifest', KEYMAP, 'is missing'));
  for (const [directory, hasRecord] of uploads) {
    const path = `${directory}/${SAVED_UPLOAD_RECORD}`;
    if (!hasRecord && !isKnown(path)) tell(run, finding('manifest', path, 'is missing'));
  }
  for (const { path, name } of keymap?.values() ?? []) {
    if (artifacts.has(path) || isKnown(sidecarPath(path))) continue;
    tell(run, finding('keymap', KEYMAP, `names ${JSON.stringify(path)} for ${JSON.stringify(name)}, but no artifact is there`));
  }
}

/** Only when everything is there: else the counts would say the same once more. */
function compareCounts(run: Run, manifest: Manifest, { counts }: Seen): void {
  if ([...run.findings.values()].some(({ kind }) => kind !== 'altered')) return;
  for (const [what, n] of Object.entries(manifest.counts) as [keyof BackupCounts, number][]) {
    const found = counts[what];
    if (found !== n) tell(run, finding('manifest', MANIFEST, `counts ${n} ${what}, and there are ${found}`));
  }
}
