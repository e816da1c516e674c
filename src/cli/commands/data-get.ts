/** `swamp data get M NAME`: raw bytes to stdout or a file; with --json or --metadata what is known about them. */
import { isUtf8 } from 'node:buffer';
import { type DataGetResult, dataGet } from '../../operations/data-get.js';
import { given, wholeNumber } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { print } from '../output.js';
import { fields, size, tagText } from '../render/text.js';

export async function run({ args, json, openRepo, signal }: Context): Promise<Outcome | undefined> {
  const input = { model: args.need('model'), name: args.need('name'), verify: args.has('verify'), ...given({ version: wholeNumber(args, 'version', 1) }) };
  const repo = openRepo();
  const data = await dataGet(repo, input, { signal });
  const file = args.text('output');
  if (args.has('metadata')) return metadata(data);
  if (file !== undefined && file !== '-') {
    const { writeOutputFile } = await import('../output-file.js');
    await writeOutputFile(file, data.openContent(), { signal, spared: repo.datastore });
    return json ? metadata(data) : undefined;
  }
  if (json) return { result: { ...data.record, ...textOrBase64(await whole(data)) }, text: () => '' };
  for await (const chunk of data.openContent() as AsyncIterable<Uint8Array>) await print(chunk);
  return undefined;
}

async function whole({ openContent }: DataGetResult): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of openContent() as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function textOrBase64(bytes: Buffer): { readonly content: string; readonly contentEncoding?: 'base64' } {
  return isUtf8(bytes) ? { content: bytes.toString('utf8') } : { content: bytes.toString('base64'), contentEncoding: 'base64' };
}

function metadata({ record }: DataGetResult): Outcome {
  const text = (): string =>
    fields([
      ['Name', record.name],
      ['Model', `${record.modelName} (${record.modelType}, ${record.modelId})`],
      ['Version', `${record.version}${record.isLatest ? ', the latest' : ''}`],
      ['Created', record.createdAt],
      ['Size', size(record.size)],
      ['Content type', record.contentType],
      ['Tags', tagText(record.tags)],
      ['Lifetime', record.lifetime],
      ['Keeps', record.garbageCollection],
      ['Generation', record.generation],
      ['SHA-256', record.checksum],
      ['Path', record.contentPath],
      ['Id', record.id],
    ]);
  return { result: record, text };
}
