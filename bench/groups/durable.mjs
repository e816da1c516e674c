/** One small durable write as a whole process: what scripts use instead. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { initRepo, openRepo } from '../../dist/index.js';
import { ABSENT, commandOf } from '../peers.mjs';
import { node, run, swamp } from '../run.mjs';

/** What a careful script does by hand: a lock, a new number, the file and its directory on disk before it says so. */
const BY_HAND = `
set -eu
exec 9> lock
flock 9
n=$(( $(cat latest 2>/dev/null || echo 0) + 1 ))
cat "$1" > "tmp.$n"
sync "tmp.$n"
mv "tmp.$n" "v$n"
echo "$n" > latest.tmp
sync latest.tmp
mv latest.tmp latest
sync .
`;

export const durable = {
  name: 'durable',
  title: 'One small durable write as a whole process',
  base: 'node -e 0',
  rounds: 20,
  async prepare(dir) {
    const file = join(dir, 'file');
    writeFileSync(file, 'a small result\n');
    await initRepo(dir);
    const repo = openRepo(dir);
    await repo.data.put({ model: 'm', name: 'n', source: ['a small result\n'], create: true });
    const rows = [
      { name: 'node -e 0', run: () => node(['-e', '0']) },
      { name: 'swamp data put M N FILE', run: () => swamp(['data', 'put', 'm', 'n', file], { cwd: dir }) },
      peer(
        'flock',
        'a careful script with flock',
        dir,
        () => undefined,
        (cwd) => run('bash', ['-c', BY_HAND, 'bash', file], { cwd }),
      ),
      peer('sqlite3', 'sqlite3, full sync', dir, sqliteSchema, (cwd, sqlite) => run(sqlite, ['d.db', sqliteWrite(file)], { cwd })),
      peer('git', 'git plumbing, as configured', dir, gitInit, (cwd) => gitWrite(cwd, file, [])),
      peer('git', 'git plumbing, core.fsync=all', dir, gitInit, (cwd) => gitWrite(cwd, file, ['-c', 'core.fsync=all'])),
      peer('restic', 'restic backup', dir, resticInit, (cwd, restic) => run(restic, ['backup', '-q', file], { cwd, env: resticEnv(cwd) })),
    ];
    return { rows };
  },
};

function peer(program, name, dir, prepare, act) {
  const command = commandOf(program);
  if (command === undefined) return { name, absent: ABSENT };
  const cwd = join(dir, name.replaceAll(/[^a-z]/g, '-'));
  mkdirSync(cwd);
  prepare(cwd, command);
  return { name, run: () => act(cwd, command) };
}

function sqliteSchema(cwd, sqlite) {
  run(sqlite, ['d.db', 'PRAGMA journal_mode=DELETE; CREATE TABLE data(name TEXT, version INTEGER, content BLOB, PRIMARY KEY(name, version));'], { cwd });
}

function sqliteWrite(file) {
  return `PRAGMA synchronous=FULL; PRAGMA busy_timeout=60000; BEGIN IMMEDIATE;
INSERT INTO data SELECT 'n', coalesce(max(version), 0) + 1, readfile('${file}') FROM data WHERE name = 'n'; COMMIT;`;
}

function gitInit(cwd) {
  run('git', ['init', '-q', '--bare', '.'], { cwd });
}

function gitWrite(cwd, file, config) {
  const script = `set -e
blob=$(git "$@" hash-object -w "$0")
tree=$(printf '100644 blob %s\\tn\\n' "$blob" | git "$@" mktree)
parent=$(git rev-parse -q --verify refs/heads/m || true)
commit=$(echo put | git "$@" commit-tree "$tree" \${parent:+-p "$parent"})
git "$@" update-ref refs/heads/m "$commit" $parent`;
  const who = { GIT_AUTHOR_NAME: 'b', GIT_AUTHOR_EMAIL: 'b@localhost', GIT_COMMITTER_NAME: 'b', GIT_COMMITTER_EMAIL: 'b@localhost' };
  run('bash', ['-c', script, file, ...config], { cwd, env: { ...process.env, ...who } });
}

function resticEnv(cwd) {
  return { ...process.env, RESTIC_REPOSITORY: join(cwd, 'r'), RESTIC_PASSWORD: 'b', RESTIC_CACHE_DIR: join(cwd, 'c') };
}

function resticInit(cwd, restic) {
  run(restic, ['init', '-q'], { cwd, env: resticEnv(cwd) });
}
