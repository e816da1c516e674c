/** `swamp datastore lock status [--watch]` */
import { type LockRecord, lockStatus } from '../../operations/lock-status.js';
import { lockWatch } from '../../operations/lock-watch.js';
import type { Context, Outcome } from '../context.js';
import { print } from '../output.js';
import { lockFacts, lockLines, lockSummary, lockText } from '../render/locks.js';
import { openScreen } from '../screen.js';

export async function run(context: Context): Promise<Outcome | undefined> {
  if (context.args.has('watch')) return watch(context);
  const result = await lockStatus(context.openRepo());
  return { result, text: () => (result.locks.length === 0 ? 'No lock is held.\n' : lockText(result.locks, context.page)) };
}

/** Prints by itself until it is stopped. */
async function watch(context: Context): Promise<undefined> {
  if (context.json) await asDocuments(context);
  else if (process.stdout.isTTY && context.env['TERM'] !== 'dumb') await onScreen(context);
  else await asLines(context);
}

/** One document for each change; a heartbeat alone does not count. */
async function asDocuments({ openRepo, signal }: Context): Promise<void> {
  let told: string | undefined;
  for await (const { locks } of lockWatch(openRepo(), { signal })) {
    const state = JSON.stringify(locks.map(({ heartbeatAt: _, ...lock }) => lock));
    if (state !== told) await print(`${JSON.stringify({ at: new Date().toISOString(), locks })}\n`);
    told = state;
  }
}

/** One line for each fact that has become true, or is true no longer. */
async function asLines({ openRepo, signal }: Context): Promise<void> {
  let before: readonly string[] | undefined;
  for await (const { locks } of lockWatch(openRepo(), { signal })) {
    const facts = lockFacts(locks);
    const [gone, come] = [(before ?? []).filter((fact) => !facts.includes(fact)), facts.filter((fact) => before?.includes(fact) !== true)];
    const at = new Date().toISOString();
    const lines = [...gone.map((fact) => `${at} - ${fact}\n`), ...come.map((fact) => `${at} + ${fact}\n`)];
    if (before === undefined && facts.length === 0) lines.push(`${at}   No lock is held.\n`);
    if (lines.length > 0) await print(lines.join(''));
    before = facts;
  }
}

/** Until q or a signal; the last look stays on the terminal. */
async function onScreen(context: Context): Promise<void> {
  const { signal } = context;
  const repo = context.openRepo();
  const quit = new AbortController();
  const screen = openScreen({ colour: context.page.colour, onQuit: () => quit.abort() });
  let locks: readonly LockRecord[] = [];
  try {
    for await (const look of lockWatch(repo, { signal: AbortSignal.any([signal, quit.signal]) })) {
      locks = look.locks;
      const shown = locks;
      screen.show((columns) => [
        { text: `${lockSummary(shown)}  ${new Date().toTimeString().slice(0, 8)}` },
        { text: '' },
        ...lockLines(shown, columns),
        { text: '' },
        { text: 'q quits' },
      ]);
    }
  } finally {
    screen.end();
  }
  await print(locks.length === 0 ? 'No lock is held.\n' : lockText(locks, context.page));
}
