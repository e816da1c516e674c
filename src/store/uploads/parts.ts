/** The parts of an upload: each is staged whole, then renamed over its predecessor; and the look at all of them that a completion makes. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, SwampError } from '../../errors.js';
import { createEmpty, rename, syncDir } from '../../fs/durable.js';
import { failpoint } from '../../fs/failpoints.js';
import { reach } from '../../fs/reach.js';
import { exists, listStore } from '../../fs/tree.js';
import { PARTS } from '../../layout/layout.js';
import { openStaging, type Session } from '../../locks/session.js';
import { closeContent, digestContent, openContent, partMismatch } from '../content.js';
import type { Part } from '../metadata.js';
import { type Source, writeContent } from '../stage.js';
import { SUMS, uploadNotFound } from './place.js';

/** As many parts as S3 allows. */
export const MAX_PARTS = 10_000;

/** The number in a part's file name; undefined for what is not a part. */
export function partNumber(name: string): number | undefined {
  return /^[1-9][0-9]{0,4}$/.test(name) && Number(name) <= MAX_PARTS ? Number(name) : undefined;
}

/** The name in sums/ that says what a part is. */
export function sumOf({ number, size, checksum }: Part): string {
  return `${number}.${size}.${checksum}`;
}

export function isSum(name: string): boolean {
  const match = /^([0-9]+)\.(0|[1-9][0-9]{0,15})\.[0-9a-f]{64}$/.exec(name);
  return match !== null && partNumber(match[1] ?? '') !== undefined;
}

/**
 * Streams `source` into the part `number` of an upload; no lock is held. Its digest is in sums/ before it appears by
 * one rename, so after a race the last one is there, whole, and either can be distinguished from damage. Throws
 * `upload_not_found` when the upload was completed or aborted meanwhile: then the rename has no destination; and what `check` throws
 * of the size, before anything appears.
 */
export async function putPart(
  session: Session,
  upload: { readonly modelId: string; readonly id: string },
  number: number,
  source: Source,
  { signal, check }: { readonly signal: AbortSignal; readonly check?: (size: number) => void },
): Promise<Part> {
  const { repo } = session;
  const dir = repo.layout.upload(upload.modelId, upload.id);
  const staged = join(await openStaging(session), 'part');
  const part = { number, ...(await writeContent(staged, source, signal)) };
  check?.(part.size);
  await failpoint('part.staged');
  let placed = false;
  // A completion that fails puts the upload back: then it takes this part after all.
  for (let look = 1; ; look++) {
    try {
      for (const place of [SUMS, PARTS]) reach(join(dir, place));
      createEmpty(join(dir, SUMS, sumOf(part)));
      await syncDir(join(dir, SUMS));
      if (!placed) await rename(staged, join(dir, PARTS, String(number)));
      placed = true;
      await syncDir(join(dir, PARTS));
      return part;
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      await failpoint('part.missed');
      const missing = uploadNotFound(repo, upload.id);
      if (!exists(dir)) throw missing;
      if (look === LOOKS || (!placed && !exists(staged))) throw error;
    }
  }
}

/** An upload may come and go this often while a part arrives. */
const LOOKS = 100;

/** What is in parts/, by number; the digests are not read. Undefined when the upload has gone. Throws `corrupt` for what is not a part. */
export function partsIn(dir: string): { readonly number: number; readonly size: number }[] | undefined {
  const names = listStore(join(dir, PARTS));
  const parts = names?.flatMap((name) => {
    const number = partNumber(name);
    const status = lstatSync(join(dir, PARTS, name), { throwIfNoEntry: false });
    if (number !== undefined && status?.isFile() === true) return [{ number, size: status.size }];
    if (status === undefined) return [];
    throw new SwampError('corrupt', `${join(dir, PARTS, name)} is not a part of an upload.`, {
      hint: 'Run "swamp datastore check".',
      data: { path: join(dir, PARTS, name) },
    });
  });
  return parts?.sort((a, b) => a.number - b.number);
}

