/** `swamp model exec M -- CMD ARG...`: prints nothing; the exit code is that of CMD. */
import { modelExec } from '../../operations/model-exec.js';
import type { Context } from '../context.js';

export async function run({ args, openRepo, signal, passSignals, endBy }: Context): Promise<number> {
  const input = { model: args.need('model'), command: args.list('command-line'), create: args.has('create') };
  try {
    const result = await modelExec(openRepo(), input, { signal, onStart: passSignals });
    return result.signal === null ? (result.exitCode ?? 128) : endBy(result.signal);
  } finally {
    passSignals(undefined);
  }
}
