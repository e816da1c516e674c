/** The one error class and the closed table of codes: code, exit code, when. Exit codes, JSON errors, help and design/errors.md all come from here. */
import { accessSync, constants, lstatSync } from 'node:fs';
import { dirname } from 'node:path';

/** Every code a command can end with; `exit` follows sysexits(3), `when` is what the manual prints. */
export const CODES = {
  method_failed: { exit: 1, when: 'the command of a method failed or ran over its time limit' },
  teardown_failed: { exit: 1, when: 'the delete method of a model failed; it stays pending' },
  usage: { exit: 64, when: 'the command line is wrong' },
  name_invalid: { exit: 64, when: 'a model or artifact name is not allowed' },
  corrupt: { exit: 65, when: 'stored data is damaged' },
  checksum_mismatch: { exit: 65, when: 'content differs from its checksum' },
  incomplete_chunks: { exit: 65, when: 'parts are missing or too many' },
  hostile_names: { exit: 65, when: 'names cannot be written to a backup as they are' },
  collision: { exit: 65, when: 'two names want one path in a backup' },
  backup_invalid: { exit: 65, when: 'a backup is not what it says it is' },
  backup_mismatch: { exit: 65, when: 'two backups, or a backup and a repository, differ' },
  model_invalid: { exit: 65, when: 'a model definition has problems' },
  not_a_repo: { exit: 66, when: 'there is no swamp repository here' },
  model_not_found: { exit: 66, when: 'no model has that name or id' },
  data_not_found: { exit: 66, when: 'the model never had an artifact of that name, or it was deleted' },
  version_not_found: { exit: 66, when: 'the artifact has no such version' },
  upload_not_found: { exit: 66, when: 'there is no such upload' },
  unavailable: { exit: 69, when: 'a remote store cannot be reached' },
  internal: { exit: 70, when: 'a bug in swamp' },
  model_exists: { exit: 73, when: 'a model of that name exists' },
  conflict: { exit: 73, when: 'something changed meanwhile, or is in the way' },
  container_not_empty: { exit: 73, when: 'the model still holds data' },
  io: { exit: 74, when: 'a system call failed' },
  no_space: { exit: 74, when: 'the disk or the quota is full' },
  lock_timeout: { exit: 75, when: 'a lock was not to be had before the deadline' },
  lock_lost: { exit: 75, when: 'a lock was lost while it was needed' },
  deadlock: { exit: 75, when: 'a nested command waits for its own ancestor, or for a cycle of such waits' },
  read_only: { exit: 77, when: 'the command would write and --read-only is set' },
  config_invalid: { exit: 78, when: 'the configuration or the format of the repository is not usable' },
} as const satisfies Record<string, { readonly exit: number; readonly when: string }>;

export type ErrorCode = keyof typeof CODES;

export interface ErrorDetails {
  /** The next command or step that helps, one sentence. */
  readonly hint?: string;
  /** Machine-readable facts: names, versions, errno, holders. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Every failure swamp reports. `message` names the thing, `hint` names the next step. */
export class SwampError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'SwampError';
    this.code = code;
    this.hint = details.hint;
    this.data = details.data ?? {};
  }

  get exitCode(): number {
    return CODES[this.code].exit;
  }
}

