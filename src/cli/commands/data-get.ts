/** `swamp data get M NAME`: raw bytes to stdout or a file; with --json or --metadata what is known about them. */
import { isUtf8 } from 'node:buffer';
import { counted } from '../../fs/counted.js';
import { dataGet, dataGetRecord, type OpenData, requireInMemory } from '../../operations/data-get.js';
import { chunksOf, closeContent } from '../../store/content.js';
import { given, wholeNumber } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { print } from '../output.js';
import { metadata } from '../render/record.js';

export async function run({ args, json, openRepo, signal, silent }: Context): Promise<Outcome | undefined> {
  const input = { model: args.need('model'), name: args.need('name'), verify: args.has('verify'), ...given({ version: wholeNumber(args, 'version', 1) }) };
  const repo = openRepo();
  // Loaded only where the work may take long: a script that reads in a loop pays for every module.
  const progress = input.verify ? (await import('../progress.js')).createProgress({ silent }) : undefined;
  const options = { signal, ...given({ onProgress: progress?.phase('Verified') }) };
  if (args.has('metadata')) return metadata(await dataGetRecord(repo, input, options).finally(progress?.end));
  const data = await dataGet(repo, input, options).finally(progress?.end);
  try {
    return await give(data, { args, json, signal, silent, spared: repo.datastore });
  } finally {
    closeContent(data.content);
  }
}

async function give(
  { record, content }: OpenData,
  { args, json, signal, silent, spared }: Pick<Context, 'args' | 'json' | 'signal' | 'silent'> & { readonly spared: string },
): Promise<Outcome | undefined> {
  const chunks = chunksOf(content, record.name, signal);
  const file = args.text('output');
  if (file !== undefined && file !== '-') {
    const { isStdout, writeOutputFile } = await import('../output-file.js');
    if (!isStdout(file)) {
      const { createProgress } = await import('../progress.js');
      const progress = createProgress({ silent });
      const show = progress.phase('Wrote');
      const shown = counted(chunks, (bytes) => show({ bytes }, { bytes: record.size }));
      await writeOutputFile(file, shown, { signal, spared }).finally(progress.end);
      return json ? metadata(record) : undefined;
    }
  }
  if (json) {
    requireInMemory(record, 'Write it to a file with "-o FILE", or ask for what is known about it with --metadata.');
    return { result: { ...record, ...(await textOrBase64(chunks)) }, text: () => '' };
  }
  for await (const chunk of chunks) await print(chunk);
  return undefined;
}

async function textOrBase64(pieces: AsyncIterable<Uint8Array>): Promise<{ readonly content: string; readonly contentEncoding?: 'base64' }> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of pieces) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return isUtf8(bytes) ? { content: bytes.toString('utf8') } : { content: bytes.toString('base64'), contentEncoding: 'base64' };
}
