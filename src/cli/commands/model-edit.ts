/** `swamp model edit M`: in the editor of the person at the terminal, again until it is valid; elsewhere the new text comes from stdin. */
import { SwampError } from '../../errors.js';
import { modelEdit } from '../../operations/model-edit.js';
import { MAX_DEFINITION_BYTES } from '../../store/metadata.js';
import type { Context, Outcome } from '../context.js';
import { Desk, decoded } from '../desk.js';
import { standardInput } from '../input.js';
import { isTerminal } from '../output.js';
import { modelText } from './model-get.js';

export async function run(context: Context): Promise<Outcome> {
  const { args, openRepo, signal } = context;
  const repo = openRepo();
  const model = args.need('model');
  if (!isTerminal('stdin')) {
    const result = await modelEdit(repo, { model }, { signal, edit: async () => textFrom(standardInput()) });
    return { result, text: () => modelText(result) };
  }
  const desk = new Desk(context);
  try {
    const result = await modelEdit(repo, { model }, { signal, edit: (draft) => desk.edit(draft) });
    desk.clear();
    return { result, text: () => modelText(result) };
  } catch (error) {
    throw desk.keep(error);
  }
}

/** Throws `usage` when it is too large for a definition, or not UTF-8. */
async function textFrom(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > MAX_DEFINITION_BYTES)
      throw new SwampError('usage', `Standard input has more than ${MAX_DEFINITION_BYTES} bytes; no definition may.`, { hint: 'Is it the right file?' });
    chunks.push(chunk);
  }
  return decoded(Buffer.concat(chunks), 'Standard input');
}
