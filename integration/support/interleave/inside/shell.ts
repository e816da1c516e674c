/** In the place of src/models/shell.ts: a command is a list of `put <model> <name> <text>` and `delete <model> <name>`, joined by `;`, nested in its method. */
import type { ShellOptions, ShellResult } from '../../../../src/models/shell.js';
import { ANCESTORS_VARIABLE } from '../../../../src/repo.js';
import type { Task } from '../tasks.js';
import { openRepo } from './entry.js';
import { host } from './node.js';
import { perform } from './perform.js';

export async function runShell(command: string, { env, onStdout }: ShellOptions): Promise<ShellResult> {
  const ancestors = env[ANCESTORS_VARIABLE] ?? '';
  host.methodBegins(ancestors.split(':').at(-1)?.split('/')[0] ?? '', ancestors);
  await onStdout(Buffer.from(`${command}\n`), new AbortController().signal);
  for (const task of tasksOf(command)) {
    const ended = host.nested(task);
    ended(await perform(openRepo(env), task));
  }
  return { exitCode: 0, signal: null, timedOut: false, aborted: false, durationMs: 0, pid: 0 };
}

function tasksOf(command: string): Task[] {
  return command.split(';').flatMap((line): Task[] => {
    const [verb, model = '', name = '', text = ''] = line.trim().split(' ');
    if (verb === 'delete') return [{ kind: 'delete', model, name }];
    return verb === 'put' ? [{ kind: 'put', model, name, text }] : [];
  });
}
