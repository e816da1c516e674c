/** How far long work over files has come: how much, how fast, how long still. */
import { createLive } from './live.js';
import { count, size } from './render/text.js';

/** `total`: bytes in all, where that is known. */
type Show = (done: { readonly files: number; readonly bytes: number }, total?: number) => void;

export interface Progress {
  /** Shows one phase; `verb`: what was done to the files so far, `Verified`. */
  readonly phase: (verb: string) => Show;
  readonly end: () => void;
}

/** What changes more often is not shown. Milliseconds. */
const INTERVAL_MS = 100;

export function createProgress({ silent }: { readonly silent: boolean }): Progress {
  const live = createLive({ silent });
  const phase = (verb: string): Show => {
    let began: number | undefined;
    let shown = 0;
    return ({ files, bytes }, total) => {
      const now = performance.now();
      began ??= now;
      if (now - shown < INTERVAL_MS) return;
      shown = now;
      const rate = now === began ? undefined : (bytes / (now - began)) * 1_000;
      const left = total === undefined || rate === undefined || rate === 0 || bytes > total ? '' : `, ${duration((total - bytes) / rate)} left`;
      live.show(`${verb} ${count(files, 'file')}, ${size(bytes)}${rate === undefined ? '' : `, ${size(Math.round(rate))}/s`}${left}\n`);
    };
  };
  return { phase, end: live.end };
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  return seconds < 3_600 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}
