/** Every injury of the table through the command line; the short form takes one of each kind. */
import { describe, test } from 'node:test';
import { repairs, survivesKills, TITLES } from '../support/repair.js';

describe('datastore check --repair', { concurrency: 2 }, () => {
  for (const title of TITLES) test(`finds, names, mends or sets aside: ${title}`, { timeout: 120_000 }, (t) => repairs(t, title));
});

describe('a repair that is killed at any of its points is ended by the next one', { concurrency: 2 }, () => {
  for (const title of [
    'a version, its artifact and a stray beside it are damaged',
    'a fence has the entries of three holders who have ended',
    'a record of a deleted model is cut off',
    'all fences are behind a link',
    'a tombstone is empty',
  ])
    test(title, { timeout: 600_000 }, (t) => survivesKills(t, title, 1));
});
