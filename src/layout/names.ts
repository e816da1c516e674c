/**
 * Artifact name <-> one directory segment: injective, also where the file system folds case or Unicode forms.
 *
 * a-z 0-9 . _ - stay; A-Z become ^a-^z; every other byte of the UTF-8 form becomes %xx (lower-case hex), so does a
 * leading dot. A segment above 200 bytes becomes a readable prefix, `%~` (which no encoding produces), and the SHA-256
 * of the name; its full name is in artifact.json.
 */
import { createHash } from 'node:crypto';
import { SwampError } from '../errors.js';

const MAX_NAME_BYTES = 1024;
const MAX_SEGMENT_BYTES = 200;
const PREFIX_BYTES = 100;
const MARKER = '%~';
const PLAIN = /^[a-z0-9._-]$/;

/** Throws `name_invalid` unless `name` has 1 to 1,024 bytes of valid UTF-8 without NUL. */
export function checkArtifactName(name: string): void {
  const refuse = (why: string): never => {
    throw new SwampError('name_invalid', `The artifact name ${JSON.stringify(shorten(name))} ${why}.`, {
      hint: 'A name has 1 to 1,024 bytes of UTF-8 and no NUL; slashes, dots, spaces and newlines are fine.',
      data: { name: shorten(name) },
    });
  };
  if (name === '') refuse('is empty');
  if (name.includes('\0')) refuse('has a NUL in it');
  if (!name.isWellFormed() || name.includes('�')) refuse('is not valid UTF-8');
  const bytes = Buffer.byteLength(name);
  if (bytes > MAX_NAME_BYTES) refuse(`has ${bytes} bytes`);
}

/** True when `name` is one that an artifact can have. */
export function isArtifactName(name: string): boolean {
  try {
    checkArtifactName(name);
    return true;
  } catch (error) {
    if (error instanceof SwampError) return false;
    throw error;
  }
}

/** The directory segment of a name, at most 200 bytes. Throws `name_invalid`. */
export function segmentFor(name: string): string {
  checkArtifactName(name);
  const units: string[] = [];
  for (const byte of Buffer.from(name)) units.push(encodeByte(byte, units.length === 0));
  const segment = units.join('');
  if (segment.length <= MAX_SEGMENT_BYTES) return segment;
  let prefix = '';
  for (const unit of units) {
    if (prefix.length + unit.length > PREFIX_BYTES) break;
    prefix += unit;
  }
  return prefix + MARKER + createHash('sha256').update(name).digest('hex');
}

/** True when the artifact `name` is in the directory `segment`; no name that none can have does. */
export function isNameOf(name: string, segment: string): boolean {
  return isArtifactName(name) && segmentFor(name) === segment;
}

/** True for a segment whose name must be read from artifact.json. */
export function isHashedSegment(segment: string): boolean {
  return segment.includes(MARKER);
}

/** True for a segment that an artifact name can have. */
export function isSegment(segment: string): boolean {
  return /%~[0-9a-f]{64}$/.test(segment) || nameOf(segment) !== undefined;
}

/** True for the name of a file `<segment>.json`. */
export function isRecordName(file: string): boolean {
  return file.endsWith('.json') && isSegment(file.slice(0, -'.json'.length));
}

/** The name of a segment that is not hashed; undefined when no name has this segment. */
export function nameOf(segment: string): string | undefined {
  const bytes: number[] = [];
  for (let i = 0; i < segment.length; i++) {
    const c = segment.charAt(i);
    if (c === '^') bytes.push(segment.charCodeAt(++i) - 32);
    else if (c === '%') {
      bytes.push(Number.parseInt(segment.slice(i + 1, i + 3), 16));
      i += 2;
    } else bytes.push(c.charCodeAt(0));
  }
  if (bytes.some((byte) => !(byte >= 0 && byte <= 255))) return undefined;
  const name = Buffer.from(bytes).toString();
  try {
    return segmentFor(name) === segment ? name : undefined;
  } catch (error) {
    if (error instanceof SwampError) return undefined;
    throw error;
  }
}

function encodeByte(byte: number, first: boolean): string {
  const c = String.fromCharCode(byte);
  if (byte < 128 && PLAIN.test(c) && !(first && c === '.')) return c;
  if (byte >= 65 && byte <= 90) return `^${c.toLowerCase()}`;
  return `%${byte.toString(16).padStart(2, '0')}`;
}

function shorten(name: string): string {
  return name.length <= 80 ? name : `${name.slice(0, 77)}...`;
}
