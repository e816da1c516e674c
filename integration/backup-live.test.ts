/** Backups beside writers and a deleter; for longer in integration/long/backup-create.test.ts. */
import { test } from 'node:test';
import { liveBackups } from './support/live-backup.js';

test('each backup shows one moment, as the records of 4 writers and a deleter prove (B4)', (t) => liveBackups(t, { seconds: 1, pauseMs: 20 }));
