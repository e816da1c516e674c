/** How far long work has come, in one wording for every command: how much, of how much, how fast, how long still. */
import { now } from '../timing.js';
import { createLive } from './live.js';
import { count, size } from './render/text.js';

export interface Done {
  readonly bytes: number;
  readonly files?: number;
  readonly versions?: number;
  readonly artifacts?: number;
}

/** `total`: what there is in all, as far as it is known; a number: of bytes. */
export type Show = (done: Done, total?: Partial<Done> | number) => void;

export interface Progress {
  /** Shows one phase; `verb`: what was done so far, `Verified`. */
  readonly phase: (verb: string) => Show;
  readonly end: () => void;
}

/** What changes more often is not shown. Milliseconds. */
const INTERVAL_MS = 100;
/** Work that ends sooner shows nothing: a line that comes and goes at once only flickers. Milliseconds. */
const SILENT_MS = 500;

export function createProgress({ silent }: { readonly silent: boolean }): Progress {
  const live = createLive({ silent });
  const phase = (verb: string): Show => {
    // A phase begins with its first report: waiting for a lock, or the phase before it, is not part of its rate.
    let first: { readonly done: Done; readonly at: number } | undefined;
    let due = 0;
    return (done, total) => {
      const time = now();
      if (first === undefined) {
        first = { done, at: time };
        due = time + SILENT_MS;
      }
      if (time < due) return;
      due = time + INTERVAL_MS;
      const all = typeof total === 'number' ? { bytes: total } : total;
      live.show(`${progressText(verb, done, { total: all, from: first.done, ms: time - first.at })}\n`);
    };
  };
  return { phase, end: live.end };
}

export interface Course {
  readonly total?: Partial<Done> | undefined;
  /** How far the work was `ms` ago; at nothing without it. */
  readonly from?: Done;
  readonly ms: number;
}

/** `Verified 3 of 7 files, 1.2 GB of 3.0 GB, 130 MB/s, 14 s left` */
export function progressText(verb: string, done: Done, { total = {}, from, ms }: Course): string {
  const since = (unit: keyof Done): number => (done[unit] ?? 0) - (from?.[unit] ?? 0);
  const counts = (['versions', 'artifacts', 'files'] as const).flatMap((unit) => {
    const n = done[unit];
    const all = total[unit];
    if (n === undefined) return [];
    return [all === undefined ? count(n, unit.slice(0, -1)) : `${n} of ${count(all, unit.slice(0, -1))}`];
  });
  const { bytes } = done;
  const amount = total.bytes === undefined || total.bytes < bytes ? size(bytes) : `${size(bytes)} of ${size(total.bytes)}`;
  const unit = (['bytes', 'versions', 'artifacts', 'files'] as const).find((one) => (total[one] ?? 0) >= (done[one] ?? 0) && since(one) > 0);
  const left = unit === undefined ? [] : [`${duration((((total[unit] ?? 0) - (done[unit] ?? 0)) / since(unit)) * (ms / 1_000))} left`];
  const rate = since('bytes') <= 0 ? [] : [`${size((since('bytes') / Math.max(ms, 1)) * 1_000)}/s`];
  return `${verb} ${[...counts, ...(bytes === 0 && counts.length > 0 ? [] : [amount]), ...rate, ...left].join(', ')}`;
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  return seconds < 3_600 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}
