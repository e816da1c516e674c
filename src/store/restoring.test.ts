/** What is read beside a restore counts only when none came or went meanwhile (B16). */
import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync, utimesSync } from 'node:fs';
import { test } from 'node:test';
import { libraryRepo, newModel } from '../../integration/support/library-repo.js';
import { readWhole, Unsettled } from './restoring.js';

test('what is read while a restore is carried out does not count, although the clock stands still until it is over', async (t) => {
  const repo = await libraryRepo(t);
  await newModel(repo, 'm');
  const { root, restoring } = repo.layout;
  const now = new Date();
  mkdirSync(restoring);
  utimesSync(root, now, now);
  const reading = readWhole(repo, async () => {
    rmdirSync(restoring);
    utimesSync(root, now, now);
  });
  await assert.rejects(reading, Unsettled);
  rmdirSync(restoring);
  assert.equal(await readWhole(repo, async () => 'read'), 'read');
});
