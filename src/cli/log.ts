/** Log lines on stderr, through LogTape. Loaded with the first message. */
import { configureSync, getLogger } from '@logtape/logtape';

export type Level = 'debug' | 'info' | 'warning';

export type Log = (level: Level, message: string) => void;

/** Sends every message to `sink`, with its level. Messages are text, never templates. */
export function openLog(sink: (level: string, message: string) => void): Log {
  configureSync({
    reset: true,
    sinks: { stderr: ({ level, message }) => sink(level, message.join('')) },
    loggers: [
      { category: 'swamp', lowestLevel: 'debug', sinks: ['stderr'] },
      { category: ['logtape', 'meta'], lowestLevel: 'fatal', sinks: ['stderr'] },
    ],
  });
  const logger = getLogger('swamp');
  return (level, message) => logger[level]('{message}', { message });
}
