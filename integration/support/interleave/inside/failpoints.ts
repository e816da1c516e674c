/** In the place of src/fs/failpoints.ts: every change of the file system is a step that the scheduler grants. */
import { ROOT } from '../host.js';
import { host } from './node.js';

/** What a sync makes durable nobody else sees: it is no step. */
const SYNCS = ['fs.sync', 'fs.syncdir'];

/** `context`: what the function that is about to change something was called with. A point without a path is no step. */
export function failpoint(name: string, ...context: readonly unknown[]): Promise<void> | undefined {
  const paths = context.filter((value): value is string => typeof value === 'string' && value.startsWith(ROOT));
  if (paths.length > 0 && !SYNCS.includes(name)) return host.mayBePreempted(paths) ? new Promise((resume) => host.park(resume)) : undefined;
  host.passed(name);
  return undefined;
}
