/** The door for the items of a batch: each is judged like the input of an operation, and one that is refused is answered by its error. */
import { SwampError } from '../errors.js';
import { AtLine, type BatchItem, type DataBatchInput } from '../operations/batch-items.js';
import { accept } from './accept.js';
import { BATCH_ITEM } from './fields.js';

/** The items as they come; an Error in place of one that is none. */
export async function* acceptItems(items: DataBatchInput['items']): AsyncGenerator<BatchItem | AtLine | Error> {
  for await (const item of items) yield item instanceof AtLine ? new AtLine(item.line, accepted(item.item)) : accepted(item);
}

function accepted(item: BatchItem | Error): BatchItem | Error {
  if (item instanceof Error) return item;
  try {
    accept('An item', item, BATCH_ITEM);
    return item;
  } catch (error) {
    if (error instanceof SwampError) return error;
    throw error;
  }
}
