/** The environment of a method's command: what the definition says, then the inputs of the run. Nothing is spliced into the command line. */
import { SwampError } from '../errors.js';
import { ANCESTORS_VARIABLE } from '../repo.js';
import { type ShellMethod, variableProblem } from './definition.js';

/** Throws `usage` unless every input may become an environment variable. */
export function checkInputs(inputs: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(inputs)) {
    const problem = variableProblem(name) ?? (value.includes('\0') ? `the value of "${name}" has a NUL in it` : undefined);
    if (problem === undefined) continue;
    throw new SwampError('usage', `--input: ${problem}.`, {
      hint: 'Inputs become environment variables: letters, digits and "_", no digit first.',
      data: { input: name },
    });
  }
}

/**
 * `base` (the environment of this process), the method's own variables, the inputs, the later before the earlier, and the
 * run fences that a nested swamp must know of (N1): those are never taken from an input. Throws `usage`.
 */
export function shellEnvironment(
  base: NodeJS.ProcessEnv,
  method: ShellMethod,
  { inputs, ancestors }: { readonly inputs: Readonly<Record<string, string>>; readonly ancestors: readonly string[] },
): NodeJS.ProcessEnv {
  checkInputs(inputs);
  return { ...base, ...method.env, ...inputs, [ANCESTORS_VARIABLE]: ancestors.join(':') };
}
