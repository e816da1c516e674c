/** Ends a whole process group: SIGTERM, some time, SIGKILL; and knows when its last process is gone. */
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno } from '../errors.js';
import { readDir, readText } from '../fs/tree.js';

/** What a command gets between SIGTERM and SIGKILL. */
const GRACE_MS = 2_000;
/** How long a killed group is watched for its end. */
const KILLED_MS = 1_000;
const LOOK_MS = 20;

/** Resolves when the last process of the group is gone, or cannot be killed (one that waits for a dead disk). `leader` is the pid the group is named after. */
export async function endGroup(leader: number): Promise<void> {
  signalGroup(leader, 'SIGTERM');
  if (await isGoneWithin(leader, GRACE_MS)) return;
  signalGroup(leader, 'SIGKILL');
  await isGoneWithin(leader, KILLED_MS);
}

/** For an exit handler, which cannot wait. */
export function killGroup(leader: number): void {
  signalGroup(leader, 'SIGKILL');
}

/** The end of a process that is not our child sends no event: hence the looking, here and nowhere else. */
async function isGoneWithin(leader: number, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (signalGroup(leader, 0) && hasLiving(leader)) {
    if (performance.now() >= deadline) return false;
    await delay(LOOK_MS);
  }
  return true;
}

/** False when the group has no process (left) that we may signal. */
function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, signal);
  } catch (error) {
    if (isErrno(error, 'ESRCH', 'EPERM')) return false;
    throw error;
  }
}

/**
 * False when all that is left are zombies, which still answer to signals: in a container whose first process reaps no child
 * they stay for ever. True where there is no /proc to ask.
 */
function hasLiving(leader: number): boolean {
  const names = readDir('/proc')?.filter((name) => /^[0-9]+$/.test(name)) ?? [];
  return names.length === 0 || names.some((pid) => isLivingMember(pid, leader));
}

function isLivingMember(pid: string, leader: number): boolean {
  try {
    const stat = readText(`/proc/${pid}/stat`) ?? '';
    // After the command in parentheses, which may hold any character: state, parent, group (proc(5)).
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group === String(leader) && state !== 'Z' && state !== 'X';
  } catch (error) {
    // It ended between the two calls, or belongs to another owner.
    if (isErrno(error, 'ESRCH', 'EACCES', 'EPERM')) return false;
    throw error;
  }
}
