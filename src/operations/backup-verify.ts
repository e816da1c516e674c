/** `backup verify`: every finding of a backup in one run; reads all of it and changes nothing. */
import { requireBackupDirectory } from '../backup/directory.js';
import type { BackupCounts, BackupFinding } from '../backup/format.js';
import { type Checked, type VerifyOptions, verifyTree } from '../backup/verify/verify.js';
import { SwampError } from '../errors.js';

export interface BackupVerifyResult {
  /** Absolute. */
  readonly dir: string;
  readonly findings: readonly BackupFinding[];
  /** What was read. */
  readonly checked: Checked;
  /** What the manifest says; null when it cannot be read. */
  readonly formatVersion: number | null;
  readonly toolVersion: string | null;
  readonly repoId: string | null;
  readonly createdAt: string | null;
  readonly counts: BackupCounts | null;
  /** Of the backup that was named as its base; null without. */
  readonly base: Pick<BackupVerifyResult, 'dir' | 'findings'> | null;
}

/** Findings are the result, not an error: the caller decides (`verdictOf`). Throws `io` when the directory does not exist. */
export async function backupVerify(input: { readonly dir: string; readonly base?: string }, options: VerifyOptions): Promise<BackupVerifyResult> {
  const dir = requireBackupDirectory(input.dir);
  const base = input.base === undefined ? undefined : await backupVerify({ dir: input.base }, options);
  const { findings, manifest, checked } = await verifyTree(dir, options);
  return {
    dir,
    findings,
    checked,
    formatVersion: manifest?.formatVersion ?? null,
    toolVersion: manifest?.toolVersion ?? null,
    repoId: manifest?.repoId ?? null,
    createdAt: manifest?.createdAt ?? null,
    counts: manifest?.counts ?? null,
    base: base === undefined ? null : { dir: base.dir, findings: base.findings },
  };
}

/** What a backup with these findings is refused with: `checksum_mismatch` when all are `altered`, else `backup_invalid`. */
export function verdictOf({ dir, findings }: Pick<BackupVerifyResult, 'dir' | 'findings'>): SwampError | undefined {
  const [first] = findings;
  if (first === undefined) return undefined;
  const more = findings.length === 1 ? '' : `, and ${findings.length - 1} more`;
  const code = findings.every(({ kind }) => kind === 'altered') ? 'checksum_mismatch' : 'backup_invalid';
  return new SwampError(code, `${dir} is not a whole backup: ${first.path} ${first.message}${more}.`, {
    hint:
      code === 'checksum_mismatch' ? 'Take another copy of this backup, or another backup.' : 'Run "swamp backup verify" for everything that is wrong with it.',
    data: { dir, findings },
  });
}

/** Throws what `verdictOf` answers: for commands that go on with a whole backup only. */
export async function requireWholeBackup(dir: string, options: VerifyOptions): Promise<BackupVerifyResult> {
  const result = await backupVerify({ dir }, options);
  const verdict = verdictOf(result);
  if (verdict !== undefined) throw verdict;
  return result;
}
