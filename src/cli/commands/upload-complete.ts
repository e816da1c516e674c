/** `swamp data upload complete UPLOAD` */
import { uploadComplete } from '../../operations/upload-complete.js';
import { given, wholeNumber } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { versionText } from '../input.js';
import { createLive } from '../live.js';
import { size } from '../render/text.js';

/** How often a terminal is written to. Milliseconds. */
const SHOWN_MS = 100;

export async function run({ args, json, openRepo, signal }: Context): Promise<Outcome> {
  const input = { upload: args.need('upload'), ...given({ parts: wholeNumber(args, 'parts', 0) }) };
  const live = createLive({ silent: json || args.has('quiet') });
  const began = performance.now();
  let shown = began;
  const onProgress = (read: number, bytes: number): void => {
    const now = performance.now();
    if (now - shown < SHOWN_MS) return;
    shown = now;
    const rate = (read / (now - began)) * 1000;
    live.show(`Read ${size(read)} of ${size(bytes)}, ${size(Math.round(rate))}/s, ${Math.ceil((bytes - read) / rate)} s left\n`);
  };
  const result = await uploadComplete(openRepo(), input, { signal, onProgress }).finally(() => live.end());
  return { result, text: () => versionText(result) };
}
