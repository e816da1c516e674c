/** Several processes that want one lock: how long it takes from hand to hand, and whether each gets its turn. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { told } from './program.js';
import { createModel, put, type TestRepo, tempRepo } from './repo.js';
import { finished, type Running, startProgram } from './swamp.js';

/** One turn of one process, on the clock that all processes share. */
export interface Turn {
  readonly asked: number;
  readonly entered: number;
  readonly left: number;
}

export type Kind = 'writer' | 'structural';

const HOLD_MS = 5;

/** Lets the processes contend; the turns of each. `times` ends them after so many turns, `seconds` after so long. The clock of the last is `aheadMs` ahead. */
export async function contend(repo: TestRepo, modelId: string, kinds: readonly Kind[], { times = 0, seconds = 0, aheadMs = 0 }): Promise<Turn[][]> {
  const options = { stdin: 'open', timeoutMs: (seconds + 60) * 1_000 } as const;
  const processes = kinds.map((kind, i) => {
    const env = i === kinds.length - 1 && aheadMs > 0 ? { NODE_OPTIONS: clockAhead(aheadMs) } : {};
    return startProgram(repo, 'contender', [modelId, kind, String(HOLD_MS), String(times)], { ...options, env });
  });
  await Promise.all(processes.map((running) => running.says(/ready/)));
  for (const running of processes) running.write('go\n');
  if (seconds > 0) await delay(seconds * 1_000);
  if (times === 0) for (const running of processes) running.closeStdin();
  return Promise.all(processes.map(turnsOf));
}

/** An option of Node that sets a process's wall clock ahead. */
function clockAhead(ms: number): string {
  const program = `const D = Date; globalThis.Date = class extends D { constructor(...args) { super(...(args.length > 0 ? args : [D.now() + ${ms}])); } static now() { return D.now() + ${ms}; } };`;
  return `--import=data:text/javascript,${encodeURIComponent(program)}`;
}

async function turnsOf(running: Running): Promise<Turn[]> {
  return told<Turn>((await finished(running)).stdout);
}

/** From the end of one holder's work to the begin of the next one's who was waiting by then; ascending, milliseconds. */
export function handOffs(turns: readonly (readonly Turn[])[]): number[] {
  const all = turns.flat().sort((a, b) => a.entered - b.entered);
  return all
    .flatMap((turn, i) => {
      const before = all[i - 1];
      return before === undefined || turn.asked > before.left ? [] : [turn.entered - before.left];
    })
    .sort((a, b) => a - b);
}

export function median(sorted: readonly number[]): number {
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** L6: nobody is starved: not by a stream of the other kind, nor by his own. */
export async function expectFair(t: TestContext, kinds: readonly Kind[], seconds: number, aheadMs = 0): Promise<void> {
  const repo = await tempRepo(t);
  const modelId = await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'seed');
  const turns = await contend(repo, modelId, kinds, { seconds, aheadMs });
  const waits = turns.map((own) => Math.max(...own.map(({ asked, entered }) => entered - asked)));
  for (const [i, own] of turns.entries()) t.diagnostic(`${kinds[i]}: ${own.length} turns, longest wait ${Math.round(waits[i] ?? 0)} ms`);
  for (const kind of new Set(kinds)) {
    const counts = turns.filter((_, i) => kinds[i] === kind).map(({ length }) => length);
    // Of those who want the same, none gets less than a third of what the luckiest gets.
    assert.ok(Math.min(...counts) * 3 >= Math.max(...counts), `${kind}: ${counts.join(', ')} turns`);
  }
  // In the worst order everybody else has one turn before us: whoever waits for longer than half the time is starved.
  assert.ok(Math.max(...waits) < seconds * 500, `somebody waited for ${Math.max(...waits)} ms`);
}
