/** Ends all processes of a command: SIGTERM, some time, SIGKILL; and knows when the last of them is gone. */
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno } from '../errors.js';
import { readDir, readText } from '../fs/tree.js';

/** What a command gets between SIGTERM and SIGKILL. */
const GRACE_MS = 2_000;
/** How long killed processes are watched for their end. */
const KILLED_MS = 1_000;
const LOOK_MS = 20;

/** The processes of one command. */
export interface Processes {
  /** Signals each of them; false when there is none (left) that may be signalled. */
  signal(signal: NodeJS.Signals | 0): boolean;
  /** False when all that is left are zombies, which still answer to signals: in a container whose first process reaps no child they stay for ever. */
  hasLiving(): boolean;
}

/** The process group that is named after `leader`. */
export function groupOf(leader: number): Processes {
  return {
    signal: (signal) => send(-leader, signal),
    // True where there is no /proc to ask.
    hasLiving: () => {
      const pids = processIds();
      return pids.length === 0 || pids.some((pid) => isLiving(pid, ({ group }) => group === leader));
    },
  };
}

/**
 * `root` and its descendants: a command that shares the process group of its starter has no group that may be ended. One that was seen
 * once stays one of them when its parent ends; one that left its parent before it was ever seen does not count.
 */
export function familyOf(root: number): Processes {
  const known = new Set([root]);
  const grow = (): number[] => {
    const all = parents();
    for (let before = 0; before !== known.size; ) {
      before = known.size;
      for (const [pid, parent] of all) if (known.has(parent)) known.add(pid);
    }
    return [...known];
  };
  return {
    signal: (signal) => grow().filter((pid) => send(pid, signal)).length > 0,
    hasLiving: () => grow().some((pid) => (processIds().length === 0 ? send(pid, 0) : isLiving(pid, () => true))),
  };
}

/** Resolves when the last of the processes is gone, or cannot be killed (one that waits for a dead disk). */
export async function end(processes: Processes): Promise<void> {
  processes.signal('SIGTERM');
  if (await areGoneWithin(processes, GRACE_MS)) return;
  processes.signal('SIGKILL');
  await areGoneWithin(processes, KILLED_MS);
}

/** Those that run now, of this whole process: one listener ends them all. */
const supervised = new Set<Processes>();

/** Does `work`; a process of ours that ends meanwhile releases its locks, and what runs under them must not outlive it. */
export async function supervise<T>(processes: Processes, work: () => Promise<T>): Promise<T> {
  if (supervised.size === 0) process.on('exit', killAll);
  supervised.add(processes);
  try {
    return await work();
  } finally {
    supervised.delete(processes);
    if (supervised.size === 0) process.off('exit', killAll);
  }
}

function killAll(): void {
  for (const processes of supervised) processes.signal('SIGKILL');
}

/** The end of a process that is not our child sends no event: hence the looking, here and nowhere else. */
async function areGoneWithin(processes: Processes, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (processes.signal(0) && processes.hasLiving()) {
    if (performance.now() >= deadline) return false;
    await delay(LOOK_MS);
  }
  return true;
}

/** As kill(2); false when there is nothing to signal, or no permission. */
function send(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(target, signal);
  } catch (error) {
    if (isErrno(error, 'ESRCH', 'EPERM')) return false;
    throw error;
  }
}

/** Every process with its parent; by ps(1) where there is no /proc. */
function parents(): (readonly [pid: number, parent: number])[] {
  const pids = processIds();
  if (pids.length === 0) return ps(['-A', '-o', 'pid=,ppid=']).map(([pid = 0, parent = 0]) => [pid, parent]);
  return pids.flatMap((pid) => {
    const stat = statOf(pid);
    return stat === undefined ? [] : [[pid, stat.parent] as const];
  });
}

/** The numbers that ps(1) prints, line by line. */
function ps(args: readonly string[]): number[][] {
  const lines = execFileSync('ps', args, { encoding: 'utf8', timeout: 5_000 }).trim().split('\n');
  return lines.map((line) => line.trim().split(/\s+/).map(Number));
}

function processIds(): number[] {
  return (readDir('/proc') ?? []).filter((name) => /^[0-9]+$/.test(name)).map(Number);
}

interface Stat {
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  /** The foreground group of its terminal; -1 without one. */
  readonly foreground: number;
}

function isLiving(pid: number, isOurs: (stat: Stat) => boolean): boolean {
  const stat = statOf(pid);
  return stat !== undefined && isOurs(stat) && stat.state !== 'Z' && stat.state !== 'X';
}

/** Undefined when it has ended, or belongs to another owner. */
function statOf(pid: number | 'self'): Stat | undefined {
  try {
    const text = readText(`/proc/${pid}/stat`);
    if (text === undefined) return undefined;
    // After the command in parentheses, which may hold any character: state, parent, group, session, terminal, foreground group (proc(5)).
    const [state = '', parent, group, , , foreground] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent), group: Number(group), foreground: Number(foreground) };
  } catch (error) {
    if (isErrno(error, 'ESRCH', 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
}

/** True when this process is in the foreground of its terminal: what its keyboard signals, every process of that group gets. */
export function isInForeground(): boolean {
  const own = statOf('self');
  const [[group, foreground] = []] = own === undefined ? ps(['-o', 'pgid=,tpgid=', '-p', String(process.pid)]) : [[own.group, own.foreground]];
  return group !== undefined && group === foreground;
}
