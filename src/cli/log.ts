/** The program's configuration of LogTape: every notice goes to stderr. Loaded with the first notice. */
import { configureSync, type LogRecord } from '@logtape/logtape';
import { LOGGERS } from '../library/loggers.js';
import type { Reporter } from '../repo.js';

/** One line, without its end. */
export type Format = (record: Pick<LogRecord, 'category' | 'level' | 'message' | 'properties' | 'timestamp'>) => string;

/** Where notices go in: each becomes a line for `write`. */
export function openLog(format: Format, write: (line: string) => void): Reporter {
  configureSync({
    reset: true,
    sinks: { stderr: (record) => write(`${format(record)}\n`) },
    loggers: [
      { category: 'swamp', lowestLevel: 'debug', sinks: ['stderr'] },
      { category: ['logtape', 'meta'], lowestLevel: 'fatal', sinks: ['stderr'] },
    ],
  });
  return LOGGERS;
}
