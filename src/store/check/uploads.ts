/** The unfinished uploads of a model: each has its record, and each part is what was sent. An unfinished one is not a finding, and not pending. */
import { join } from 'node:path';
import { SwampError } from '../../errors.js';
import { statusOf } from '../../fs/identity.js';
import { PARTS } from '../../layout/layout.js';
import type { Repo } from '../../repo.js';
import { hasIntent } from '../intent.js';
import { parseAs } from '../metadata.js';
import { isSum, partNumber, sumOf } from '../uploads/parts.js';
import { parseUploadEntry, type Standing, SUMS } from '../uploads/place.js';
import { UPLOAD, UPLOAD_RECORD } from '../uploads/record.js';
import { type Checker, type Look, lookAtObject } from './checker.js';
import type { Issue } from './kinds.js';
import { type Expected, openPlain, readPlain } from './plain.js';
import { digestFile, type OnBytes, recordIssue } from './version.js';

const INSIDE: Readonly<Record<string, Expected>> = { [UPLOAD_RECORD]: 'file', [PARTS]: 'directory', [SUMS]: 'directory' };

export async function checkUploadsOf(checker: Checker, modelId: string): Promise<void> {
  const { repo, counts } = checker;
  const isUpload = (name: string): Expected | undefined => (parseUploadEntry(repo, modelId, name) === undefined ? undefined : 'directory');
  for await (const entry of checker.entries(repo.layout.modelUploads(modelId), isUpload)) {
    const standing = parseUploadEntry(repo, modelId, entry);
    if (standing === undefined) continue;
    const { dir } = standing;
    await checker.look(dir, () => lookAtUpload(repo, modelId, standing));
    for await (const _ of checker.entries(dir, (name) => INSIDE[name]));
    for await (const _ of checker.entries(join(dir, SUMS), (name) => (isSum(name) ? 'file' : undefined)));
    for await (const name of checker.entries(join(dir, PARTS), (part) => (partNumber(part) === undefined ? undefined : 'file'))) {
      const onBytes: OnBytes = (bytes) => {
        counts.bytes += bytes;
        return checker.breathe();
      };
      await checker.look(join(dir, PARTS, name), () => lookAtPart(dir, name, onBytes));
    }
  }
}

/** Damage of the record is reported for the whole upload: without it nothing can become of its parts. */
function lookAtUpload(repo: Repo, modelId: string, { dir, holder }: Standing): Promise<Look> {
  return lookAtObject(dir, 'directory', (): Issue[] => {
    const missing = [UPLOAD_RECORD, PARTS, SUMS].find((name) => statusOf(join(dir, name)) === undefined);
    // A completion that died in the middle: the next holder of the data fence goes on.
    if (missing === PARTS && holder !== undefined && isBeingFinished(repo, modelId)) return [];
    if (missing !== undefined) return [{ path: dir, kind: 'missing_file', message: `is an upload without its ${missing}`, hint: HINT }];
    const plain = readPlain(join(dir, UPLOAD_RECORD));
    if ('issue' in plain) return [{ path: dir, kind: 'record_invalid', message: `is an upload whose record ${plain.issue.message}`, hint: HINT }];
    try {
      const record = parseAs(UPLOAD, plain.text, join(dir, UPLOAD_RECORD));
      if (record.modelId !== modelId) return [{ path: dir, kind: 'record_invalid', message: 'is an upload of another model', hint: HINT }];
    } catch (error) {
      return [{ path: dir, kind: 'record_invalid', message: `is an upload whose record ${recordIssue(join(dir, UPLOAD_RECORD), error).message}`, hint: HINT }];
    }
    return [];
  });
}

/** False for a fence that is damaged: that is a finding of the fence itself. */
function isBeingFinished(repo: Repo, modelId: string): boolean {
  try {
    return hasIntent(repo, modelId);
  } catch (error) {
    if (error instanceof SwampError) return false;
    throw error;
  }
}

const HINT = 'Abort it with "swamp data upload abort", and begin anew; "swamp datastore check --repair" sets it aside.';

function lookAtPart(dir: string, name: string, onBytes: OnBytes): Promise<Look> {
  const path = join(dir, PARTS, name);
  return lookAtObject(path, 'file', async () => {
    const opened = openPlain(path);
    if ('issue' in opened) return [opened.issue];
    try {
      const checksum = await digestFile(opened, onBytes);
      if (statusOf(join(dir, SUMS, sumOf({ number: Number(name), size: opened.size, checksum }))) !== undefined) return [];
      return [{ path, kind: 'checksum_mismatch', message: `has SHA-256 ${checksum}, and nothing like it was sent`, hint: PART_HINT }];
    } finally {
      opened.close();
    }
  });
}

const PART_HINT = 'Send this part again: "swamp data upload part".';
