/** The content of the parts of an upload, made from a seed: every process that knows the seed knows every part. */
import { createHash } from 'node:crypto';
import { randomFrom } from './random.js';

/** Of 0 to 100,000 bytes, the same for the same seed and number, and another for any other. */
export function partContent(seed: string, number: number): Buffer {
  const size = randomFrom(`${seed} ${number}`).below(100_001);
  const block = createHash('sha256').update(`${seed} ${number}`).digest();
  return number % 16 === 0 ? Buffer.alloc(0) : Buffer.alloc(size, block);
}

/** Parts 1 to `count`, one after the other. */
export function wholeContent(seed: string, count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => partContent(seed, i + 1)));
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
