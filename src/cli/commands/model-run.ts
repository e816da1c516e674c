/** `swamp model method run M METHOD` and `swamp model run M [METHOD]`: what the command prints goes to stderr as it comes. */
import { modelRun } from '../../operations/model-run.js';
import { given, milliseconds, pairs } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { relay } from '../output.js';
import { table } from '../render/text.js';

export async function run({ args, openRepo, signal }: Context): Promise<Outcome> {
  const input = {
    model: args.need('model'),
    ...given({ method: args.text('method'), inputs: pairs(args, 'input'), timeoutMs: milliseconds(args, 'timeout') }),
  };
  const result = await modelRun(openRepo(), input, { signal, onOutput: relay });
  const text = (): string => {
    const outputs = result.dataArtifacts.map(({ name, version, path }) => [name, version, path]);
    return `${result.modelName} ${result.method}: ${result.status} in ${result.durationMs} ms, exit code ${result.exitCode}\n${table(['NAME', 'VERSION', 'PATH'], outputs)}`;
  };
  return { result, text };
}
