/** Backups as tests look at them: what stands in one, by its own sidecars, and whether it is whole. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Manifest, Sidecar } from '../../src/backup/format.js';
import type { TestRepo } from './repo.js';
import { run, runJson } from './swamp.js';

/** One version in a backup. */
export interface Saved {
  readonly model: string;
  readonly name: string;
  readonly version: number;
  readonly generation: number;
  readonly checksum: string;
  readonly content: string;
}

/** `backup verify` and coreutils' own `sha256sum -c` find nothing (B1); what stands in it. */
export async function whole(repo: TestRepo, dir: string): Promise<Saved[]> {
  await run(repo, ['backup', 'verify', dir], { timeoutMs: 60_000 });
  execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'CHECKSUMS'], { cwd: dir, timeout: 60_000 });
  return savedIn(dir);
}

export function savedIn(dir: string): Saved[] {
  const sidecars = filesIn(dir).filter((path) => path.endsWith('.swamp-meta.json'));
  return sidecars.sort().flatMap((path) => {
    const { name, generation, versions } = JSON.parse(readFileSync(join(dir, path), 'utf8')) as Sidecar;
    const content = path.slice(0, -'.swamp-meta.json'.length);
    const model = path.split('/').slice(0, 2).join('/');
    return versions.map(({ version, checksum }, i) => {
      const file = i === versions.length - 1 ? content : `${content}.swamp-v${version}`;
      return { model, name, version, generation, checksum, content: readFileSync(join(dir, file), 'utf8') };
    });
  });
}

/** `models/m a.1=text`, one a version: short enough to be written down in a test. */
export function inShort(saved: readonly Saved[]): string[] {
  return saved.map(({ model, name, version, content }) => `${model} ${name}.${version}=${content}`);
}

/** Every file, relative. */
export function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(dir, path)).isFile())
    .sort();
}

export function manifestOf(dir: string): Manifest {
  return JSON.parse(readFileSync(join(dir, 'MANIFEST.json'), 'utf8')) as Manifest;
}

/** Nothing of a backup that did not come about is left: no DIR, no scratch beside it, no pin. */
export function nothingLeft(repo: TestRepo, dir: string): void {
  assert.ok(!existsSync(dir), `${dir} is there`);
  assert.deepEqual(scratchBeside(dir), []);
  assert.deepEqual(pins(repo), []);
}

export function scratchBeside(dir: string): string[] {
  return readdirSync(dirname(dir)).filter((name) => name.endsWith('.swamp-scratch'));
}

export function pins({ layout }: TestRepo): string[] {
  return existsSync(layout.pins) ? readdirSync(layout.pins) : [];
}

export function trash({ layout }: TestRepo): string[] {
  return existsSync(layout.trashes) ? readdirSync(layout.trashes) : [];
}

export interface Created {
  readonly backupDir: string;
  readonly models: number;
  readonly artifacts: number;
  readonly versions: number;
  readonly bytes: number;
  readonly uploads: number;
  readonly orphans: number;
  readonly reused: number;
  readonly sharedBytes: number;
  readonly damaged: readonly { readonly model: string; readonly name: string | null; readonly version: number | null; readonly reason: string }[];
  readonly strays: readonly string[];
  readonly dryRun: boolean;
  readonly excluded: Readonly<Record<string, number>>;
  readonly renamed: readonly { readonly model: string; readonly name: string; readonly path: string; readonly reason: string }[];
}

export async function backup(repo: TestRepo, dir: string, ...flags: readonly string[]): Promise<Created> {
  return runJson<Created>(repo, ['backup', 'create', dir, ...flags], { timeoutMs: 120_000 });
}
