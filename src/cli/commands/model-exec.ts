/** `swamp model exec M -- CMD ARG...`: prints nothing; the exit code is that of CMD. */
import { constants } from 'node:os';
import { modelExec } from '../../operations/model-exec.js';
import type { Context } from '../context.js';

export async function run({ args, openRepo, signal, passSignals }: Context): Promise<number> {
  const input = { model: args.need('model'), command: args.list('command-line'), create: args.has('create') };
  try {
    const result = await modelExec(openRepo(), input, { signal, onStart: passSignals });
    return result.exitCode ?? 128 + (result.signal === null ? 0 : constants.signals[result.signal]);
  } finally {
    passSignals(undefined);
  }
}