/** Told how many of how many bytes were read. */
export type OnProgress = (read: number, bytes: number) => void;

/** What an upload becomes. */
export interface Assembled {
  readonly size: number;
  readonly checksum: string;
  readonly parts: readonly Part[];
}

/**
 * B5: the parts are exactly 1 to `declared` (without it: 1 to the highest there is, at least one), and each is what was
 * sent. Reads everything once, in bounded memory. Throws `incomplete_chunks`, `checksum_mismatch`, each with artifact and part.
 */
export async function assemble(
  dir: string,
  told: { readonly id: string; readonly name: string; readonly declared: number | undefined },
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress?: OnProgress | undefined },
): Promise<Assembled> {
  const { name } = told;
  // The sender of a part may have died, or found its upload gone, before its rename was durable.
  await syncDir(join(dir, PARTS));
  const found = partsIn(dir) ?? [];
  requireComplete(
    found.map(({ number }) => number),
    told,
  );
  const sums = new Set(listStore(join(dir, SUMS)) ?? []);
  const content = openContent(dir, { parts: found.map((part) => ({ ...part, checksum: '' })) }, name);
  if (content === undefined) throw new SwampError('corrupt', `A part in ${dir} went away.`, { hint: 'Run "swamp datastore check".', data: { path: dir } });
  try {
    const bytes = found.reduce((sum, part) => sum + part.size, 0);
    const { size, checksum, parts: digests } = await digestContent(content, name, { signal, onBytes: (read) => onProgress?.(read, bytes) });
    const parts = found.map((part, i) => ({ ...part, checksum: digests[i] ?? '' }));
    const altered = parts.find((part) => !sums.has(sumOf(part)));
    if (altered === undefined) return { size, checksum, parts };
    const expected = [...sums].filter((sum) => sum.startsWith(`${altered.number}.`)).map((sum) => sum.split('.')[2]);
    throw partMismatch({
      name,
      path: join(dir, PARTS, String(altered.number)),
      part: altered.number,
      found: `SHA-256 ${altered.checksum}`,
      expected: expected.join(' or ') || 'none',
      hint: `Send it again: swamp data upload part ${told.id} ${altered.number} FILE`,
    });
  } finally {
    closeContent(content);
  }
}

/** So many of the missing numbers are listed. */
const TOLD = 100;

function requireComplete(
  found: readonly number[],
  { id, name, declared }: { readonly id: string; readonly name: string; readonly declared: number | undefined },
): void {
  const last = declared ?? found.at(-1) ?? 1;
  const present = new Set(found);
  const missing = Array.from({ length: last }, (_, i) => i + 1).filter((number) => !present.has(number));
  const extra = found.filter((number) => number > last);
  if (missing.length === 0 && extra.length === 0) return;
  const numbers = (list: readonly number[]): string =>
    `${list.length === 1 ? 'part' : 'parts'} ${list.slice(0, 5).join(', ')}${list.length > 5 ? ', ...' : ''}`;
  const wrong = [
    ...(missing.length > 0 ? [`${numbers(missing)} ${missing.length === 1 ? 'is' : 'are'} missing`] : []),
    ...(extra.length > 0 ? [`${numbers(extra)} ${extra.length === 1 ? 'is' : 'are'} beyond the ${last} declared`] : []),
  ];
  throw new SwampError('incomplete_chunks', `The upload of ${JSON.stringify(name)} is not complete: ${wrong.join(', and ')}.`, {
    hint: missing.length > 0 ? `Send it: swamp data upload part ${id} ${missing[0]} FILE` : `Complete it with --parts ${found.at(-1)}, or abort it.`,
    data: { uploadId: id, name, part: missing[0] ?? extra[0], missing: missing.slice(0, TOLD), extra: extra.slice(0, TOLD), present: found.length },
  });
}
