/**
 * The order of syncs. Of what was not synced a power cut leaves any part, so whatever a rename makes visible, or relies on,
 * must be durable before it; and what is acknowledged must be durable by then.
 */
import { dirname } from 'node:path';
import { type Disk, type DiskDirectory, type DiskNode, segmentsOf } from './disk.js';
import { LAYOUT } from './view.js';
import { Violation } from './violation.js';

/** True when a power cut leaves it with everything in it. */
function isWhollyDurable(node: DiskNode): boolean {
  if (node.kind === 'file') return node.durable === node.bytes;
  return [...node.entries].every(([name, child]) => node.durable.get(name) === child && isWhollyDurable(child));
}

/** True when a power cut leaves the name `path`, and what stands there now. */
export function isDurable(disk: Disk, path: string): boolean {
  let node: DiskNode = disk.root;
  for (const name of segmentsOf(path)) {
    if (node.kind === 'file') return false;
    const next: DiskNode | undefined = node.entries.get(name);
    if (next === undefined || node.durable.get(name) !== next) return false;
    node = next;
  }
  return isWhollyDurable(node);
}

/** Before the rename that makes it visible: all of it is synced. */
export function requireSynced(disk: Disk, path: string, what: string): void {
  const node = disk.find(path);
  if (node !== undefined && !isWhollyDurable(node)) throw new Violation(`${what} was not synced before it was published`);
}

export function requireDurable(disk: Disk, path: string, what: string): void {
  if (!isDurable(disk, path)) throw new Violation(`${what} is not durable`);
}

/** What was removed must not come back by a power cut. */
export function requireDurablyGone(disk: Disk, path: string, what: string): void {
  const parent = disk.find(dirname(path));
  if (parent?.kind !== 'directory') return;
  const name = segmentsOf(path).at(-1) ?? '';
  if (!parent.entries.has(name) && parent.durable.has(name)) throw new Violation(`${what} was told, and a power cut would undo it`);
}

/** P6: after a power cut no fence is at an epoch below `epoch`. */
export function requireDurableEpoch(disk: Disk, fence: string, epoch: number): void {
  const directory = disk.find(fence) as DiskDirectory | undefined;
  const epochs = [...(directory?.durable.keys() ?? [])].map((name) => Number.parseInt(name, 10));
  if (!epochs.some((durable) => durable >= epoch)) {
    throw new Violation(`P6: acknowledged under epoch ${epoch}, and a power cut would take ${fence.slice(LAYOUT.fences.length + 1)} back to ${epochs.join()}`);
  }
}

/** Before a version goes, something durable says that its number was given out (P4) and may be missing (P10). */
export function requireDurableFloor(disk: Disk, paths: readonly string[], least: number, what: string, rule = 'P4'): void {
  for (const path of paths) {
    if (!isDurable(disk, path)) continue;
    const file = disk.find(path);
    const { floor } = file?.kind === 'file' ? (JSON.parse(file.bytes.toString()) as { readonly floor?: number }) : {};
    if (Number(floor) >= least) return;
  }
  throw new Violation(`${rule}: ${what} goes, and no durable floor has reached ${least}`);
}
