/** `swamp demo`: a live table while it runs, a verdict at the end. */
import { type DemoOptions, type DemoResult, type DemoState, runDemo } from '../../demo/demo.js';
import { SwampError } from '../../errors.js';
import { wholeNumber } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { createLive } from '../live.js';
import { count, fields } from '../render/text.js';

export async function run({ args, signal, silent }: Context): Promise<Outcome> {
  const live = createLive({ silent });
  const options = {
    deletes: wholeNumber(args, 'deletes', 1) ?? 250,
    seconds: wholeNumber(args, 'seconds', 1) ?? 60,
    writers: wholeNumber(args, 'writers', 1) ?? 4,
  };
  const result = await runDemo({ ...options, signal, onProgress: (state) => live.show(stateText(state, options.deletes)) }).finally(() => live.end());
  if (result.verdict === 'passed') return { result, text: () => resultText(result, options) };
  throw new SwampError('internal', `The demo failed: ${result.problems.join(' ')}`, { hint: 'This is a bug of swamp; please report it.', data: { ...result } });
}

function stateText(state: DemoState, deletes: number): string {
  return fields([
    ['Time', `${Math.floor(state.elapsedMs / 1000)} s, about ${Math.ceil(state.leftMs / 1000)} s left`],
    ['Deletes', deletesText(state.won, state.deletes, deletes)],
    ...counts(state),
  ]);
}

function resultText(result: DemoResult, { deletes, seconds, writers }: Tried): string {
  const rows = fields([['Time', `${result.seconds} s`], ['Deletes', deletesText(result.deletesWon, result.deletes, deletes)], ...counts(result)]);
  const tried = `${count(result.deletesWon, 'delete')} against ${count(writers, 'writer')}`;
  const more =
    result.stoppedBy === 'seconds'
      ? `The time was up after ${seconds} s, at ${result.deletesWon} of ${count(deletes, 'delete')}; --seconds N gives it more.\n`
      : '';
  return `${rows}\nPassed: in ${tried} there was no error, every acknowledged version is there or was removed by a later delete, the store is clean, and no lock is left.\n${more}`;
}

type Tried = Pick<DemoOptions, 'deletes' | 'seconds' | 'writers'>;

/** Those that removed something are the ones that are asked for. */
function deletesText(won: number, made: number, asked: number): string {
  return `${won} of ${asked}${made > won ? `, and ${made - won} that found nothing` : ''}`;
}

function counts(state: Pick<DemoState, 'versions' | 'waits' | 'slowestMs' | 'errors'>): [string, string | number][] {
  return [
    ['Versions written', state.versions],
    ['Waits', state.waits],
    ['Slowest command', `${state.slowestMs} ms`],
    ['Errors', state.errors],
  ];
}
