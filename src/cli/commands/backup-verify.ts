/** `swamp backup verify DIR`: prints what it found, and fails when there is something. */
import { join } from 'node:path';
import { type BackupVerifyResult, backupVerify, verdictOf } from '../../operations/backup-verify.js';
import { given } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { createProgress } from '../progress.js';
import { count, printable, size } from '../render/text.js';

export async function run({ args, signal, silent }: Context): Promise<Outcome> {
  const progress = createProgress({ silent });
  const input = { dir: args.need('dir'), ...given({ base: args.text('base') }) };
  const result = await backupVerify(input, { signal, onProgress: progress.phase('Verified') }).finally(progress.end);
  const error = verdictOf(result) ?? (result.base === null ? undefined : verdictOf(result.base));
  const outcome = { result, text: () => text(result) };
  return error === undefined ? outcome : { ...outcome, error };
}

function text({ dir, findings, checked, counts, createdAt, base }: BackupVerifyResult): string {
  const ofBase = (base?.findings ?? []).map(({ path, ...rest }) => ({ ...rest, path: join(base?.dir ?? '', path) }));
  const lines = [...ofBase, ...findings].map(({ path, kind, message }) => `${kind}: ${printable(path)} ${printable(message)}\n`).join('');
  const verdict = findings.length === 0 ? 'whole' : count(findings.length, 'finding');
  const of =
    counts === null ? '' : ` of ${createdAt}: ${count(counts.models, 'model')}, ${count(counts.artifacts, 'artifact')}, ${count(counts.versions, 'version')}`;
  return `${lines}${printable(dir)}${of}\nChecked ${count(checked.files, 'file')}, ${size(checked.bytes)}: ${verdict}\n`;
}
