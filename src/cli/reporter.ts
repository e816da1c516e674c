/** What commands tell while they work: filtered by level at once, written through the log, which is loaded with the first message. */
import { SwampError } from '../errors.js';
import type { Reporter } from '../repo.js';
import type { Args } from './args.js';
import type { Level, Log } from './log.js';
import { tellLine } from './output.js';
import { printable } from './render/text.js';

/** From much to little. */
const LEVELS = ['debug', 'info', 'warning', 'error', 'silent'] as const;

export interface FlushableReporter extends Reporter {
  /** Resolves when everything reported so far is written. */
  flush(): Promise<void>;
}

/** The lowest level that is told: --log-level, else -q or -v, else SWAMP_LOG_LEVEL, else info. Throws `usage` for a level that is none. */
export function logLevel(args: Args, env: NodeJS.ProcessEnv): (typeof LEVELS)[number] {
  const flags = args.has('quiet') ? 'error' : args.has('verbose') ? 'debug' : undefined;
  const named = args.text('log-level') ?? flags ?? (env['SWAMP_LOG_LEVEL'] || 'info');
  const wanted = named === 'warn' ? 'warning' : named;
  const level = LEVELS.find((known) => known === wanted);
  if (level === undefined) throw new SwampError('usage', `There is no log level ${JSON.stringify(named)}.`, { hint: `The levels are ${LEVELS.join(', ')}.` });
  return level;
}

export function createReporter(lowest: (typeof LEVELS)[number]): FlushableReporter {
  let log: Promise<Log> | undefined;
  let written: Promise<void> = Promise.resolve();
  const report = (level: Level, message: string): void => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(lowest)) return;
    log ??= import('./log.js').then(({ openLog }) => openLog(writeLine));
    written = log.then((to) => to(level, message));
  };
  return Object.freeze({
    debug: (message: string) => report('debug', message),
    info: (message: string) => report('info', message),
    warn: (message: string) => report('warning', message),
    flush: () => written,
  });
}

function writeLine(level: string, message: string): void {
  tellLine(`swamp: ${level === 'info' ? '' : `${level}: `}${printable(message)}\n`);
}
