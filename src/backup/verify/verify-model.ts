/** One model of a backup, once all its files were seen: sidecars, contents and names must agree. */
import { parseDefinition } from '../../models/definition.js';
import { type BackupFinding, type KeymapRecord, LEAF_SUFFIX, SAFE_SUFFIX } from '../format.js';
import { finding, invalid } from '../invalid.js';
import { placeNames } from '../names.js';
import { contentPath, definitionPath, sidecarPath, versionPath } from '../paths.js';

/** What is kept of a model while its files are walked. */
export interface VerifiedModel {
  readonly directory: string;
  /** By path of the latest content. */
  readonly sidecars: Map<string, KnownSidecar>;
  /** By path: of all versions. */
  readonly contents: Map<string, KnownContent>;
  /** Sidecars and definitions that are there and could not be read: their findings are reported. */
  readonly unreadable: Set<string>;
  definition: boolean;
}

interface KnownSidecar {
  readonly name: string;
  readonly versions: readonly { readonly version: number; readonly size: number; readonly checksum: string }[];
}

interface KnownContent {
  readonly size: number;
  /** As it is. */
  readonly checksum: string;
  /** It is not what CHECKSUMS says, which is reported. */
  readonly altered: boolean;
  /** Path of the latest content of its artifact. */
  readonly content: string;
}

export interface VerifyContext {
  /** How many sidecars of this model CHECKSUMS lists; undefined: none. */
  readonly listedSidecars: number | undefined;
  /** Undefined when KEYMAP cannot be read. */
  readonly keymap: ReadonlyMap<string, KeymapRecord> | undefined;
  /** Listed, or refused: whatever is wrong with it is reported elsewhere. */
  readonly isKnown: (path: string) => boolean;
}

export interface Settled {
  readonly findings: readonly BackupFinding[];
  /** As the sidecars list them. */
  readonly versions: number;
  readonly bytes: number;
}

export function newModel(directory: string): VerifiedModel {
  return { directory, sidecars: new Map(), contents: new Map(), unreadable: new Set(), definition: false };
}

/** Throws `backup_invalid` when it is not a definition, or has the id of another model. */
export function addDefinition(
  model: VerifiedModel,
  { path, text, ids }: { readonly path: string; readonly text: string; readonly ids: Map<string, string> },
): void {
  model.definition = true;
  const parsed = parseDefinition(text, path, { name: model.directory.slice('models/'.length) });
  if ('problems' in parsed) throw invalid(finding('manifest', path, parsed.problems.map(({ message }) => message).join('; ')));
  const { id } = parsed.definition;
  const other = ids.get(id);
  if (other !== undefined) throw invalid(finding('manifest', path, `has the id of ${other}`));
  ids.set(id, path);
}

export function settleModel(model: VerifiedModel, surroundings: VerifyContext): Settled {
  const { directory, unreadable } = model;
  const { isKnown } = surroundings;
  const definition = definitionPath(directory);
  const lacksDefinition = directory.startsWith('models/') && !model.definition && !unreadable.has(definition) && !isKnown(definition);
  const versions = matchVersions(model, surroundings);
  const findings = [
    ...(lacksDefinition ? [finding('manifest', definition, 'is missing')] : []),
    ...versions.findings,
    ...(surroundings.keymap === undefined ? [] : matchNames(model, surroundings.keymap, isWhole(model, surroundings))),
  ];
  return { findings, versions: versions.count, bytes: versions.bytes };
}

/** Every sidecar that there should be is there, and was read: only then do the names say where everything belongs. */
function isWhole({ sidecars, unreadable, contents }: VerifiedModel, { listedSidecars }: VerifyContext): boolean {
  return unreadable.size === 0 && (listedSidecars ?? sidecars.size) <= sidecars.size && [...contents.values()].every(({ content }) => sidecars.has(content));
}

function matchVersions(
  { sidecars, contents, unreadable }: VerifiedModel,
  { isKnown }: VerifyContext,
): { readonly findings: readonly BackupFinding[]; readonly count: number; readonly bytes: number } {
  const findings: BackupFinding[] = [];
  const told = new Set<string>();
  let bytes = 0;
  for (const [content, { versions }] of sidecars) {
    for (const [i, { version, size, checksum }] of versions.entries()) {
      const path = i === versions.length - 1 ? content : versionPath(content, version);
      const there = contents.get(path);
      told.add(path);
      bytes += size;
      if (there === undefined) {
        if (!isKnown(path)) findings.push(finding('missing', path, 'is named by its sidecar, and is not there'));
      } else if (!there.altered && there.checksum !== checksum) findings.push(finding('altered', path, 'does not have the checksum that its sidecar states'));
      else if (!there.altered && there.size !== size)
        findings.push(finding('manifest', sidecarPath(content), `states ${size} bytes for version ${version}, which has ${there.size}`));
    }
  }
  for (const [path, { content }] of contents) {
    if (told.has(path)) continue;
    const sidecar = sidecarPath(content);
    if (sidecars.has(content)) findings.push(finding('unlisted', path, 'is named by no sidecar'));
    else if (!isKnown(sidecar) && !unreadable.has(sidecar)) findings.push(finding('manifest', path, 'has no sidecar'));
  }
  return { findings, count: told.size, bytes };
}

function matchNames({ directory, sidecars }: VerifiedModel, keymap: ReadonlyMap<string, KeymapRecord>, whole: boolean): BackupFinding[] {
  const findings: BackupFinding[] = [];
  const places = placeNames({ directory, names: [...sidecars.values()].map(({ name }) => name) });
  const owners = new Map<string, string>();
  for (const [content, { name }] of sidecars) {
    const say = (message: string): number => findings.push(finding('keymap', content, message));
    const record = keymap.get(content);
    const place = places.get(name);
    const owner = owners.get(name);
    owners.set(name, content);
    if (owner !== undefined) say(`has the name of ${owner}`);
    else if (record !== undefined && (record.name !== name || record.model !== directory))
      say(`is ${JSON.stringify(name)}, and KEYMAP names ${JSON.stringify(record.name)} of ${record.model}`);
    else if (whole && place?.path !== content) say(`is ${JSON.stringify(name)}, which belongs to ${place?.path}`);
    else if (whole && place?.reason !== record?.reason) say(record === undefined ? 'is not named by KEYMAP' : `is named by KEYMAP as ${record.reason}`);
    else if (!whole && !couldStand(content, { name, directory, record, safe: place?.path }))
      say(`is ${JSON.stringify(name)}, and does not stand where that belongs`);
  }
  return findings;
}

/** Without all names of the model it cannot be known which of its places a name has. */
function couldStand(
  content: string,
  {
    name,
    directory,
    record,
    safe,
  }: { readonly name: string; readonly directory: string; readonly record: KeymapRecord | undefined; readonly safe: string | undefined },
): boolean {
  const natural = contentPath(directory, name);
  if (record === undefined) return content === natural;
  if (record.reason === 'leaf') return content === natural + LEAF_SUFFIX;
  return content.endsWith(SAFE_SUFFIX) && (safe?.endsWith(SAFE_SUFFIX) !== true || content === safe);
}
