/** A block of text on stderr that changes in place on a terminal, and is repeated now and then elsewhere. */
import { now } from '../timing.js';
import { clearBlock, isTerminal, showBlock, tell } from './output.js';

/** How often lines appear where they cannot be overwritten. Milliseconds. */
const PLAIN_INTERVAL_MS = 5_000;
/** Of a terminal that does not say. Columns. */
const WIDTH = 80;

export interface Live {
  /** Shows the block, in place of the one before. */
  show(text: string): void;
  /** Removes the block from a terminal. */
  end(): void;
}

export function createLive({ silent }: { readonly silent: boolean }): Live {
  if (silent) return { show: () => undefined, end: () => undefined };
  return isTerminal('stderr') ? onTerminal() : asLines();
}

function onTerminal(): Live {
  return {
    show: (text) => {
      const width = (process.stderr.columns || WIDTH) - 1;
      const lines = text.trimEnd().split('\n');
      showBlock(lines.map((line) => line.slice(0, width)));
    },
    end: clearBlock,
  };
}

function asLines(): Live {
  let last = now();
  return {
    show: (text) => {
      if (now() - last < PLAIN_INTERVAL_MS) return;
      last = now();
      tell(`${text.trimEnd().replaceAll(/\n/g, '; ').replaceAll(/ +/g, ' ')}\n`);
    },
    end: () => undefined,
  };
}
