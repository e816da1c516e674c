/**
 * Add one to a counter that many processes share, and print the new value.
 *
 *   node counter.mjs MODEL NAME
 *
 * Read, compute, and write only if nothing was written in between; else begin again. No increment is lost.
 */
import { text } from 'node:stream/consumers';
import { openRepo, SwampError } from 'swamp';

const [model, name] = process.argv.slice(2);
const { data } = openRepo();

for (;;) {
  const { version, value } = await current();
  try {
    await data.put({ model, name, source: [`${value + 1}\n`], create: true, expectVersion: version });
    process.stdout.write(`${value + 1}\n`);
    break;
  } catch (error) {
    // Another process was first.
    if (!(error instanceof SwampError) || error.code !== 'conflict') throw error;
  }
}

async function current() {
  try {
    const { record, openContent } = await data.get({ model, name });
    return { version: record.version, value: Number(await text(openContent())) };
  } catch (error) {
    if (!(error instanceof SwampError) || !['model_not_found', 'data_not_found'].includes(error.code)) throw error;
    return { version: 0, value: 0 };
  }
}
