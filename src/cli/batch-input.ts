/** The items of a batch in lines of JSON. */
import { SwampError } from '../errors.js';
import { descriptorNamed } from '../fs/descriptors.js';
import { acceptItems } from '../library/batch.js';
import { AtLine, type BatchItem, type DataBatchInput } from '../operations/batch-items.js';
import { type JsonLine, jsonLinesOf, objectIn, sourceOfField } from './ndjson.js';

const STDIN = 0;

/** The items in the lines of a stream; a line that holds none is an Error in its place. */
export function itemsIn(source: AsyncIterable<Uint8Array>, defaults: Partial<BatchItem>): DataBatchInput['items'] {
  return acceptItems(inLines(source, defaults));
}

async function* inLines(source: AsyncIterable<Uint8Array>, defaults: Partial<BatchItem>): AsyncGenerator<AtLine> {
  for await (const line of jsonLinesOf(source)) yield new AtLine(line.number, itemIn(line, defaults));
}

function itemIn(line: JsonLine, defaults: Partial<BatchItem>): BatchItem | Error {
  try {
    const { text, value } = objectIn(line);
    // What is in it is judged where it is stored.
    const item = { ...defaults, ...value } as BatchItem;
    if (typeof item.file === 'string' && descriptorNamed(item.file) === STDIN)
      return new SwampError('usage', 'The items themselves come from standard input.', { hint: 'Name another file.' });
    return item.json === undefined || CONTENTS.some((name) => item[name] !== undefined) ? item : asWritten(item, text);
  } catch (error) {
    if (error instanceof SwampError) return error;
    throw error;
  }
}

const CONTENTS = ['content', 'contentBase64', 'file'] as const;

/** JSON is stored as it is in the line: read and written again, a large number would be another one. */
function asWritten({ json: _, ...item }: BatchItem, text: string): BatchItem {
  return { ...item, content: sourceOfField(text, 'json') ?? '', contentType: item.contentType ?? 'application/json' };
}
