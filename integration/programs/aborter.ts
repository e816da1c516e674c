/**
 * One program that reads, aborts its reads, writes and opens files of its own, all at once: `aborter MS SEED`. Tells each acknowledged
 * version as a line {name, version, size, checksum}, then {reads, aborted, leaked}. Ends as it should only when no operation
 * failed for another reason than its own signal, and no file of its own was closed or written to by somebody else.
 */
import { createHash } from 'node:crypto';
import { readdirSync, watch } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { openRepo } from '../../src/index.js';
import { tell } from '../support/program.js';
import { randomFrom } from '../support/random.js';

const [ms = '', seed = ''] = process.argv.slice(2);
const ENOUGH = new Error('read enough');
const random = randomFrom(seed);
const repo = openRepo();
const done = { reads: 0, aborted: 0 };
let end = Number.POSITIVE_INFINITY;
const goesOn = (): boolean => performance.now() < end;
/** What the two large contents are. */
const known = new Map<string, string>();

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function bytesOf(size: number): Buffer {
  return Buffer.alloc(size, `${random.below(1e9)} `);
}

async function write(name: string): Promise<void> {
  while (goesOn()) {
    const bytes = bytesOf(random.below(3) === 0 ? random.below(600_000) : random.below(2_000));
    const put = await repo.data.put({ model: 'm', name, source: [bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)] });
    tell({ name, version: put.version, size: bytes.length, checksum: sha256(bytes) });
  }
}

/** Ends every read after a moment: while it is verified, between two chunks, by the signal or by the reader. */
async function read(name: string): Promise<void> {
  while (goesOn()) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(ENOUGH), random.below(13));
    try {
      const { openContent } = await repo.data.get({ model: 'm', name, verify: random.below(2) === 0 }, { signal: abort.signal });
      const hash = createHash('sha256');
      const last = random.below(4) === 0 ? random.below(4) : Number.POSITIVE_INFINITY;
      let chunks = 0;
      for await (const chunk of openContent() as AsyncIterable<Buffer>) {
        hash.update(chunk);
        if (chunks++ === last) break;
        if (random.below(4) === 0) await delay(1);
      }
      if (chunks <= last && hash.digest('hex') !== known.get(name)) throw new Error(`${name} was read wrongly`);
      done.reads++;
    } catch (error) {
      if (error !== ENOUGH) throw error;
      done.aborted++;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What a host program does beside it: its files get the numbers that an operation gives back. */
async function host(): Promise<void> {
  while (goesOn()) {
    const file: FileHandle = await open(process.execPath, 'r');
    const first = await file.read(Buffer.alloc(64), 0, 64, 0);
    await delay(random.below(3));
    const again = await file.read(Buffer.alloc(64), 0, 64, 0);
    if (!first.buffer.equals(again.buffer)) throw new Error('a descriptor of the program leads elsewhere');
    await file.close();
  }
}

async function prepare(): Promise<void> {
  const big = bytesOf(6_000_000);
  await repo.data.put({ model: 'm', name: 'big', source: [big], create: true });
  known.set('big', sha256(big));
  const { uploadId } = await repo.upload.begin({ model: 'm', name: 'parts' });
  const parts = Array.from({ length: 20 }, () => bytesOf(300_000));
  for (const [i, part] of parts.entries()) await repo.upload.part({ upload: uploadId, partNumber: i + 1, source: [part] });
  await repo.upload.complete({ upload: uploadId });
  known.set('parts', sha256(Buffer.concat(parts)));
}

/** Open files; how many there are is known on Linux only. */
function openFiles(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
}

await prepare();
// Node keeps a descriptor for all its watches from the first one on.
watch('.').close();
const before = openFiles();
end = performance.now() + Number(ms);
await Promise.all([...['a', 'b', 'c', 'd'].map(write), read('big'), read('big'), read('parts'), host()]);
// The last reads may still be on their way to their end.
for (let look = 0; look < 200 && openFiles() > before; look++) await delay(10);
tell({ ...done, leaked: openFiles() - before });
