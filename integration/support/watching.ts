/** What a watch printed, and what the store would be if it were right. */
import assert from 'node:assert/strict';
import { openRepo, type WatchEvent } from '../../src/index.js';
import type { TestRepo } from './repo.js';
import { type Running, type StartOptions, start } from './swamp.js';

/** The whole lines that `data watch --json` has printed. */
export function eventsOf({ stdout }: Running): WatchEvent[] {
  return stdout()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as WatchEvent);
}

/** Starts a watch; it is ready when this resolves. */
export async function startWatch(repo: TestRepo, args: readonly string[] = [], options: StartOptions = {}): Promise<Running> {
  const watching = start(repo, ['data', 'watch', '--json', ...args], { timeoutMs: 60_000, ...options });
  await watching.says(/Watching /);
  return watching;
}

/** `model/artifact` -> its versions, ascending. */
export type Holdings = Readonly<Record<string, readonly number[]>>;

/** Everything that the store holds. */
export async function holdingsOf({ dir }: TestRepo): Promise<Holdings> {
  const { data } = openRepo(dir);
  const found: [string, readonly number[]][] = [];
  for (const { items } of (await data.list()).groups) {
    for (const { name, modelName: model } of items)
      found.push([`${model}/${name}`, (await data.versions({ model, name })).versions.map(({ version }) => version).reverse()]);
  }
  return sorted(found);
}

/** What the events make of what was there. Fails where one of them is told twice, or of what is not there. */
export function replay(before: Holdings, events: readonly WatchEvent[]): Holdings {
  const store = new Map(Object.entries(before).map(([key, versions]) => [key, new Set(versions)]));
  const seen = new Set<string>();
  for (const event of events) {
    const { type, modelName, name, oldName, version, generation } = event;
    const key = `${modelName}/${name}`;
    const versions = store.get(key) ?? new Set<number>();
    if (type === 'put') {
      const once = `${key} ${generation} ${version}`;
      assert.ok(!seen.has(once) && version !== null && !versions.has(version), `told twice: ${JSON.stringify(event)}`);
      seen.add(once);
      store.set(key, versions.add(version));
    } else if (type === 'delete') {
      if (version === null) assert.ok(store.delete(key), `nothing was there: ${JSON.stringify(event)}`);
      else assert.ok(versions.delete(version), `nothing was there: ${JSON.stringify(event)}`);
    } else if (type === 'rename') {
      const moved = store.get(`${modelName}/${oldName}`);
      assert.ok(moved !== undefined && versions.size === 0, `cannot be: ${JSON.stringify(event)}`);
      store.delete(`${modelName}/${oldName}`);
      store.set(key, moved);
    } else {
      for (const held of [...store.keys()].filter((one) => one.startsWith(`${modelName}/`))) store.delete(held);
    }
  }
  return sorted([...store].map(([key, versions]) => [key, [...versions].sort((a, b) => a - b)]));
}

function sorted(entries: readonly (readonly [string, readonly number[]])[]): Holdings {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What a look at the logs shows behind a cursor, until nothing more comes. */
export async function eventsSince({ dir }: TestRepo, since: string, model?: string): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  const input = { since, untilIdle: 0, ...(model === undefined ? {} : { model }) };
  for await (const event of openRepo(dir).data.watch(input)) events.push(event);
  return events;
}

/** The place behind everything that was committed to the model. */
export async function cursorNow(repo: TestRepo, model: string): Promise<string> {
  const { data } = openRepo(repo.dir);
  let cursor = '';
  for await (const event of data.watch({ model, since: '0', untilIdle: 0 })) cursor = event.cursor;
  return cursor;
}
