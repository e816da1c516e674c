/** The environment of a command that runs under a lock; for a method's: what the definition says, then the inputs of the run. Nothing is spliced into the command line. */
import { SwampError } from '../errors.js';
import { ANCESTORS_VARIABLE, type Repo } from '../repo.js';
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
 * The environment of this process for a command that runs under the run fence `own`: a nested swamp must know of that, and of those of
 * its ancestors (N1). A relative SWAMP_REPO_DIR would mean another place from another working directory.
 */
export function nestedEnvironment(repo: Pick<Repo, 'root' | 'ancestors'>, own: string): NodeJS.ProcessEnv {
  const base = process.env['SWAMP_REPO_DIR'] ? { ...process.env, SWAMP_REPO_DIR: repo.root } : process.env;
  return { ...base, [ANCESTORS_VARIABLE]: [...repo.ancestors, own].join(':') };
}

/** `base` (a nested environment), the method's own variables and the inputs, the later before the earlier; what is swamp's own is never taken from these. Throws `usage`. */
export function shellEnvironment(base: NodeJS.ProcessEnv, method: ShellMethod, inputs: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  checkInputs(inputs);
  return { ...base, ...method.env, ...inputs, [ANCESTORS_VARIABLE]: base[ANCESTORS_VARIABLE] };
}
