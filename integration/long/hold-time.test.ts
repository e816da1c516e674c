/** Section 10: the time the global lock is held does not depend on how much is deleted or renamed. */
import { test } from 'node:test';
import { collectInSlices, deleteArtifact, deleteModel, expectIndependent, renameArtifact } from '../support/hold-time.js';

test('a delete holds the global lock as long for 10 versions, 20 files, as for 50,000', (t) => expectIndependent(t, { few: 10, many: 50_000 }, deleteArtifact));

test('so does a rename', (t) => expectIndependent(t, { few: 10, many: 50_000 }, renameArtifact));

test('a delete of a model holds it as long for 10 artifacts as for 10,000', (t) => expectIndependent(t, { few: 10, many: 10_000 }, deleteModel));

test('a collection of 50,000 versions holds it for less than 100 ms at a time', collectInSlices);
