/** `swamp datastore check`: prints what it found, and fails when there is damage. */
import { SwampError } from '../../errors.js';
import { type DatastoreCheckResult, datastoreCheck } from '../../operations/datastore-check.js';
import type { Context, Outcome } from '../context.js';
import { createLive } from '../live.js';
import { count, printable } from '../render/text.js';

export async function run({ args, json, openRepo, signal }: Context): Promise<Outcome> {
  const live = createLive({ silent: json || args.has('quiet') });
  const onProgress = (checked: DatastoreCheckResult['checked']): void => live.show(`Checked ${checkedText(checked)}\n`);
  const result = await datastoreCheck(openRepo(), {}, { signal, onProgress }).finally(() => live.end());
  const outcome = { result, text: () => text(result) };
  if (result.findings.length === 0) return outcome;
  const { findings } = result;
  return {
    ...outcome,
    error: new SwampError('corrupt', `${count(findings.length, 'finding')} in the datastore.`, {
      hint: 'Each finding tells the next step.',
      data: { findings },
    }),
  };
}

function text({ findings, pending, checked }: DatastoreCheckResult): string {
  const damage = findings.map(({ path, kind, message, hint }) => `${kind}: ${printable(path)} ${printable(message)}\n  ${printable(hint)}\n`);
  const later = pending.map(({ path, kind, message }) => `pending ${kind}: ${printable(path)} ${printable(message)}\n`);
  const verdict = findings.length === 0 ? 'no damage' : count(findings.length, 'finding');
  return `${damage.join('')}${later.join('')}Checked ${checkedText(checked)}: ${verdict}, ${later.length} pending\n`;
}

function checkedText(checked: DatastoreCheckResult['checked']): string {
  return Object.entries(checked)
    .map(([what, n]) => count(n, what.replace(/s$/, '')))
    .join(', ');
}
