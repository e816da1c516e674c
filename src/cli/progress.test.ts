/** One wording for progress, whatever is known of the work. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { progressText } from './progress.js';

const SECOND = { ms: 1_000 };

it('says how much, of how much, how fast, and how long still, each only where it is known', () => {
  assert.equal(progressText('Stored', { bytes: 923.756690291513 }, SECOND), 'Stored 924 B, 924 B/s');
  assert.equal(progressText('Stored', { bytes: 1e9 }, { ...SECOND, total: { bytes: 3e9 } }), 'Stored 1.0 GB of 3.0 GB, 1.0 GB/s, 2 s left');
  assert.equal(progressText('Verified', { files: 3, bytes: 5_000 }, SECOND), 'Verified 3 files, 5.0 kB, 5.0 kB/s');
  assert.equal(progressText('Copied', { versions: 1, bytes: 0 }, { ...SECOND, total: { versions: 61 } }), 'Copied 1 of 61 versions, 1 min left');
  assert.equal(progressText('Deleted', { artifacts: 500, bytes: 0 }, { ...SECOND, total: { artifacts: 1_000 } }), 'Deleted 500 of 1000 artifacts, 1 s left');
  // The rate is that of the time that was watched.
  assert.equal(
    progressText('Restored', { files: 3, bytes: 3e6 }, { ...SECOND, from: { files: 1, bytes: 2e6 }, total: { bytes: 5e6 } }),
    'Restored 3 files, 3.0 MB of 5.0 MB, 1.0 MB/s, 2 s left',
  );
  // A file that grows while it is read has more than it had.
  assert.equal(progressText('Stored', { bytes: 2_000 }, { ...SECOND, total: { bytes: 1_000 } }), 'Stored 2.0 kB, 2.0 kB/s');
  assert.equal(progressText('Stored', { bytes: 0 }, { ms: 0, total: { bytes: 0 } }), 'Stored 0 B of 0 B');
});
