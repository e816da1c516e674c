/** Verifies the tree of a backup: every finding in one run, content streamed, nothing followed, nothing waited for (B11, B15). */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { sha256 } from '../fs/digest.js';
import type { Handle } from '../fs/handle.js';
import { exists } from '../fs/tree.js';
import { parseAs, parseRecord } from '../store/metadata.js';
import { byCodePoint } from '../store/read.js';
import { UPLOAD } from '../store/uploads/record.js';
import { parseChecksumLine } from './checksums.js';
import {
  type BackupFinding,
  CHECKSUMS,
  type Counts,
  KEYMAP,
  type KeymapRecord,
  MANIFEST,
  MAX_CONTROL_BYTES,
  MAX_LINE_BYTES,
  MAX_MANIFEST_BYTES,
  MAX_SIDECAR_BYTES,
  type Manifest,
  type Sidecar,
  UPLOAD_RECORD,
} from './format.js';
import { finding, findingsOf, invalid, reading } from './invalid.js';
import { readManifest } from './manifest.js';
import { bytesOf, digestOf, linesOf, openPlain, pieces, readControl, refusal, SMALL, textOf } from './open.js';
import { isContained, type Place, placeOf, sidecarPath } from './paths.js';
import { keymapRecord, parseSidecar, readTombstones } from './records.js';
import { isUnreadable, type TreeEntry, walkTree } from './tree.js';
import { addDefinition, newModel, type Settled, settleModel, type VerifiedModel } from './verify-model.js';

/** What has been read. */
export interface Checked {
  readonly files: number;
  readonly bytes: number;
}

export interface VerifyOptions {
  readonly signal: AbortSignal;
  /** Called every now and then; `total`: bytes of content, as the manifest tells them. */
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

/** `root` is a directory. Throws what the system does not let us read, and the signal's reason. */
export async function verifyTree(root: string, options: VerifyOptions): Promise<Verified> {
  return new Verification(root, options).run();
}

/** One run: what is listed, what was seen, what was found. */
class Verification {
  readonly #findings = new Map<string, BackupFinding>();
  readonly #root: string;
  readonly #options: VerifyOptions;
  readonly #counts = { models: 0, artifacts: 0, versions: 0, bytes: 0, tombstones: 0, uploads: 0, orphans: 0 };
  /** Path to checksum; undefined when CHECKSUMS cannot be read: then nothing is unlisted. */
  #checksums: ReadonlyMap<string, string> | undefined;
  #keymap: ReadonlyMap<string, KeymapRecord> | undefined;
  #manifest: Manifest | undefined;
  /** Sidecars that CHECKSUMS lists, by directory of the model. */
  readonly #listedSidecars = new Map<string, number>();
  readonly #unseen = new Set<string>();
  /** What was refused: nothing is looked for there, or below. */
  readonly #refused = new Set<string>();
  /** Paths of the artifacts whose sidecars were read. */
  readonly #artifacts = new Set<string>();
  /** By directory of the upload: true when its record is there. */
  readonly #uploads = new Map<string, boolean>();
  /** Path of a model's definition, by its id. */
  readonly #ids = new Map<string, string>();
  #model: VerifiedModel | undefined;
  #checked = { files: 0, bytes: 0 };
  #turned = performance.now();

  constructor(root: string, options: VerifyOptions) {
    this.#root = root;
    this.#options = options;
  }

