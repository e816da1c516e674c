/** Every kind of garbage in the place of everything; the short form tries every fourth. */
import { test } from 'node:test';
import { garbage } from '../support/garbage.js';

test('garbage in the store is never a bug of ours, never stands still, leads nowhere, and is found by datastore check', (t) => garbage(t, { every: 1 }));
