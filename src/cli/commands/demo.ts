/** `swamp demo` */
import { runDemo } from '../../demo/demo.js';
import type { Context, Outcome } from '../context.js';

export async function run({ words, signal }: Context): Promise<Outcome> {
  const result = await runDemo(words, { signal });
  return { result, text: () => '' };
}