  async run(): Promise<Verified> {
    this.#manifest = this.#collect(MANIFEST, () => readManifest(this.#root));
    // Without either it is not a backup: whatever is there instead is not read.
    if (this.#manifest === undefined && !exists(join(this.#root, MANIFEST)) && !exists(join(this.#root, CHECKSUMS)))
      this.#tell(finding('manifest', CHECKSUMS, 'is missing'));
    else if (![...this.#findings.values()].some(({ kind }) => kind === 'format_version')) {
      this.#checksums = this.#readChecksums();
      this.#keymap = this.#readKeymap();
      for (const entry of walkTree(this.#root)) await this.#look(entry);
      this.#settle();
      this.#tellAbsent();
      this.#compareCounts();
    }
    const findings = [...this.#findings.values()].sort((a, b) => byCodePoint(a.path, b.path) || byCodePoint(a.kind, b.kind));
    return { findings, manifest: this.#manifest, checked: { ...this.#checked } };
  }

  #tell(found: BackupFinding): void {
    this.#findings.set(`${found.kind} ${found.path} ${found.message}`, found);
  }

  /** What `read` answers; undefined when it found something wrong, which is told. `path`: what it reads. */
  #collect<T>(path: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      this.#tellError(path, error);
      return undefined;
    }
  }

  /** Throws what is no matter of this one file. */
  #tellError(path: string, error: unknown): void {
    const findings = findingsOf(error) ?? (isUnreadable(error) ? [finding('unreadable', path, `cannot be read: ${error.code}`)] : undefined);
    if (findings === undefined) throw error;
    for (const found of findings) this.#tell(found);
    if (isUnreadable(error)) this.#refused.add(path);
  }

  async #breathe(): Promise<void> {
    if (performance.now() - this.#turned < TURN_MS) return;
    this.#options.onProgress?.({ ...this.#checked }, this.#manifest?.counts.bytes);
    await turn();
    this.#options.signal.throwIfAborted();
    this.#turned = performance.now();
  }

  #readChecksums(): ReadonlyMap<string, string> | undefined {
    const opened = this.#collect(CHECKSUMS, () => {
      const file = openPlain(this.#root, CHECKSUMS);
      if (file === undefined) throw invalid(finding('manifest', CHECKSUMS, 'is missing'));
      return file;
    });
    if (opened === undefined) return undefined;
    const checksums = new Map<string, string>();
    let wrong = 0;
    let first = '';
    const complain = (line: number, message: string): void => {
      wrong += 1;
      if (wrong === 1) first = `line ${line} ${message}`;
    };
    this.#collect(CHECKSUMS, () => {
      let line = 0;
      let last = '';
      for (const text of linesOf(opened, CHECKSUMS, MAX_LINE_BYTES)) {
        line += 1;
        const { path, checksum } = parseChecksumLine(text) ?? {};
        if (path === undefined || checksum === undefined) complain(line, 'is not a line that sha256sum writes');
        else if (!isContained(path)) this.#tell(finding('traversal', CHECKSUMS, `line ${line} leads outside: ${JSON.stringify(path)}`));
        else if (path === CHECKSUMS) complain(line, 'lists CHECKSUMS itself');
        else {
          if (checksums.has(path)) complain(line, `lists ${JSON.stringify(path)} again`);
          else if (byCodePoint(last, path) >= 0) complain(line, 'is out of order');
          checksums.set(path, checksum);
          last = path;
        }
      }
    });
    if (wrong > 0) this.#tell(finding('manifest', CHECKSUMS, `${first}${wrong === 1 ? '' : `; so are ${wrong - 1} more`}`));
    for (const path of checksums.keys()) {
      this.#unseen.add(path);
      const place = placeOf(path);
      if (place?.kind === 'sidecar') this.#listedSidecars.set(place.directory, (this.#listedSidecars.get(place.directory) ?? 0) + 1);
    }
    return checksums;
  }

  #readKeymap(): ReadonlyMap<string, KeymapRecord> | undefined {
    const opened = this.#collect(KEYMAP, () => openPlain(this.#root, KEYMAP));
    if (opened === undefined) return undefined;
    const keymap = new Map<string, KeymapRecord>();
    this.#collect(KEYMAP, () => {
      let line = 0;
      let last = '';
      for (const source of linesOf(opened, KEYMAP, MAX_LINE_BYTES)) {
        line += 1;
        const record = this.#collect(KEYMAP, () =>
          keymapRecord(
            reading(KEYMAP, () => parseRecord(source, KEYMAP), line),
            line,
          ),
        );
        if (record === undefined) continue;
        if (keymap.has(record.path)) this.#tell(finding('keymap', KEYMAP, `line ${line}: names ${JSON.stringify(record.path)} again`));
        else if (byCodePoint(last, record.path) >= 0) this.#tell(finding('keymap', KEYMAP, `line ${line}: is out of order`));
        else keymap.set(record.path, record);
        last = record.path;
      }
    });
    return keymap;
  }

  async #look({ path, stats, empty, readable, refused: unread }: TreeEntry): Promise<void> {
    this.#options.signal.throwIfAborted();
    if (unread !== undefined) return this.#tellError(path, unread);
    if (!readable) return this.#tell(finding('unlisted', path, 'has a name that is not UTF-8'));
    if (stats.isDirectory()) {
      if (empty) this.#tell(finding('unlisted', path, 'is a directory with nothing in it'));
      return;
    }
    const refused = refusal(path, stats);
    if (refused !== undefined) {
      this.#refused.add(path);
      return this.#tell(refused);
    }
    this.#unseen.delete(path);
    if (path === CHECKSUMS) return;
    const listed = this.#checksums?.get(path);
    if (listed === undefined && this.#checksums !== undefined) return this.#tell(finding('unlisted', path, 'is not in CHECKSUMS'));
    const place = placeOf(path);
    if (place === undefined) this.#tell(finding('unlisted', path, 'has no place in a backup'));
    else if (place.kind !== 'control' && place.kind !== 'upload' && this.#model?.directory !== place.directory) {
      this.#settle();
      this.#model = newModel(place.directory);
    }
    if (place === undefined || place.kind === 'content' || place.kind === 'version' || place.kind === 'upload')
      await this.#lookAtContent({ path, stats }, place, listed);
    else this.#lookAtControl({ path, stats }, place, listed);
    this.#checked.files += 1;
    await this.#breathe();
  }

  async #lookAtContent({ path, stats }: Pick<TreeEntry, 'path' | 'stats'>, place: Place | undefined, listed: string | undefined): Promise<void> {
    const opened = this.#collect(path, () => openPlain(this.#root, path, stats));
    if (opened === undefined) return;
    const read = await this.#read(opened).catch((error: unknown) => this.#tellError(path, error));
    if (read === undefined) return;
    const { size, checksum } = read;
    const altered = listed !== undefined && checksum !== listed;
    if (altered) this.#tell(finding('altered', path, 'does not have its checksum'));
    if (place?.kind === 'upload') this.#lookAtUpload(path, place.directory);
    if (place?.kind === 'content' || place?.kind === 'version') this.#model?.contents.set(path, { size, checksum, altered, content: place.content });
  }

  async #read(opened: Handle): Promise<{ readonly size: number; readonly checksum: string }> {
    if (opened.size <= SMALL) {
      const bytes = bytesOf(opened);
      this.#checked.bytes += bytes.length;
      return { size: bytes.length, checksum: sha256(bytes) };
    }
    const hash = createHash('sha256');
    let size = 0;
    for (const piece of pieces(opened)) {
      hash.update(piece);
      size += piece.length;
      this.#checked.bytes += piece.length;
      await this.#breathe();
    }
    return { size, checksum: hash.digest('hex') };
  }

  #lookAtUpload(path: string, directory: string): void {
    const isRecord = path.endsWith(`/${UPLOAD_RECORD}`);
    this.#uploads.set(directory, isRecord || this.#uploads.get(directory) === true);
    if (!isRecord) return;
    this.#collect(path, () => {
      const source = textOf(readControl(this.#root, path, MAX_CONTROL_BYTES) ?? Buffer.alloc(0), path);
      reading(path, () => parseAs(UPLOAD, source, path));
    });
  }

  #lookAtControl(
    { path, stats }: Pick<TreeEntry, 'path' | 'stats'>,
    place: Exclude<Place, { kind: 'content' | 'version' | 'upload' }>,
    listed: string | undefined,
  ): void {
    const limit = place.kind === 'sidecar' ? MAX_SIDECAR_BYTES : place.kind === 'definition' ? MAX_CONTROL_BYTES : MAX_MANIFEST_BYTES;
    // Lists grow with what they list, and are read line by line.
    const bytes = path === KEYMAP || place.kind === 'tombstones' ? undefined : this.#collect(path, () => readControl(this.#root, path, limit, stats));
    const checksum = bytes === undefined ? this.#collect(path, () => this.#hashOf(path)) : sha256(bytes);
    if (listed !== undefined && checksum !== undefined && checksum !== listed) this.#tell(finding('altered', path, 'does not have its checksum'));
    const model = this.#model;
    if (model === undefined || place.kind === 'control') return;
    if (place.kind === 'tombstones') {
      this.#collect(path, () => {
        for (const _ of readTombstones(this.#root, path)) this.#counts.tombstones += 1;
      });
    } else if (bytes === undefined) model.unreadable.add(path);
    else if (place.kind === 'definition') this.#collect(path, () => addDefinition(model, { path, text: textOf(bytes, path), ids: this.#ids }));
    else {
      const sidecar = this.#collect(path, () => parseSidecar(textOf(bytes, path), path));
      if (sidecar === undefined) model.unreadable.add(path);
      else {
        model.sidecars.set(place.content, {
          name: sidecar.name,
          versions: sidecar.versions.map(({ version, size, checksum: sum }) => ({ version, size, checksum: sum })),
        });
        this.#options.onSidecar?.(place, sidecar);
      }
    }
  }

  #hashOf(path: string): string | undefined {
    const opened = openPlain(this.#root, path);
    return opened === undefined ? undefined : digestOf(opened);
  }

  /** The model that was walked last is complete. */
  #settle(): void {
    const model = this.#model;
    if (model === undefined) return;
    this.#model = undefined;
    const settled: Settled = settleModel(model, {
      listedSidecars: this.#listedSidecars.get(model.directory),
      keymap: this.#keymap,
      isKnown: (path) => this.#checksums?.has(path) === true || this.#isRefused(path),
    });
    for (const found of settled.findings) this.#tell(found);
    for (const content of model.sidecars.keys()) this.#artifacts.add(content);
    if (model.directory.startsWith('models/')) this.#counts.models += 1;
    else this.#counts.orphans += 1;
    this.#counts.artifacts += model.sidecars.size;
    this.#counts.versions += settled.versions;
    this.#counts.bytes += settled.bytes;
  }

  #isRefused(path: string): boolean {
    if (this.#refused.size === 0) return false;
    return path.split('/').some((_, i, segments) => this.#refused.has(segments.slice(0, i + 1).join('/')));
  }

  /** What is listed or must be there, and is not. */
  #tellAbsent(): void {
    for (const path of this.#unseen) if (!this.#isRefused(path)) this.#tell(finding('missing', path, 'is in CHECKSUMS, and is not there'));
    if (this.#keymap === undefined && this.#checksums?.has(KEYMAP) !== true && !this.#isRefused(KEYMAP)) this.#tell(finding('manifest', KEYMAP, 'is missing'));
    for (const [directory, hasRecord] of this.#uploads) {
      const path = `${directory}/${UPLOAD_RECORD}`;
      if (!hasRecord && this.#checksums?.has(path) !== true && !this.#isRefused(path)) this.#tell(finding('manifest', path, 'is missing'));
    }
    this.#counts.uploads = this.#uploads.size;
    for (const { path, name } of this.#keymap?.values() ?? []) {
      const sidecar = sidecarPath(path);
      if (this.#artifacts.has(path) || this.#checksums?.has(sidecar) === true || this.#isRefused(sidecar)) continue;
      this.#tell(finding('keymap', KEYMAP, `names ${JSON.stringify(path)} for ${JSON.stringify(name)}, but no artifact is there`));
    }
  }

  /** Only when everything is there: else the counts would tell the same once more. */
  #compareCounts(): void {
    if (this.#manifest === undefined || [...this.#findings.values()].some(({ kind }) => kind !== 'altered')) return;
    for (const [what, n] of Object.entries(this.#manifest.counts) as [keyof Counts, number][]) {
      const found = this.#counts[what];
      if (found !== n) this.#tell(finding('manifest', MANIFEST, `counts ${n} ${what}, and there are ${found}`));
    }
  }
}
