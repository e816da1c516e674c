/** What commands report while they work: filtered by level at once, written through the log, which is loaded with the first notice. */
import { SwampError } from '../errors.js';
import type { Facts, Reporter } from '../repo.js';
import type { Args } from './args.js';
import type { Format } from './log.js';
import { tellLine } from './output.js';
import { printable } from './render/text.js';

/** From much to little. */
export const LEVELS = ['debug', 'info', 'warning', 'error', 'silent'] as const;
export const FORMATS = ['text', 'json'] as const;

export interface FlushableReporter extends Reporter {
  /** Resolves when everything reported so far is written. */
  flush(): Promise<void>;
}

export interface Logging {
  /** What is less than this is not reported. */
  readonly lowest: (typeof LEVELS)[number];
  readonly format: (typeof FORMATS)[number];
}

/** The level: --log-level, else -q or -v, else SWAMP_LOG_LEVEL, else info. The format: --log-format, else json with --json. Throws `usage` for a word that is neither. */
export function logging(args: Args, env: NodeJS.ProcessEnv): Logging {
  const flags = args.has('quiet') ? 'error' : args.has('verbose') ? 'debug' : undefined;
  const named = args.text('log-level') ?? flags ?? (env['SWAMP_LOG_LEVEL'] || 'info');
  const lowest = oneOf(LEVELS, named === 'warn' ? 'warning' : named, 'level');
  return { lowest, format: oneOf(FORMATS, args.text('log-format') ?? (args.has('json') ? 'json' : 'text'), 'format') };
}

function oneOf<T extends string>(known: readonly T[], word: string, what: string): T {
  const found = known.find((one) => one === word);
  if (found === undefined) throw new SwampError('usage', `There is no log ${what} ${JSON.stringify(word)}.`, { hint: `The ${what}s are ${known.join(', ')}.` });
  return found;
}

export function createReporter({ lowest, format }: Logging): FlushableReporter {
  let log: Promise<Reporter> | undefined;
  let written: Promise<void> = Promise.resolve();
  const report =
    (level: (typeof LEVELS)[number], method: keyof Reporter) =>
    (message: string, facts: Facts): void => {
      if (LEVELS.indexOf(level) < LEVELS.indexOf(lowest)) return;
      log ??= import('./log.js').then(({ openLog }) => openLog(LINES[format], tellLine));
      written = log.then((to) => to[method](message, facts));
    };
  return Object.freeze({ debug: report('debug', 'debug'), info: report('info', 'info'), warn: report('warning', 'warn'), flush: () => written });
}

const asText: Format = ({ level, message }) => `swamp: ${level === 'info' ? '' : `${level}: `}${printable(message.join(''))}`;

/** A fact of one of the names that every line has does not replace it. */
const asJson: Format = ({ category, level, message, properties, timestamp }) => {
  const common = { at: new Date(timestamp).toISOString(), level, category: category.join('.'), message: message.join('') };
  return JSON.stringify({ ...common, ...properties, ...common });
};

/** How a notice becomes a line in each format. */
export const LINES: Readonly<Record<Logging['format'], Format>> = Object.freeze({ text: asText, json: asJson });
