/** Every injury of the table through the command line; the short form takes one of each kind. */
import { describe, test } from 'node:test';
import { repairs, TITLES } from '../support/repair.js';

describe('datastore check --repair', { concurrency: 2 }, () => {
  for (const title of TITLES) test(`finds, names, mends or sets aside: ${title}`, { timeout: 120_000 }, (t) => repairs(t, title));
});
