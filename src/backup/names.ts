/** Artifact names -> paths in a backup: all of them at once, or all offenders at once; the order never matters (B7 to B10). */
import { SwampError } from '../errors.js';
import { isArtifactName, segmentFor } from '../layout/names.js';
import { byCodePoint } from '../store/read.js';
import { DEFINITION, KEYMAP, type KeymapRecord, LEAF_SUFFIX, MANIFEST, MAX_NAME_BYTES, MAX_SEGMENT_BYTES, SAFE_SUFFIX } from './format.js';
import { contentPath } from './paths.js';

/** The artifacts of one model. `directory`: `models/<name>` or `orphans/<id>`. */
export interface NamesOf {
  readonly directory: string;
  readonly names: readonly string[];
}

export interface NameOptions {
  readonly encodeNames: boolean;
  readonly renameCollisions: boolean;
}

/** Where an artifact's latest content is. Without `reason` it is its natural path, and KEYMAP does not list it. */
export interface Placed {
  readonly path: string;
  readonly reason?: KeymapRecord['reason'];
  /** What is wrong with the natural path of one that is `encoded` or a `collision`: goes on where the name ends. */
  readonly why?: string;
}

export interface NamePlan {
  /** By directory of the model, then by name. */
  readonly places: ReadonlyMap<string, ReadonlyMap<string, Placed>>;
  /** Sorted by the bytes of `path`. */
  readonly keymap: readonly KeymapRecord[];
}

/** A name that cannot be kept as it is; what `data` of the error lists, sorted by model and name. */
export interface Offender {
  readonly model: string;
  readonly name: string;
  readonly reason: string;
}

/**
 * Where everything goes. Throws `hostile_names`, or `collision` when no name is hostile, with every offender of both kinds
 * that the options do not cover, in `data.hostileNames` and `data.collisions`. Two models whose directories are one where
 * case is ignored are a collision that no option covers.
 */
export function planNames(models: readonly NamesOf[], options: NameOptions): NamePlan {
  const hostile: Offender[] = [];
  const collisions: Offender[] = clashingModels(models);
  const places = new Map<string, ReadonlyMap<string, Placed>>();
  const keymap: KeymapRecord[] = [];
  for (const { directory, names } of models) {
    const storable = names.filter(isArtifactName);
    for (const name of names) if (!isArtifactName(name)) hostile.push({ model: directory, name, reason: 'is not a name an artifact can have' });
    const placed = placeNames({ directory, names: storable });
    for (const [name, { path, reason, why = '' }] of placed) {
      if (reason === 'encoded' && !options.encodeNames) hostile.push({ model: directory, name, reason: why });
      if (reason === 'collision' && !options.renameCollisions) collisions.push({ model: directory, name, reason: why });
      if (reason !== undefined) keymap.push({ path, model: directory, name, reason });
    }
    places.set(directory, placed);
  }
  if (hostile.length + collisions.length > 0) throw offence(hostile, collisions);
  return { places, keymap: keymap.sort((a, b) => byCodePoint(a.path, b.path)) };
}

/** Where each name of one model is stored when both options are given: what any backup's KEYMAP must say of these names. */
export function placeNames({ directory, names }: NamesOf): ReadonlyMap<string, Placed> {
  const placed = new Map<string, Placed>();
  const safe = (name: string, reason: 'encoded' | 'collision', why: string): void => {
    placed.set(name, { path: contentPath(directory, segmentFor(name) + SAFE_SUFFIX), reason, why });
  };
  const candidates: string[] = [];
  for (const name of new Set(names)) {
    const hostile = hostility(name);
    const reserved = hostile === undefined ? reservation(name) : undefined;
    if (hostile !== undefined) safe(name, 'encoded', hostile);
    else if (reserved !== undefined) safe(name, 'collision', reserved);
    else candidates.push(name);
  }
  const clashes = clashesAmong(candidates);
  for (const [name, why] of clashes) safe(name, 'collision', why);
  const natural = candidates.filter((name) => !clashes.has(name));
  const directories = new Set(natural.flatMap(prefixes));
  for (const name of natural) {
    const path = contentPath(directory, name);
    placed.set(name, directories.has(name) ? { path: path + LEAF_SUFFIX, reason: 'leaf' } : { path });
  }
  return placed;
}

