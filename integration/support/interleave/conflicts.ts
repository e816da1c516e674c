/**
 * Which steps of the file system can be told apart by their order: two of different processes on one place, of which at
 * least one changes it. Every other step commutes with whatever the others do, and needs no switch before it. The places
 * are found while exploring; an exploration in which none was new has seen them all.
 */
import { segmentsOf } from './disk.js';

/** What one system call looks at, and what it changes. `listings` are directories of which the names count. */
export interface Access {
  readonly call: string;
  readonly looks: readonly string[];
  readonly listings: readonly string[];
  readonly changes: readonly string[];
}

interface Place {
  lookers: number;
  changers: number;
}

export class Conflicts {
  /** True when a place became one of conflict since this was set to false. */
  grown = false;
  /** Any two steps: for a schedule that is made again, when nothing was learned yet. */
  everywhere = false;
  readonly #places = new Map<string, Place>();

  /** Remembers what the process of that number did. */
  note(actor: number, { looks, listings, changes }: Access): void {
    const bit = 1 << actor;
    for (const path of looks) {
      this.#look(path, bit);
      this.#lookAbove(path, bit);
    }
    for (const path of listings) {
      this.#look(listingOf(path), bit);
      this.#look(path, bit);
      this.#lookAbove(path, bit);
    }
    for (const path of changes) {
      this.#change(path, bit);
      this.#change(listingOf(parentOf(path)), bit);
      this.#lookAbove(path, bit);
    }
  }

  /** True when the order of this step and those of others may matter. */
  has(actor: number, { looks, listings, changes }: Access): boolean {
    if (this.everywhere) return true;
    const bit = 1 << actor;
    return (
      looks.some((path) => this.#changedByOthers(path, bit) || this.#aboveChangedByOthers(path, bit)) ||
      listings.some((path) => this.#changedByOthers(listingOf(path), bit) || this.#changedByOthers(path, bit) || this.#aboveChangedByOthers(path, bit)) ||
      changes.some((path) => this.#usedByOthers(path, bit) || this.#lookedAtByOthers(listingOf(parentOf(path)), bit) || this.#aboveChangedByOthers(path, bit))
    );
  }

  #look(path: string, bit: number): void {
    const place = this.#place(path);
    if ((place.lookers & bit) !== 0) return;
    place.lookers |= bit;
    if ((place.changers & ~bit) !== 0) this.grown = true;
  }

  /** Whoever goes through a directory looks at its name: it may be renamed. */
  #lookAbove(path: string, bit: number): void {
    for (const above of ancestorsOf(path)) this.#look(above, bit);
  }

  #change(path: string, bit: number): void {
    const place = this.#place(path);
    if ((place.changers & bit) !== 0) return;
    place.changers |= bit;
    // Two that add names to one directory do not meet unless somebody lists it.
    if (((path.endsWith('/*') ? place.lookers : place.lookers | place.changers) & ~bit) !== 0) this.grown = true;
  }

  #changedByOthers(path: string, bit: number): boolean {
    return ((this.#places.get(kindOf(path))?.changers ?? 0) & ~bit) !== 0;
  }

  #lookedAtByOthers(path: string, bit: number): boolean {
    return ((this.#places.get(kindOf(path))?.lookers ?? 0) & ~bit) !== 0;
  }

  #usedByOthers(path: string, bit: number): boolean {
    return this.#changedByOthers(path, bit) || this.#lookedAtByOthers(path, bit);
  }

  #aboveChangedByOthers(path: string, bit: number): boolean {
    return ancestorsOf(path).some((above) => this.#changedByOthers(above, bit));
  }

  #place(path: string): Place {
    const kind = kindOf(path);
    let place = this.#places.get(kind);
    if (place === undefined) {
      place = { lookers: 0, changers: 0 };
      this.#places.set(kind, place);
    }
    return place;
  }
}

const kinds = new Map<string, string>();

/** Entries of a fence that differ in nothing but their epoch or nonce are one place, so are tickets that differ in their time. */
function kindOf(path: string): string {
  return remembered(kinds, path, () =>
    path
      .replace(/\/[0-9]+\.free-[0-9a-f]+/g, '/#.free')
      .replace(/\/[0-9]+\.(x?[0-9a-f]{12}-)/g, '/#.$1')
      .replace(/\/scope\.[0-9]+\./g, '/scope.#.')
      .replace(/\/[0-9]{13}-/g, '/#-'),
  );
}

/** True when what `changes` did may be seen by a look at `looks` or a listing of `listings`. */
export function touches(changed: readonly string[], looked: ReadonlySet<string>): boolean {
  for (const path of changed) {
    if (looked.has(path) || looked.has(listingOf(parentOf(path)))) return true;
    for (const place of looked) if (place.startsWith(path) && place[path.length] === '/') return true;
  }
  return false;
}

const listings = new Map<string, string>();
const parents = new Map<string, string>();
const ancestors = new Map<string, readonly string[]>();

export function listingOf(path: string): string {
  return remembered(listings, path, () => `${path}/*`);
}

function parentOf(path: string): string {
  return remembered(parents, path, () => path.slice(0, path.lastIndexOf('/')));
}

function ancestorsOf(path: string): readonly string[] {
  return remembered(ancestors, path, () => {
    const segments = segmentsOf(path);
    return segments.slice(0, -1).map((_, i) => `/${segments.slice(0, i + 1).join('/')}`);
  });
}

function remembered<T>(map: Map<string, T>, key: string, make: () => T): T {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
