/**
 * The holder of a lock: machine, boot, pid and time namespace, pid, process start time, nonce; and when such a one is provably dead.
 * One text of it, without dots, is the second half of a fence entry's name.
 */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';
import { isErrno } from '../errors.js';

/** `-` marks what this system does not say. */
const UNKNOWN = 'x';

export interface Process {
  /** Hash of machine id and host name; begins with `x` when there is no machine id (a boot then proves nothing). */
  readonly machine: string;
  /** Hash of the boot's id. */
  readonly boot: string;
  /** Inode of the pid namespace. */
  readonly pidNamespace: string;
  /** Inode of the time namespace: the system gives start times as the reader's one counts them. */
  readonly timeNamespace: string;
  readonly pid: number;
  /** Start time in the unit of the system: a recycled pid has another one (L8). */
  readonly started: string;
}

export interface Holder extends Process {
  /** Fresh for each session, so that two sessions of one process differ. 12 hex digits. */
  readonly nonce: string;
}

const HOLDER = /^(x?[0-9a-f]{12})-(x|[0-9a-f]{8})-(x|[0-9]+)-(x|[0-9]+)-([1-9][0-9]{0,9})-(x|[0-9a-f]+)-([0-9a-f]{12})$/;

const MAX_PID = 2 ** 31 - 1;

export function newNonce(): string {
  return randomBytes(6).toString('hex');
}

export function formatHolder(holder: Holder): string {
  const { machine, boot, pidNamespace, timeNamespace, pid, started, nonce } = holder;
  return [machine, boot, pidNamespace, timeNamespace, pid, started, nonce].join('-');
}

/** The holder a text names; undefined for anything else. */
export function parseHolder(text: string): Holder | undefined {
  const match = HOLDER.exec(text);
  if (match === null) return undefined;
  const [, machine = '', boot = '', pidNamespace = '', timeNamespace = '', pid = '', started = '', nonce = ''] = match;
  // kill(2) takes no larger one: such a name was not written by us.
  if (Number(pid) > MAX_PID) return undefined;
  return { machine, boot, pidNamespace, timeNamespace, pid: Number(pid), started, nonce };
}

let named: string | undefined;

/** The name of this host, asked once. */
export function hostName(): string {
  named ??= hostname();
  return named;
}

let self: Process | undefined;

/** This process, read once. */
export function currentProcess(): Process {
  self ??= Object.freeze({
    machine: machineName(),
    boot: bootName(),
    pidNamespace: namespace('pid'),
    timeNamespace: namespace('time'),
    pid: process.pid,
    started: startTime(process.pid) ?? UNKNOWN,
  });
  return self;
}

/** Nonces of sessions of this process that could not give a lock back: its entry is there, and no process holds it. */
const forsaken = new Set<string>();

/** The lock of this process's session `holder` could not be given back: from here on it counts as a dead one's. Without it this process would wait for itself. */
export function forsake(holder: string): void {
  forsaken.add(holder.slice(holder.lastIndexOf('-') + 1));
}

/** When a process last left a sign of life, most often a modification time, in milliseconds; asked only where it matters. */
export type SeenAt = () => number | undefined;

/** True when no process can hold what has this name: its process is provably dead, or is this one and has forsaken it. `seenAt`: as for isProvablyDead. */
export function isEnded(holder: Holder, seenAt: SeenAt): boolean {
  return forsaken.has(holder.nonce) || isProvablyDead(holder, seenAt);
}

/**
 * True only when the process of `holder` cannot exist any more: same machine, boot and pid namespace, and its pid is
 * gone, a zombie, or another process (L8); or the machine has booted since. What cannot be seen is alive (P7).
 * Signal 0 looks without waking a stopped process. A sign of life that is younger than this machine's boot is not of an earlier
 * boot, but of another machine with the same names.
 */
export function isProvablyDead(holder: Process, seenAt: SeenAt): boolean {
  const me = currentProcess();
  if (holder.machine !== me.machine || holder.boot === UNKNOWN || me.boot === UNKNOWN) return false;
  if (holder.boot !== me.boot) return !holder.machine.startsWith(UNKNOWN) && isOlderThanBoot(seenAt());
  if (holder.pidNamespace !== me.pidNamespace || holder.pidNamespace === UNKNOWN) return process.platform === 'darwin' && isGone(holder);
  return isGone(holder);
}

function isOlderThanBoot(seenAt: number | undefined): boolean {
  return seenAt !== undefined && seenAt < Date.now() - uptime() * 1000;
}

/** True when the process can be seen from here, and lives. */
export function isProvablyAlive(holder: Process): boolean {
  const me = currentProcess();
  const comparable = holder.machine === me.machine && holder.boot === me.boot && holder.boot !== UNKNOWN && holder.pidNamespace === me.pidNamespace;
  return comparable && isSameClock(holder) && !isGone(holder);
}

function isGone(holder: Process): boolean {
  const me = currentProcess();
  if (holder.pid === me.pid && holder.started === me.started) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return true;
    if (!isErrno(error, 'EPERM')) throw error;
  }
  const started = startTime(holder.pid);
  if (started === 'zombie') return true;
  return isSameClock(holder) && started !== undefined && holder.started !== UNKNOWN && started !== holder.started;
}

/** False where start times cannot be compared: a recycled pid cannot be distinguished from a holder that lives. */
function isSameClock(holder: Process): boolean {
  return holder.timeNamespace === currentProcess().timeNamespace;
}

/** Start time of a process; `zombie` for one that has ended and waits for its parent; undefined when it cannot be seen. */
export function startTime(pid: number): string | undefined {
  if (process.platform === 'darwin') return darwin('ps', ['-o', 'lstart=', '-p', String(pid)]);
  const stat = readSystem(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field, the command in parentheses, may hold spaces and parentheses itself: proc(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return 'zombie';
  return fields[19];
}

function machineName(): string {
  const id = ['/etc/machine-id', '/var/lib/dbus/machine-id'].map((path) => readSystem(path)?.trim() ?? '').find(isMachineId);
  const name = digest(`${id ?? ''}\0${hostName()}`, 12);
  return id === undefined ? UNKNOWN + name : name;
}

/** 32 hex digits: machine-id(5). An image may hold `uninitialized`, an empty file or zeros, which are the same for every machine made from it. */
function isMachineId(text: string): boolean {
  return /^[0-9a-f]{32}$/i.test(text) && !/^0+$/.test(text);
}

function bootName(): string {
  const id = process.platform === 'darwin' ? darwin('sysctl', ['-n', 'kern.bootsessionuuid']) : readSystem('/proc/sys/kernel/random/boot_id');
  return id === undefined ? UNKNOWN : digest(id.trim(), 8);
}

function namespace(kind: 'pid' | 'time'): string {
  try {
    return /\[([0-9]+)\]/.exec(readlinkSync(`/proc/self/ns/${kind}`))?.[1] ?? UNKNOWN;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES', 'EPERM', 'ENOTDIR')) return UNKNOWN;
    throw error;
  }
}

/** A file of the system that may be missing or hidden; both mean "not known". */
function readSystem(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES', 'EPERM', 'ESRCH', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** macOS gives these through commands only. A non-zero exit means "not known". */
function darwin(command: string, args: readonly string[]): string | undefined {
  try {
    const text = execFileSync(command, args, { encoding: 'utf8', timeout: 2_000, stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return text === '' ? undefined : digest(text, 12);
  } catch (error) {
    if (error instanceof Error && 'status' in error) return undefined;
    throw error;
  }
}

function digest(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}