/** Why no file can have this name, on any system (B7); undefined when one can. */
function hostility(name: string): string | undefined {
  if (name.includes('\\')) return 'has a backslash in it';
  const bytes = Buffer.byteLength(name);
  if (bytes > MAX_NAME_BYTES) return `has ${bytes} bytes, and a path has room for ${MAX_NAME_BYTES}`;
  for (const segment of name.split('/')) {
    if (segment === '') return 'has an empty segment, or a slash at an end';
    if (segment === '.' || segment === '..') return `has a segment "${segment}"`;
    const length = Buffer.byteLength(segment);
    if (length > MAX_SEGMENT_BYTES) return `has a segment of ${length} bytes, and a file name has room for ${MAX_SEGMENT_BYTES}`;
  }
  return undefined;
}

/** They meet nothing below data/, but a person who looks for one must not find another one (B10). */
const CONTROL_NAMES = new Set([MANIFEST, KEYMAP, DEFINITION].map(fold));
const RESERVED = /\.swamp-(meta\.json|leaf|name|v[0-9]+)$/;

/** Why the name is taken by the format itself (B10); undefined when it is not. */
function reservation(name: string): string | undefined {
  if (CONTROL_NAMES.has(fold(name))) return 'is the name of a control file';
  const segment = name.split('/').find((one) => RESERVED.test(fold(one)));
  return segment === undefined ? undefined : `has a segment that ends in ${RESERVED.exec(fold(segment))?.[0]}, which is reserved`;
}

/** What names look like to a file system that ignores case and Unicode forms. */
export function fold(text: string): string {
  return text.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFC');
}

/** Names whose path, or a directory on it, is written in another way by another name: all of each such group. */
function clashesAmong(names: readonly string[]): ReadonlyMap<string, string> {
  const spelled = new Map<string, Set<string>>();
  const spellings = (name: string): { readonly path: string; readonly folded: string }[] =>
    [...prefixes(name), name].map((path) => ({ path, folded: path.split('/').map(fold).join('\0') }));
  for (const name of names) {
    for (const { path, folded } of spellings(name)) {
      const known = spelled.get(folded);
      if (known === undefined) spelled.set(folded, new Set([path]));
      else known.add(path);
    }
  }
  const clashes = new Map<string, string>();
  for (const name of names) {
    const clash = spellings(name).find(({ folded }) => (spelled.get(folded)?.size ?? 0) > 1);
    if (clash === undefined) continue;
    const [first = '', second = ''] = [...(spelled.get(clash.folded) ?? [])].filter((path) => path !== clash.path).sort(byCodePoint);
    clashes.set(name, `differs from ${JSON.stringify(first)}${second === '' ? '' : ' and others'} by case or Unicode form only`);
  }
  return clashes;
}

/** `a` and `a/b` of `a/b/c`. */
function prefixes(name: string): string[] {
  const slashes = [...name.matchAll(/\//g)];
  return slashes.map(({ index }) => name.slice(0, index));
}

function clashingModels(models: readonly NamesOf[]): Offender[] {
  const spelled = new Map<string, string[]>();
  for (const { directory } of models) spelled.set(fold(directory), [...(spelled.get(fold(directory)) ?? []), directory]);
  const groups = [...spelled.values()].filter((group) => group.length > 1);
  return groups.flatMap((group) => group.map((model) => ({ model, name: '', reason: `is one of ${group.length} models whose names differ by case only` })));
}

/** How many offenders the message itself names. */
const NAMED = 3;

function offence(hostile: readonly Offender[], collisions: readonly Offender[]): SwampError {
  const order = (a: Offender, b: Offender): number => byCodePoint(a.model, b.model) || byCodePoint(a.name, b.name);
  const data = { hostileNames: hostile.toSorted(order), collisions: collisions.toSorted(order) };
  const all = [...data.hostileNames, ...data.collisions];
  const named = all.slice(0, NAMED).map(({ model, name, reason }) => `${name === '' ? '' : `${JSON.stringify(shorten(name))} of `}${model} ${reason}`);
  const more = all.length > NAMED ? `, and ${all.length - NAMED} more` : '';
  const flags = [hostile.length > 0 ? '--encode-names' : '', collisions.some(({ name }) => name !== '') ? '--rename-collisions' : ''].filter(
    (flag) => flag !== '',
  );
  const hint =
    flags.length === 0 ? 'Rename one of the models.' : `Rename them, or add ${flags.join(' and ')}: they get safe names, and a restore gives them back.`;
  const what = all.length === 1 ? 'A name cannot' : `${all.length} names cannot`;
  return new SwampError(hostile.length > 0 ? 'hostile_names' : 'collision', `${what} be written to a backup: ${named.join('; ')}${more}.`, { hint, data });
}

function shorten(name: string): string {
  return name.length <= 80 ? name : `${name.slice(0, 77)}...`;
}
