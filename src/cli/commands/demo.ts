/** `swamp demo`: a live table while it runs, a verdict at the end. */
import { type DemoResult, type DemoState, runDemo } from '../../demo/demo.js';
import { SwampError } from '../../errors.js';
import { wholeNumber } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { createLive } from '../live.js';
import { fields } from '../render/text.js';

export async function run({ args, signal, silent }: Context): Promise<Outcome> {
  const live = createLive({ silent });
  const options = {
    seconds: wholeNumber(args, 'seconds', 1) ?? 60,
    writers: wholeNumber(args, 'writers', 1) ?? 4,
    deletes: wholeNumber(args, 'deletes', 0) ?? 250,
  };
  const result = await runDemo({ ...options, signal, onProgress: (state) => live.show(stateText(state)) }).finally(() => live.end());
  if (result.verdict === 'passed') return { result, text: () => resultText(result) };
  throw new SwampError('internal', `The demo failed: ${result.problems.join(' ')}`, { hint: 'This is a bug of swamp; please report it.', data: { ...result } });
}

function stateText(state: DemoState): string {
  return fields([
    ['Time', `${Math.floor(state.elapsedMs / 1000)} s`],
    ['Versions written', state.versions],
    ['Deletes', `${state.deletes}, of which ${state.won} removed something`],
    ['Waits', state.waits],
    ['Slowest command', `${state.slowestMs} ms`],
    ['Errors', state.errors],
  ]);
}

function resultText(result: DemoResult): string {
  const rows = fields([
    ['Time', `${result.seconds} s`],
    ['Versions written', result.versions],
    ['Deletes', `${result.deletes}, of which ${result.deletesWon} removed something`],
    ['Waits', result.waits],
    ['Slowest command', `${result.slowestMs} ms`],
    ['Errors', result.errors],
  ]);
  return `${rows}\nPassed: no error of any kind, every acknowledged version is there or was removed by a later delete, the store is clean, no lock is left.\n`;
}
