/** A schedule as a person reads it: who did what, in order; and as a text from which it is made again. */

import type { Access } from './conflicts.js';
import type { Schedule } from './explore.js';
import { replay } from './explore.js';
import { ROOT } from './host.js';
import type { Bench } from './laboratory.js';
import { titleOf } from './tasks.js';
import type { Step } from './world.js';

/** What SWAMP_SCHEDULE holds. */
export interface Replayable {
  readonly scenario: string;
  readonly schedule: Schedule;
}

/** The violation, the steps that lead to it, and how to see them again. */
export function reportOf(bench: Bench, message: string, schedule: Schedule): string {
  const again: Replayable = { scenario: bench.scenario.title, schedule };
  return [
    message,
    `Scenario: ${bench.scenario.title}. In the order of time:`,
    ...stepsOf(bench, schedule),
    `Once more: SWAMP_SCHEDULE='${JSON.stringify(again)}' npm run test:long -- integration/long/interleave`,
  ].join('\n');
}

/** Changes and syncs one by one; of looks in a row the last one, after which somebody else goes on or something changes. */
export function stepsOf(bench: Bench, schedule: Schedule): string[] {
  const lines: string[] = [];
  let looks: Step[] = [];
  const flush = (): void => {
    const last = looks.at(-1);
    if (last !== undefined) lines.push(lineOf(bench, last, looks.length > 1 ? ` (and ${looks.length - 1} looks before)` : ''));
    looks = [];
  };
  replay(
    bench.begin((step) => {
      if (looks[0]?.actor !== step.actor) flush();
      if (step.access.changes.length === 0 && step.access.call !== 'sync') looks.push(step);
      else {
        flush();
        lines.push(lineOf(bench, step, ''));
      }
    }),
    schedule,
  );
  flush();
  return lines;
}

function lineOf(bench: Bench, { actor, access, code }: Step, more: string): string {
  const { tasks } = bench.scenario;
  const task = tasks[actor];
  const who = task === undefined ? 'adversary' : `${actor} ${titleOf(task)}`;
  const longest = Math.max(9, ...tasks.map((one) => titleOf(one).length + 2));
  return `  ${who.padEnd(longest)} | ${access.call} ${pathsOf(access).map(shortened(bench)).join(' -> ')}${code === undefined ? '' : ` ${code}`}${more}`;
}

function pathsOf({ looks, listings, changes }: Access): readonly string[] {
  return changes.length > 0 ? changes : [...looks, ...listings];
}

/** Paths below the format directory; models by name, holders by the number of their process. */
function shortened({ modelIds }: Bench): (path: string) => string {
  return (path) => {
    let short = path.replace(`${ROOT}/.swamp/v3/`, '').replace(`${ROOT}/`, '');
    for (const [name, id] of modelIds) short = short.replaceAll(id, name);
    return short.replace(/x?[0-9a-f]{12}-[0-9a-f]{8}-1-[0-9]+-1([0-9]+)-7-[0-9a-f]{12}/g, (_, process: string) => `<process ${Number(process)}>`);
  };
}
