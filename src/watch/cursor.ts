/** How far a watcher has come, as a text that it can go on from. */
import { SwampError } from '../errors.js';
import { isModelId } from '../layout/layout.js';
import { LOG_START, type Position, WHOLE } from '../store/changes.js';

/** A place in the change log of one model. */
export interface Place {
  /** The id of the log: another one says nothing about what this one would have. */
  readonly log: string;
  readonly position: Position;
}

/** By model id. A model that is not in it had no log yet: all of a log that is whole comes after it. */
export type Places = ReadonlyMap<string, Place>;

const HEAD = 'w1';

/** `w1:<model id>.<log>.<epoch>.<index>[.<taken>]:...`: letters, digits, colons, dots and dashes, which no shell changes. */
export function cursorOf(places: Places): string {
  return [HEAD, ...[...places].map(([modelId, place]) => `${modelId}.${textOf(place)}`)].join(':');
}

function textOf({ log, position: { epoch, index, taken } }: Place): string {
  return [log, epoch, index, ...(taken === WHOLE ? [] : [taken])].join('.');
}

/** Throws `usage`. */
export function parseCursor(text: string): Places {
  const [head, ...entries] = text.split(':');
  const places = entries.map((entry): readonly [string, Place] => {
    const [modelId = '', log = '', ...numbers] = entry.split('.');
    const [epoch = -1, index = -1, taken = WHOLE] = numbers.map((number) => (/^[0-9]{1,15}$/.test(number) ? Number(number) : -1));
    const wrong = !isModelId(modelId) || !/^[0-9a-f]+$/.test(log) || numbers.length > 3 || [epoch, index, taken].some((number) => number < 0) || taken > WHOLE;
    if (wrong) throw invalid(text);
    return [modelId, { log, position: { epoch, index, taken } }];
  });
  if (head !== HEAD) throw invalid(text);
  return new Map(places);
}

function invalid(text: string): SwampError {
  return new SwampError('usage', `--since takes the cursor of an event, or 0, not ${JSON.stringify(text.slice(0, 100))}.`, {
    hint: 'Take "cursor" from the last line that "swamp data watch --json" printed.',
  });
}

/** A place in no log: what the model holds comes first. */
export const NOWHERE: Place = Object.freeze({ log: '0', position: LOG_START });
