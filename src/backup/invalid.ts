/** A backup that is not what it says it is: the findings, and the error that carries them. */
import { SwampError } from '../errors.js';
import { type BackupFinding, KEYMAP } from './format.js';

export function finding(kind: BackupFinding['kind'], path: string, message: string): BackupFinding {
  return { path, kind, message };
}

/** `backup_invalid`, with the finding as its data. */
export function invalid(found: BackupFinding): SwampError {
  return new SwampError('backup_invalid', `${found.path} ${found.message}.`, {
    hint: 'Run "swamp backup verify" for everything that is wrong with it.',
    data: { findings: [found] },
  });
}

/** The findings that an error of reading a backup carries; undefined for every other error. */
export function findingsOf(error: unknown): readonly BackupFinding[] | undefined {
  if (!(error instanceof SwampError) || error.code !== 'backup_invalid') return undefined;
  return error.data['findings'] as readonly BackupFinding[];
}

/** What `read` answers; a record that the store would call damaged is a finding of the backup, at `path` and, of many lines, at `line`. */
export function reading<T>(path: string, read: () => T, line?: number): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SwampError) || !['corrupt', 'name_invalid'].includes(error.code)) throw error;
    const message = error.message.replace(`${path} `, '').replace(/\.$/, '');
    throw invalid(finding(path === KEYMAP ? 'keymap' : 'manifest', path, line === undefined ? message : `line ${line}: ${message}`));
  }
}
