/**
 * Notices as records of LogTape: the logger is `swamp.<topic>`, the properties are the facts. The host program configures where
 * they go; without a configuration nothing is written.
 */
import { getLogger } from '@logtape/logtape';
import type { Facts, Reporter } from '../repo.js';

function reportAs(level: 'info' | 'warning' | 'debug') {
  // The braces of a template are doubled: a message is text, and names may have braces.
  return (message: string, { topic, ...facts }: Facts): void => getLogger(['swamp', topic])[level](message.replaceAll(/[{}]/g, '$&$&'), facts);
}

export const LOGGERS: Reporter = Object.freeze({ info: reportAs('info'), warn: reportAs('warning'), debug: reportAs('debug') });
