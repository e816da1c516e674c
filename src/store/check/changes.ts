/** The change logs: each can be read to its end. What is damaged in one is reported for the whole log: with a record less it would be silent about a change. */
import { basename, join } from 'node:path';
import { isModelId } from '../../layout/layout.js';
import { isBucketName, isChangeName, LOG_RECORD, parseChangeRecord, parseLog } from '../changes.js';
import type { Checker, Look } from './checker.js';
import { lookAtObject } from './checker.js';
import type { Issue } from './kinds.js';
import { type Expected, readPlain } from './plain.js';
import { recordIssue } from './version.js';

export async function checkChanges(checker: Checker): Promise<void> {
  const { layout } = checker.repo;
  const all = basename(layout.everyModelWatched);
  const top = (name: string): Expected | undefined => (name === all ? 'file' : isModelId(name) ? 'directory' : undefined);
  for await (const modelId of checker.entries(layout.changes, top)) {
    if (modelId === all) continue;
    const dir = layout.changeLog(modelId);
    await checker.look(dir, () => lookAtFile(dir, LOG_RECORD, parseLog));
    const inside = (name: string): Expected | undefined => (name === LOG_RECORD ? 'file' : isBucketName(name) ? 'directory' : undefined);
    for await (const bucket of checker.entries(dir, inside)) {
      if (bucket === LOG_RECORD) continue;
      for await (const name of checker.entries(join(dir, bucket), (file) => (isChangeName(file) ? 'file' : undefined)))
        await checker.look(dir, () => lookAtFile(dir, join(bucket, name), parseChangeRecord));
    }
  }
}

const HINT = 'Who watches this model begins anew: "swamp datastore check --repair" sets the log aside. No data is in it.';

function lookAtFile(dir: string, file: string, parse: (source: string, path: string) => unknown): Promise<Look> {
  const path = join(dir, file);
  return lookAtObject(dir, 'directory', (): Issue[] => {
    const plain = readPlain(path);
    if ('issue' in plain) return [{ path: dir, kind: 'record_invalid', message: `is a change log whose ${file} ${plain.issue.message}`, hint: HINT }];
    try {
      parse(plain.text, path);
    } catch (error) {
      return [{ path: dir, kind: 'record_invalid', message: `is a change log whose ${file} ${recordIssue(path, error).message}`, hint: HINT }];
    }
    return [];
  });
}
