/** How far long work over files has come: how much, how fast, how long still. */
import { createLive } from './live.js';
import { count, size } from './render/text.js';

export interface Progress {
  /** `total`: bytes in all, where that is known. */
  readonly show: (done: { readonly files: number; readonly bytes: number }, total?: number) => void;
  readonly end: () => void;
}

/** `verb`: what was done to the files so far, `Verified`. */
export function createProgress(verb: string, { silent }: { readonly silent: boolean }): Progress {
  const live = createLive({ silent });
  const began = performance.now();
  return {
    show: ({ files, bytes }, total) => {
      const seconds = (performance.now() - began) / 1_000;
      const rate = seconds > 0 ? bytes / seconds : 0;
      const left = total === undefined || rate === 0 ? '' : `, ${duration(Math.max(0, total - bytes) / rate)} left`;
      live.show(`${verb} ${count(files, 'file')}, ${size(bytes)}, ${size(Math.round(rate))}/s${left}\n`);
    },
    end: live.end,
  };
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  return seconds < 3_600 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}
