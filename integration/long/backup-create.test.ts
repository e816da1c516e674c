/** Backups for longer, of much, and of something large. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openRepo } from '../../src/index.js';
import { idOf } from '../support/backup-tree.js';
import { backup, savedIn } from '../support/backups.js';
import { liveBackups } from '../support/live-backup.js';
import { createModel, put, tempRepo } from '../support/repo.js';
import { finished, launch, run } from '../support/swamp.js';

test('each backup shows one moment, as the records of 4 writers and a deleter prove, for a minute (B4)', { timeout: 300_000 }, (t) =>
  liveBackups(t, { seconds: 60 }),
);

test('2,000 models need fewer than 256 open files (B13)', { timeout: 300_000 }, async (t) => {
  const repo = await tempRepo(t, { check: false });
  const id = await createModel(repo, 'n');
  await put(repo, 'n', 'c', 'c');
  for (let i = 0; i < 2_000; i++) {
    const other = idOf(`model ${i}`);
    writeFileSync(join(repo.dir, `models/store/other${i}.yaml`), `id: ${other}\nname: other${i}\ntype: store\n`);
    execFileSync('cp', ['-a', repo.layout.model(id), repo.layout.model(other)], { timeout: 20_000 });
  }
  const dir = join(repo.base, 'backup');
  const script = 'ulimit -n 256 && exec "$0" "$@"';
  await finished(launch(repo, 'sh', ['-c', script, process.execPath, repo.bin, 'backup', 'create', dir], { timeoutMs: 200_000 }));
  assert.equal(savedIn(dir).length, 2_001);
});

test('a content of 2 GiB takes less than 150 MB of memory (B5)', { timeout: 600_000 }, async (t) => {
  const repo = await tempRepo(t, { check: false });
  await createModel(repo, 'm');
  const file = join(repo.base, 'large');
  writeFileSync(file, 'begins');
  truncateSync(file, 2 * 1024 ** 3);
  await run(repo, ['data', 'put', 'm', 'large', file], { timeoutMs: 300_000 });
  const hook = join(repo.base, 'hook.cjs');
  writeFileSync(hook, "process.on('exit', () => process.stderr.write('peak ' + process.resourceUsage().maxRSS));");
  const script = [process.execPath, '--require', hook, repo.bin, 'backup', 'create', join(repo.base, 'backup'), '--quiet'];
  const { stderr } = await finished(launch(repo, script[0] ?? '', script.slice(1), { timeoutMs: 300_000 }));
  const mb = Number(/peak ([0-9]+)/.exec(stderr)?.[1]) / 1024;
  t.diagnostic(`${mb.toFixed(0)} MB`);
  assert.ok(mb < 150, `${mb} MB`);
});

test('the global lock is held for less than 100 ms over 10,000 artifacts, also while one of them is written (B4)', { timeout: 600_000 }, async (t) => {
  const repo = await tempRepo(t, { check: false });
  const id = await createModel(repo, 'm');
  await put(repo, 'm', 'first', 'x');
  const first = repo.layout.artifact(id, 'first');
  const script = 'i=0; while [ $i -lt 10000 ]; do cp -a "$0" "$1/a$i" && sed -i "s/first/a$i/" "$1/a$i/artifact.json"; i=$((i+1)); done';
  await finished(launch(repo, 'sh', ['-c', script, first, repo.layout.model(id)], { timeoutMs: 500_000 }));
  const held: number[] = [];
  for (let i = 0; i < 5; i++) {
    const writing = openRepo(repo.dir).data.put({ model: 'm', name: `a${i}`, source: [String(i)] });
    const dir = join(repo.base, `backup${i}`);
    const { stderr } = await run(repo, ['backup', 'create', dir, '--verbose'], { timeoutMs: 200_000 });
    await writing;
    held.push(Number(/Listed in ([0-9.]+) ms/.exec(stderr)?.[1]));
  }
  await backup(repo, join(repo.base, 'last'));
  t.diagnostic(`listed in ${held.join(', ')} ms`);
  assert.ok(Math.min(...held) < 100, held.join(', '));
});
