/**
 * Pins: pins/<holder> is a backup that runs. While one is there, nothing that a commit moved into the trash is removed for good:
 * what the backup has listed can still be read there. Argued in design/backup.md, "Pins".
 */
import { basename } from 'node:path';
import { makeDirs, removeFile, takeBack, writeAdvisory } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { pathsIn, readText } from '../fs/tree.js';
import { hostName, parseHolder } from '../locks/holder.js';
import { openStaging, type Session, STAGING } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { hasEnded, type Owned } from './abandoned.js';

/** What a pin shows people; nothing is decided by it. */
export interface PinFacts {
  readonly path: string;
  readonly command: string;
  readonly host: string;
  readonly pid: number;
  /** RFC 3339, UTC. */
  readonly since: string;
}

/** From here on nothing that a commit removes is swept; the staging shows that the backup lives. Not synced: a pin that a power loss takes had a holder that it took, too. */
export async function pin(session: Session): Promise<void> {
  const { repo, holder } = session;
  const path = repo.layout.pin(holder);
  await openStaging(session);
  await makeDirs(repo.layout.pins);
  const facts = { command: repo.command, host: hostName(), pid: process.pid, since: new Date().toISOString() };
  try {
    writeAdvisory(path, `${JSON.stringify(facts)}\n`);
  } catch (error) {
    await takeBack(() => removeFile(path));
    throw error;
  }
  await failpoint('pin.set');
}

export async function unpin({ repo, holder }: Session): Promise<void> {
  await removeFile(repo.layout.pin(holder));
}

/** Every pin, and who set it. */
export function pins({ layout }: Repo): Owned[] {
  return pathsIn(layout.pins).map((path) => ({ path, holder: basename(path) }));
}

/** Pins, absolute, of holders that may live. What names no holder counts like one that cannot be judged (P7). */
export function standingPins(repo: Repo): string[] {
  return pins(repo).flatMap((owned) => (hasEnded(repo, owned) ? [] : owned.path));
}

/**
 * True when a sweep must leave `trash`, a path in the trash, alone for now. The look comes after `trash` was put there: a pin
 * that is set later belongs to a backup that lists later, and does not show what was removed before. `silent`: pins that do not count.
 */
export function isPinned(repo: Repo, trash: string, silent: ReadonlySet<string> = new Set()): boolean {
  return !basename(trash).startsWith(`${STAGING}-`) && standingPins(repo).some((path) => !silent.has(path));
}

/** What a pin says of its holder; its name alone where the text cannot be read. */
export function readPin(path: string): PinFacts {
  const holder = parseHolder(basename(path));
  const facts = parseFacts(readText(path));
  return {
    path,
    command: String(facts['command'] ?? 'unknown'),
    host: String(facts['host'] ?? 'unknown'),
    pid: holder?.pid ?? 0,
    since: String(facts['since'] ?? 'unknown'),
  };
}

function parseFacts(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
