/**
 * A repository on file systems of its own, in a mount namespace: full, read-only, or several. Linux only, and only where
 * namespaces are allowed.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Layout } from '../../src/layout/layout.js';
import { type TestRepo, tempRepo } from './repo.js';
import { finished, launch, type Result, type RunOptions } from './swamp.js';

/** The ways to a namespace, the one of root first. */
const WAYS = [['--mount'], ['--map-root-user', '--mount']] as const;
const way = process.platform === 'linux' ? WAYS.find(works) : undefined;

/** Options for a test that needs it. */
export const onMounts = { skip: way === undefined ? 'mount namespaces are not allowed here, or unshare(1) and nsenter(1) are missing' : false };

/** Options for a test that needs a file system of its own kind in an image. `mkfs` says which. */
export function onImages(mkfs: string): { readonly skip: string | false } {
  const line = `truncate -s 1M "$0" && ${mkfs} "$0" && mount -o loop "$0" /mnt`;
  const image = join(tmpdir(), `swamp-image-${process.pid}`);
  try {
    const { status } = spawnSync('unshare', ['--mount', 'sh', '-c', line, image], { timeout: 10_000 });
    return { skip: process.platform === 'linux' && status === 0 ? false : `images cannot be mounted here, or ${mkfs.split(' ')[0]} is missing` };
  } finally {
    rmSync(image, { force: true });
  }
}

function works(flags: readonly string[]): boolean {
  const { status } = spawnSync('unshare', [...flags, 'sh', '-c', 'mount -t tmpfs tmpfs /mnt && command -v nsenter'], { timeout: 10_000 });
  return status === 0;
}

export interface MountedRepo extends TestRepo {
  /** Runs `swamp` inside and fails unless it ends as expected. */
  readonly swamp: (args: readonly string[], options?: RunOptions) => Promise<Result>;
  /** Runs shell lines inside, in the repository. */
  readonly sh: (lines: string) => Promise<Result>;
}

/** A tmpfs with these mount options, or an image of that size that `mkfs` makes. */
export type FileSystem = string | { readonly mkfs: string; readonly size: string };

/** Makes a repository in a file system of its own. Nothing of it is left when the test ends; the test itself checks it before. */
export async function mountedRepo(t: TestContext, on: FileSystem): Promise<MountedRepo> {
  const outer = await tempRepo(t, { check: false });
  const mount = join(outer.base, 'mount');
  mkdirSync(mount);
  const image = join(outer.base, 'image');
  const mounting =
    typeof on === 'string'
      ? `mount -t tmpfs -o ${on} tmpfs '${mount}'`
      : `truncate -s ${on.size} '${image}' && ${on.mkfs} '${image}' && mount -o loop '${image}' '${mount}'`;
  const setUp = `${mounting} && mkdir '${mount}/repo' && echo mounted && exec cat`;
  const keeper = launch(outer, 'unshare', [...(way ?? []), 'sh', '-c', setUp], { stdin: 'open', timeoutMs: 120_000 });
  await keeper.says(/mounted/);
  const dir = join(mount, 'repo');
  const enter = ['--target', String(keeper.pid), '--mount', ...(way?.length === 2 ? ['--user', '--preserve-credentials'] : [])];
  const inside = async (words: readonly string[], { expect = 0, ...rest }: RunOptions = {}): Promise<Result> => {
    const running = launch(outer, 'nsenter', [...enter, 'sh', '-c', 'cd "$0" && exec "$@"', dir, ...words], { title: words.join(' '), ...rest });
    return expect === 'any' ? running.exited : finished(running, expect);
  };
  const repo: MountedRepo = {
    ...outer,
    dir,
    layout: new Layout(join(dir, '.swamp')),
    swamp: (args, rest) => inside([process.execPath, outer.bin, ...args], rest),
    sh: (lines) => inside(['sh', '-c', lines], { expect: 'any' }),
  };
  await repo.swamp(['repo', 'init']);
  return repo;
}
