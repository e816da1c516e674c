/** `swamp model get M` */
import { type ModelGetResult, modelGet } from '../../operations/model-get.js';
import type { Context, Outcome } from '../context.js';
import { fields, tagText } from '../render/text.js';

export async function run({ args, openRepo }: Context): Promise<Outcome> {
  const result = await modelGet(openRepo(), { model: args.need('model') });
  return { result, text: () => modelText(result) };
}

/** A model for people. */
export function modelText(result: ModelGetResult): string {
  return fields([
    ['Name', result.name],
    ['Type', result.type],
    ['Id', result.id],
    ['Path', result.path],
    ['Tags', tagText(result.tags)],
    ['Retention', tagText({ ...result.retention })],
    ['Methods', Object.keys(result.methods).join(', ') || undefined],
  ]);
}
