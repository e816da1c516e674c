/** Reads one version to its end, and finds out who wrote it. */
import { createHash } from 'node:crypto';
import type { DataGetInput, OpenRepo } from '../../src/index.js';
import type { Operations } from './record.js';

const TOKEN = /^[0-9]+\.[0-9]+\.[0-9]+$/;

export async function readWhole(repo: OpenRepo, input: DataGetInput): Promise<Operations['get']['answer']> {
  for (;;) {
    const { record, openContent } = await repo.data.get(input);
    const content = await contentOf(openContent());
    // Deleted between the two calls: what is there now is another answer, which the next look gives.
    if (content === undefined) continue;
    const { version, generation, isLatest, checksum } = record;
    return { version, generation, latest: isLatest, checksum, sha: createHash('sha256').update(content).digest('hex'), by: writerOf(content) };
  }
}

async function contentOf(chunks: AsyncIterable<Buffer>): Promise<Buffer | undefined> {
  const read: Buffer[] = [];
  try {
    for await (const chunk of chunks) read.push(chunk);
  } catch (error) {
    if (error instanceof Error && /was deleted before it was read/.test(error.message)) return undefined;
    throw error;
  }
  return Buffer.concat(read);
}

/** The token that the content begins with; of a method's `result`, that of its output, which must be complete. Null for anything else. */
function writerOf(content: Buffer): string | null {
  if (content[0] === 0x7b) return writerOfResult(content.toString('utf8'));
  const end = content.indexOf('\n');
  const first = content.toString('utf8', 0, Math.min(end, 100));
  return end > 0 && TOKEN.test(first) ? first : null;
}

function writerOfResult(text: string): string | null {
  try {
    const { stdout } = JSON.parse(text) as { stdout?: unknown };
    const [first = '', ...rest] = typeof stdout === 'string' ? stdout.split('\n') : [];
    return TOKEN.test(first) && rest.join('\n') === `${first} ends\n` ? first : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
