/** Sums that tell states apart: two lanes of 32 bits, enough for the millions of states of one exploration. */

export interface Sum {
  readonly low: number;
  readonly high: number;
}

export const ZERO: Sum = Object.freeze({ low: 0x811c9dc5, high: 0x9747b28c });

/** `sum`, and then `value`: the order matters. */
export function chain({ low, high }: Sum, value: number): Sum {
  return { low: scramble(Math.imul(low ^ value, 0x01000193)), high: scramble(Math.imul(high ^ value, 0x5bd1e995)) };
}

export function chainText(sum: Sum, text: string): Sum {
  return chainSum(sum, textSum(text));
}

export function chainSum(sum: Sum, { low, high }: Sum): Sum {
  return chain(chain(sum, low), high);
}

/** The sum of two, in any order. */
export function plus(a: Sum, b: Sum): Sum {
  return { low: (a.low + b.low) | 0, high: (a.high + b.high) | 0 };
}

const texts = new Map<string, Sum>();

export function textSum(text: string): Sum {
  let sum = texts.get(text);
  if (sum === undefined) {
    let { low, high } = ZERO;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul(high ^ code, 0x5bd1e995) ^ (high >>> 15);
    }
    sum = { low: scramble(low), high: scramble(high) };
    texts.set(text, sum);
  }
  return sum;
}

export function bytesSum(bytes: Uint8Array): Sum {
  let { low, high } = ZERO;
  for (const byte of bytes) {
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high ^ byte, 0x5bd1e995) ^ (high >>> 15);
  }
  return { low: scramble(low), high: scramble(high) };
}

/** A key for maps. */
export function keyOf({ low, high }: Sum): number {
  return (high & 0x1fffff) * 0x1_0000_0000 + (low >>> 0);
}

function scramble(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
