/**
 * Definitions that git knows and the working directory does not have: on another branch, or removed and not committed yet. Only git's own
 * data is read, nothing is fetched, and what git cannot answer is a doubt (P7).
 */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { reasonOf } from '../errors.js';
import { exists } from '../fs/tree.js';
import type { Repo } from '../repo.js';

/** Where a definition with this id is, as a clause: `is on the branch x, models/store/a.yaml`. */
export type InGit = ReadonlyMap<string, string>;

/** So many branches are searched by one process: their names are its arguments. */
const AT_ONCE = 200;
/** Milliseconds. */
const LIMIT_MS = 60_000;

/** Those of `ids` that a definition on some branch, or in the index, has. A text: git cannot say, and why. */
export async function definedInGit(repo: Repo, ids: readonly string[], signal: AbortSignal): Promise<InGit | string> {
  if (ids.length === 0 || !isInGit(repo.root)) return new Map();
  try {
    const refs = (await git(repo, ['for-each-ref', '--format=%(refname)', 'refs/heads', 'refs/remotes'], '', signal)).split('\n').filter((ref) => ref !== '');
    const places = new Map<string, string>();
    const search = async (args: readonly string[], where: (ref: string) => string): Promise<void> => {
      const found = await git(repo, ['grep', ...SEARCH, ...args, '--', 'models'], `${ids.join('\n')}\n`, signal);
      for (const line of found.split('\n')) {
        const [, ref = '', path = '', id = ''] = /^(?:(refs\/.*?):)?(.*):([0-9a-f-]{36})$/.exec(line) ?? [];
        if (id !== '' && !places.has(id)) places.set(id, `${where(ref)}, ${path}`);
      }
    };
    for (let next = 0; next < refs.length; next += AT_ONCE) await search(refs.slice(next, next + AT_ONCE), branchText);
    await search(['--cached'], () => "is in git's index");
    return places;
  } catch (error) {
    signal.throwIfAborted();
    return reasonOf(error);
  }
}

const SEARCH = ['-I', '-o', '-F', '--no-color', '--no-textconv', '-f', '-'];

function branchText(ref: string): string {
  return `is on the branch ${ref.replace(/^refs\/(heads|remotes)\//, '')}`;
}

function isInGit(dir: string): boolean {
  return exists(join(dir, '.git')) || (dirname(dir) !== dir && isInGit(dirname(dir)));
}

/** What git prints. A search that finds nothing ends with 1. */
async function git({ root }: Repo, args: readonly string[], stdin: string, signal: AbortSignal): Promise<string> {
  const env = { ...process.env, LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0', GIT_NO_LAZY_FETCH: '1', GIT_TERMINAL_PROMPT: '0', GIT_PAGER: 'cat' };
  const child = spawn('git', ['-c', 'core.fsmonitor=false', ...args], { cwd: root, env, signal, timeout: LIMIT_MS });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.on('error', () => undefined).end(stdin);
  const [code, out, said] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  if (code === 0 || (code === 1 && args[0] === 'grep')) return out;
  throw new Error(`git ${args[0]} failed: ${said.trim().split('\n')[0] || `exit ${code}`}`);
}
