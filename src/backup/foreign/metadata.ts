/** The metadata.yaml of a version of swamp-club's swamp as the record of one of this program. */
import { isArtifactName } from '../../layout/names.js';
import { textField } from '../../models/yaml.js';
import { DEFAULT_GC, DEFAULT_LIFETIME, parseGc, parseLifetime } from '../../store/lifetimes.js';
import type { VersionMetadata } from '../../store/metadata.js';
import { fieldsOf, mappingIn, textsIn, wrongIn } from './yaml.js';

/** Size and checksum as they were written down; absent where they were not. */
export type ForeignMetadata = Omit<VersionMetadata, 'commit' | 'size' | 'checksum' | 'parts'> & Partial<Pick<VersionMetadata, 'size' | 'checksum'>>;

type Read =
  | { readonly problem: string }
  | {
      /** Undefined for a mark. */
      readonly metadata: ForeignMetadata | undefined;
      readonly mark: { readonly at: string; readonly renamedTo: string | undefined } | undefined;
      readonly notes: readonly string[];
    };

/** `notes`: what of it is left out. */
export function readForeignMetadata(text: string, path: string, at: { readonly name: string; readonly number: number }): Read {
  const reading = fieldsOf(text, path);
  if (typeof reading === 'string') return { problem: reading };
  const { source, fields } = reading;
  const textOf = (key: string): string | undefined => (fields.get(key)?.node === null ? undefined : textField(source, fields.get(key)));
  const [id, name, version, createdAt, contentType] = ['id', 'name', 'version', 'createdAt', 'contentType'].map(textOf);
  const [lifetime, gc, lifecycle, renamedTo] = ['lifetime', 'garbageCollection', 'lifecycle', 'renamedTo'].map(textOf);
  const [size, checksum] = [textOf('size'), textOf('checksum')];
  const tags = textsIn(reading, fields.get('tags'));
  const owned = mappingIn(reading, 'ownerDefinition');
  const [ownerType, ownerRef] = ['ownerType', 'ownerRef'].map((key) => textField(source, owned.get(key)));
  if (source.found.length > 0) return { problem: wrongIn(source) };
  if (name !== at.name || version !== String(at.number)) return { problem: 'says that it is another version, or of another artifact' };
  const time = Date.parse(createdAt ?? '');
  if (Number.isNaN(time)) return { problem: 'does not say when it was made' };
  if (size !== undefined && !/^(0|[1-9][0-9]{0,15})$/.test(size)) return { problem: 'has a size that is not a number of bytes' };
  if (checksum !== undefined && !/^[0-9a-f]{64}$/.test(checksum)) return { problem: 'has a checksum that is not SHA-256' };
  const made = new Date(time).toISOString();
  if (lifecycle === 'deleted') {
    if (renamedTo !== undefined && !isArtifactName(renamedTo)) return { problem: 'was renamed to a name that an artifact cannot have' };
    return { metadata: undefined, mark: { at: made, renamedTo }, notes: [] };
  }
  const notes: string[] = [];
  const rule = (given: string | undefined, valid: boolean, other: string): string => {
    if (given !== undefined && !valid) notes.push(`its rule "${given}" is not known here; it is kept as ${other}`);
    return given !== undefined && valid ? given : other;
  };
  const others = [...owned.keys()].filter((key) => key !== 'ownerType' && key !== 'ownerRef');
  if (others.length > 0) notes.push(`of its owner is left out: ${others.join(', ')}`);
  return {
    metadata: {
      id: id ?? '',
      contentType: contentType ?? 'application/octet-stream',
      lifetime: rule(lifetime, parseLifetime(lifetime ?? '') !== undefined, DEFAULT_LIFETIME),
      garbageCollection: rule(gc, parseGc(gc ?? '') !== undefined, DEFAULT_GC),
      tags,
      ownerDefinition: { ownerType: ownerType ?? 'manual', ownerRef: ownerRef ?? 'repo import' },
      createdAt: made,
      ...(size === undefined ? {} : { size: Number(size) }),
      ...(checksum === undefined ? {} : { checksum }),
    },
    mark: undefined,
    notes,
  };
}
