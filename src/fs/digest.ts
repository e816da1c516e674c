/** SHA-256 of what is in memory, as the store and a backup write it. */
import { hash } from 'node:crypto';

/** 64 hex digits. In one call: a hash object for each of ten thousand small files costs more than hashing them. */
export function sha256(bytes: Uint8Array | string): string {
  return hash('sha256', bytes, 'hex');
}
