/**
 * One worker of a history: `historian LIBRARY LOG LIFE SEED`. Calls the library at random until stdin closes, and writes
 * down each call before it is made and each return after it (record.ts). Whatever it puts begins with its token.
 */
import { createHash } from 'node:crypto';
import { openSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type * as Library from '../../src/index.js';
import { sharedClock, tell, untilStdinCloses } from '../support/program.js';
import { randomFrom } from '../support/random.js';
import { appendCall, appendReturn, type Op, type Operations, PLACES, type Place, placeName, SHELL_MODEL, type ToldError, WORLD } from '../support/record.js';
import { readWhole } from '../support/seen.js';

type Planned = { [K in Op]: { readonly op: K; readonly call: Operations[K]['call']; readonly go: () => Promise<Operations[K]['answer']> } }[Op];

/** How often each operation is chosen. A read costs so little that beside each write there is time for several. */
const WEIGHTS = {
  put: 20,
  swap: 16,
  get: 150,
  getVersion: 60,
  versions: 60,
  list: 30,
  delete: 5,
  deleteVersion: 8,
  clear: 1,
  run: 6,
  check: 0.4,
  sweep: 0.4,
} as const;

const [library = '', log = '', life = '', seed = ''] = process.argv.slice(2);
const { openRepo } = (await import(pathToFileURL(library).href)) as typeof Library;
const stop = untilStdinCloses();
const descriptor = openSync(log, 'a');
const random = randomFrom(`${seed} ${life}`);
const repo = openRepo(undefined, { command: `historian ${life}` });
/** The latest version this worker has heard of, by place. */
const known = new Map<string, number>();

/** When the event loop last went round; a stopped process has a gap here. */
let turned = performance.now();
let stalled = 0;
const noteTurn = (): void => {
  const now = performance.now();
  stalled = Math.max(stalled, now - turned);
  turned = now;
};
setInterval(noteTurn, 50).unref();

tell('ready');
for (let number = 1; !stop.aborted; number++) await perform(`${life}.${number}`);
process.exit(0);

async function perform(token: string): Promise<void> {
  const { op, call, go } = plan(token);
  noteTurn();
  stalled = 0;
  appendCall(descriptor, token, op, call);
  try {
    appendReturn(descriptor, token, { answer: await go() });
  } catch (error) {
    noteTurn();
    appendReturn(descriptor, token, { error: told(error) });
    // A refused swap tells what is there.
    const actual = (error as { data?: { actualVersion?: unknown } }).data?.actualVersion;
    if (typeof actual === 'number' && 'name' in call) known.set(placeName(call), actual);
  }
  // Reads are synchronous inside: without this, the end of stdin would wait for a write.
  await turn();
}

function told(error: unknown): ToldError {
  const { code, message, data, stack, produced } = error as Partial<Library.SwampError> & Error & { readonly produced?: boolean };
  const what = { code: code ?? 'none', message: code === undefined ? (stack ?? message) : message, data: data ?? {} };
  return { ...what, stalledMs: Math.round(stalled), ...(produced === undefined ? {} : { produced }) };
}

function plan(token: string): Planned {
  const place = random.pick(PLACES);
  switch (random.weighted(WEIGHTS)) {
    case 'put':
      return put(token, place, undefined);
    case 'swap':
      return put(token, place, random.chance(0.75) ? heard(place) : random.chance(0.5) ? 0 : heard(place) + 1);
    case 'get':
      return get(place, undefined);
    case 'getVersion':
      return get(place, oneOf(place));
    case 'versions':
      return versions(place);
    case 'list':
      return list(random.chance(0.3) ? undefined : place.model);
    case 'delete':
      return remove(place, undefined);
    case 'deleteVersion':
      return remove(place, oneOf(place));
    case 'clear':
      return clear(place.model, random.pick(['a', 'b', 'lo']));
    case 'run':
      return run(token);
    case 'check':
      return check();
    case 'sweep':
      return { op: 'sweep', call: {}, go: async () => ({ bytes: (await repo.datastore.sweep()).bytesReclaimed }) };
  }
}

function heard(place: Place): number {
  return known.get(placeName(place)) ?? 0;
}

/** The latest version heard of, or one near it. */
function oneOf(place: Place): number {
  return Math.max(1, heard(place) + random.pick([0, 0, 0, -1, -1, -2, -3, 1]));
}

function put(token: string, place: Place, expect: number | undefined): Planned {
  const content = contentOf(token);
  const call = { ...place, sha: sha256(content), ...(expect === undefined ? {} : { expect }) };
  const input = { ...place, source: piecesOf(content), tags: { by: token }, ...(expect === undefined ? {} : { expectVersion: expect }) };
  return {
    op: 'put',
    call,
    go: async () => {
      const { version, generation, checksum } = await repo.data.put(input);
      known.set(placeName(place), version);
      return { version, generation, checksum };
    },
  };
}

/** Mostly small; now and then more than one read of a stream. */
function contentOf(token: string): Buffer {
  const size = random.chance(0.05) ? random.between(100_000, 600_000) : random.between(0, 400);
  return Buffer.concat([Buffer.from(`${token}\n`), Buffer.alloc(size, `${token} `)]);
}

/** At once, or in pieces with turns of the event loop between them. */
function piecesOf(content: Buffer): Iterable<Buffer> | AsyncIterable<Buffer> {
  if (random.chance(0.7)) return [content];
  const at = random.below(content.length);
  return (async function* () {
    yield content.subarray(0, at);
    await turn();
    yield content.subarray(at);
  })();
}

function get(place: Place, version: number | undefined): Planned {
  const verify = random.chance(0.3);
  return {
    op: 'get',
    call: { ...place, ...(version === undefined ? {} : { version }) },
    go: async () => {
      const answer = await readWhole(repo, { ...place, ...(version === undefined ? {} : { version }), verify });
      if (answer.latest) known.set(placeName(place), answer.version);
      return answer;
    },
  };
}

function versions(place: Place): Planned {
  return {
    op: 'versions',
    call: place,
    go: async () => ({ versions: (await repo.data.versions(place)).versions.map(({ version, checksum }) => [version, checksum] as const).toReversed() }),
  };
}

function list(model: string | undefined): Planned {
  const which = model === undefined ? {} : { model };
  return {
    op: 'list',
    call: which,
    go: async () => {
      const { groups } = await repo.data.list(which);
      const items = groups.flatMap((group) =>
        group.items.map(({ modelName, name, version, tags }) => ({ model: modelName, name, version, by: tags['by'] ?? null })),
      );
      for (const item of items) known.set(placeName(item), item.version);
      return { items };
    },
  };
}

function remove(place: Place, version: number | undefined): Planned {
  const call = { ...place, ...(version === undefined ? {} : { version }) };
  return {
    op: 'delete',
    call,
    go: async () => {
      const { versionsDeleted, alreadyDeleted } = (await repo.data.delete(call)) as Library.DeleteOneResult;
      return { count: versionsDeleted, already: alreadyDeleted };
    },
  };
}

function clear(model: string, prefix: string): Planned {
  return {
    op: 'clear',
    call: { model, prefix },
    go: async () => {
      const { totalVersionsDeleted, failed } = (await repo.data.delete({ model, prefix })) as Library.DeleteManyResult;
      return { count: totalVersionsDeleted, failed: failed.length };
    },
  };
}

/** Tells its token, sleeps, and tells it again (history.ts creates the model). */
function run(token: string): Planned {
  const exit = random.chance(0.2) ? 3 : 0;
  const pause = random.chance(0.1) ? 0.4 : random.pick([0, 0.01, 0.05]);
  const times: number[] = [];
  const options = { onOutput: () => void times.push(sharedClock()) };
  const answerOf = (artifacts: Library.ModelRunResult['dataArtifacts']): Operations['run']['answer'] => {
    const versionOf = (name: string): number => artifacts.find((one) => one.name === name)?.version ?? 0;
    for (const name of WORLD[SHELL_MODEL] ?? []) if (versionOf(name) > 0) known.set(placeName({ model: SHELL_MODEL, name }), versionOf(name));
    return { result: versionOf('result'), log: versionOf('log'), began: times[0] ?? 0, ended: times.at(-1) ?? 0 };
  };
  return {
    op: 'run',
    call: { model: SHELL_MODEL, sha: sha256(`${token}\n${token} ends\n`), exit },
    go: async () => {
      try {
        const inputs = { TOKEN: token, PAUSE: String(pause), EXIT: String(exit) };
        return answerOf((await repo.model.run({ model: SHELL_MODEL, inputs }, options)).dataArtifacts);
      } catch (error) {
        // A command that fails has its outputs stored all the same.
        const { code, data } = error as Library.SwampError;
        if (code !== 'method_failed' || data['exitCode'] !== exit) throw Object.assign(error as Error, { produced: times.length > 0 });
        return answerOf(data['dataArtifacts'] as Library.ModelRunResult['dataArtifacts']);
      }
    },
  };
}

function check(): Planned {
  return {
    op: 'check',
    call: {},
    go: async () => ({ findings: (await repo.datastore.check()).findings.map(({ path, kind, message }) => `${kind}: ${path} ${message}`) }),
  };
}

function sha256(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex');
}
