/**
 * Add one to a counter that many processes share, and print the new value.
 *
 *   node counter-exec.mjs MODEL NAME
 *
 * This program starts itself again under the run lock of the model, which is held from the read to the write: no other counter of this kind runs in
 * between. Every writer of the counter must hold it. counter.mjs shows the way without a lock.
 */
import { openRepo, SwampError } from 'swamp';

const [model, name, inside] = process.argv.slice(2);
const repo = openRepo();

if (inside === undefined) {
  const { exitCode } = await repo.model.exec({ model, command: [process.execPath, ...process.argv.slice(1), 'inside'], create: true });
  process.exitCode = exitCode ?? 1;
} else {
  const value = (await current()) + 1;
  await repo.data.put({ model, name, source: `${value}\n` });
  process.stdout.write(`${value}\n`);
}

async function current() {
  try {
    const found = await repo.data.get({ model, name });
    return Number(await found.text());
  } catch (error) {
    if (!(error instanceof SwampError) || error.code !== 'data_not_found') throw error;
    return 0;
  }
}