/** True for a system error of one of these errno names. */
export function isErrno(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

/** True for what a system call answered: it may be taken for "this did not work", and is never a bug of ours. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

/** True when the disk, or the quota, has no space or no inode left. */
export function isFull(error: unknown): error is NodeJS.ErrnoException {
  return isErrno(error, 'ENOSPC', 'EDQUOT');
}

/** A SwampError for anything thrown: itself, `no_space`/`io`/`config_invalid` for system errors, else `internal`. */
export function asSwampError(error: unknown): SwampError {
  if (error instanceof SwampError) return error;
  if (isSystemError(error)) {
    const { code = 'unknown', syscall = '', path, message } = error;
    const data = { errno: code, syscall, ...(path === undefined ? {} : { path }) };
    if (isFull(error)) {
      return new SwampError('no_space', 'The disk, or your quota on it, is full.', {
        hint: 'Free some space, then try again. "swamp data delete" works on a full disk.',
        data,
        cause: error,
      });
    }
    if (code === 'EXDEV') {
      return new SwampError('config_invalid', `Two directories of the datastore lie on different file systems: ${message}`, {
        hint: 'A repository baked into an image layer must be copied to a volume first: the whole of .swamp/ must lie on one writable file system.',
        data,
        cause: error,
      });
    }
    if (code === 'EMFILE' || code === 'ENFILE') {
      const hint =
        code === 'EMFILE'
          ? 'Raise the limit of this shell ("ulimit -n 4096"), or do less at once.'
          : 'The whole system has no descriptor left: end what holds many.';
      return new SwampError('io', `Too many files are open: ${message}`, { hint, data, cause: error });
    }
    const { what, hint } = told(error);
    return new SwampError('io', `${what} (${code}).`, { hint, data, cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new SwampError('internal', `Unexpected: ${message}`, { hint: 'This is a bug of swamp; run again with --verbose and report the trace.', cause: error });
}

/** Why something failed, as part of a sentence. */
export function reasonOf(error: unknown): string {
  return asSwampError(error).message.replace(/\.$/, '');
}

/** The facts of an error of the system, for a program that reads a notice. */
export function errnoOf(error: unknown): { readonly errno?: unknown } {
  const { errno } = asSwampError(error).data;
  return errno === undefined ? {} : { errno };
}

/** What a person reads of an error of the system. */
function told(error: NodeJS.ErrnoException): { readonly what: string; readonly hint: string } {
  const { code = '', path, message } = error;
  switch (code) {
    case 'EROFS':
      return {
        what: 'Nothing can be written: the disk is mounted read-only',
        hint: 'Mount it writable, or on a writable disk. Commands that only read work as it is.',
      };
    case 'EACCES':
    case 'EPERM': {
      const denied = path === undefined ? undefined : deniedAt(error, path);
      if (denied === undefined) break;
      return {
        what: `You have no permission for ${denied.path} (owner ${denied.uid}, mode ${denied.mode})`,
        hint: 'Run the command as the owner, or let the owner change the permissions with chmod or chown.',
      };
    }
    case 'EFBIG':
      return {
        what: `${path ?? 'A file'} would become larger than this process, or the disk, allows`,
        hint: 'See the limit of this shell with "ulimit -f", and raise it ("ulimit -f unlimited").',
      };
    case 'EIO':
      return {
        what: `The disk failed at ${path ?? 'a file'}`,
        hint: 'See what the system says of the disk ("dmesg"), and make a backup: "swamp backup create".',
      };
  }
  return { what: message.replace(/^[A-Z0-9]+: /, ''), hint: `Check ${path ?? 'the disk'}.` };
}

/** Calls that change the directory that `path` lies in. */
const IN_PARENT = ['mkdir', 'rmdir', 'rename', 'unlink', 'link', 'symlink'];

/** What denies: what is at the path, or the nearest directory above it. Undefined where that cannot be known. */
function deniedAt({ syscall = '', dest }: NodeJS.ErrnoException & { readonly dest?: string }, path: string) {
  const candidates = [path, ...(dest === undefined ? [] : [dest])].map((named) => (IN_PARENT.includes(syscall) ? dirname(named) : named)).map(nearest);
  const denied = candidates.find((candidate) => candidate !== undefined && !isWritable(candidate)) ?? candidates[0];
  const status = denied === undefined ? undefined : statusOf(denied);
  if (denied === undefined || status === undefined) return undefined;
  return { path: denied, uid: status.uid, mode: (status.mode & 0o7777).toString(8) };
}

/** The path, or the nearest directory above it that can be seen. */
function nearest(path: string): string | undefined {
  if (statusOf(path) !== undefined) return path;
  return dirname(path) === path ? undefined : nearest(dirname(path));
}

function statusOf(path: string) {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
}
