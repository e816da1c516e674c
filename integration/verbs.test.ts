/** Every verb as it is shipped: its text, its JSON, its failure, its exit code; and the conventions that hold for all of them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from '../src/cli/parse.js';
import { COMMANDS } from '../src/cli/table.js';
import type { ErrorCode } from '../src/errors.js';
import { openRepo } from '../src/index.js';
import { timingFrom } from '../src/timing.js';
import { writeTree } from './support/backup-tree.js';
import { foreignIn } from './support/foreign.js';
import { refused, toldError } from './support/refused.js';
import { copyRepo, createModel, heldLocks, put, type TestRepo, tempRepo, versionsOf } from './support/repo.js';
import { assertShape, fields, type Shape } from './support/shape.js';
import { snapshot } from './support/snapshot.js';
import { checkedCopy, stockedRepo } from './support/stocked.js';
import { finished, launch, type Result, run, runJson, SWAMP_BIN, start } from './support/swamp.js';
import { onTerminal, startOnTerminal } from './support/terminal.js';

interface Verb {
  readonly verb: string;
  /** What to do: once as text, once as JSON. */
  readonly args: (round: 0 | 1, repo: TestRepo) => readonly string[];
  readonly stdin?: string | ((repo: TestRepo) => string);
  /** What people read. */
  readonly text: RegExp;
  /** What may stand on stderr although nothing failed. */
  readonly stderr?: RegExp;
  /** The one JSON document; null: stdout is that of a command it runs, with --json too. */
  readonly result: Shape | null;
  /** A way to fail, tried first. */
  readonly fails: readonly [args: readonly string[], code: ErrorCode];
  /** With names that do not exist: --read-only is told before anything is looked at. */
  readonly writes?: readonly string[];
}

const MODEL: Shape = { ...fields('id name type path', 'text'), tags: { '*': 'text' } };
const RECORD: Shape = {
  ...fields('id name modelId modelName modelType contentType lifetime garbageCollection createdAt checksum contentPath', 'text'),
  ...fields('version generation size', 'number'),
  isLatest: 'flag',
  tags: { '*': 'text' },
  ownerDefinition: fields('ownerType ownerRef', 'text'),
};
const OF_MODEL = fields('modelId modelName modelType', 'text');
const WAITER: Shape = { ...fields('kind command host since', 'text'), pid: 'number' };
const IN_FOLDER: Shape = {
  ...fields('path repoId createdAt', 'text'),
  bytes: 'number',
  models: 'text?',
  excluded: ['text'],
  exclude: ['text'],
  damaged: 'number',
  tags: {},
};
const LOCK: Shape = {
  ...fields('lock state holder verdict', 'text'),
  ...fields('modelId host command acquiredAt heartbeatAt', 'text?'),
  pid: 'number?',
  'modelName?': 'text',
  waiters: [WAITER],
};
const COLLECTED: Shape = { ...fields('type modelId modelName dataName', 'text'), versionCount: 'number' };
const SWEPT: Shape = { ...fields('path kind', 'text'), bytes: 'number' };
const UNFINISHED: Shape = { ...fields('path kind message', 'text'), bytes: 'number' };
const TEARDOWN: Shape = fields('id name state', 'text');
/** A backup beside the repository, the same for all rows. */
function backupIn(base: string): string {
  const dir = join(base, 'backup');
  return existsSync(dir) ? dir : writeTree(dir, [{ name: 'm', artifacts: { a: ['content'] } }]).dir;
}
/** The archive of such a backup. */
function archiveIn(base: string): string {
  const file = join(base, 'archive.tar.gz');
  if (!existsSync(file)) execFileSync(process.execPath, [SWAMP_BIN, 'backup', 'pack', backupIn(base), file], { timeout: 20_000 });
  return file;
}
const UPLOAD: Shape = { ...fields('uploadId modelName name createdAt', 'text'), ...fields('parts bytes', 'number') };
const NO_UPLOAD = '00000000-0000-4000-8000-000000000000-000000000000';
const NO_FILE = '/nonexistent/file';

const VERBS: readonly Verb[] = [
  {
    verb: 'repo init',
    args: (round, { base }) => ['repo', 'init', join(base, `new${round}`)],
    text: /^Created a repository in \//,
    result: { ...fields('repoDir repoId', 'text'), created: 'flag' },
    fails: [['repo', 'init', '/dev/null/x'], 'io'],
    writes: ['repo', 'init', '/nonexistent/repo'],
  },
  {
    verb: 'repo info',
    args: () => ['repo', 'info'],
    text: /^Repository: +\/.*\nId: .*\nFormat: +3\n/,
    result: { ...fields('repoDir repoId datastore', 'text'), ...fields('formatVersion models artifacts versions bytes', 'number') },
    fails: [['repo', 'info', '--repo-dir', '/nonexistent'], 'not_a_repo'],
  },
  {
    verb: 'repo import',
    args: (round, { base }) => ['repo', 'import', foreignIn(join(base, `foreign${round}`))],
    text: /^Imported 1 model, 1 artifact, 1 version, 4 B\n {2}foreign0 \(command\/shell\): 1 version\n$/,
    result: {
      models: [{ ...fields('id name type', 'text'), versions: 'number' }],
      ...fields('artifacts versions bytes renames', 'number'),
      skipped: [fields('path reason', 'text')],
      dryRun: 'flag',
    },
    fails: [['repo', 'import', '/nonexistent'], 'not_a_repo'],
    writes: ['repo', 'import', '/nonexistent'],
  },
  {
    verb: 'model create',
    args: (round) => ['model', 'create', 'store', `new${round}`],
    text: /^Created store new0 in models\/store\/new0\.yaml\n$/,
    result: fields('id name type path', 'text'),
    fails: [['model', 'create', 'store', 'M'], 'model_exists'],
    writes: ['model', 'create', 'no-type', 'x/../y'],
  },
  {
    verb: 'model list',
    args: () => ['model', 'list'],
    text: /^NAME +TYPE +ID +PATH\nm +store /,
    result: { models: [MODEL], total: 'number' },
    fails: [['model', 'list', 'extra'], 'usage'],
  },
  {
    verb: 'model search',
    args: () => ['model', 'search', 'PROD'],
    text: /^NAME +TYPE +ID +PATH\nm +store [^\n]+\n$/,
    result: { models: [MODEL], total: 'number' },
    fails: [['model', 'search', 'a', 'b'], 'usage'],
  },
  {
    verb: 'model get',
    args: () => ['model', 'get', 'sh'],
    text: /^Name: +sh\nType: +command\/shell\n/,
    result: {
      ...fields('id name type path', 'text'),
      tags: { '*': 'text' },
      methods: { '*': { arguments: { ...fields('run workingDir', 'text'), env: { '*': 'text' }, ignoreExitCode: 'flag' } } },
    },
    fails: [['model', 'get', 'none'], 'model_not_found'],
  },
  {
    verb: 'model set',
    args: (round) => ['model', 'set', 'sh', `tags.round=${round}`, 'timeout=5000'],
    text: /^Name: +sh\n.*\nTags: +round=0\n/s,
    result: {
      ...fields('id name type path', 'text'),
      tags: { '*': 'text' },
      methods: { '*': { arguments: { ...fields('run workingDir', 'text'), 'timeout?': 'number', env: { '*': 'text' }, ignoreExitCode: 'flag' } } },
    },
    fails: [['model', 'set', 'sh', 'id=1'], 'usage'],
    writes: ['model', 'set', 'none', 'nothing=x'],
  },
  {
    verb: 'model edit',
    args: () => ['model', 'edit', 'm'],
    stdin: ({ dir }) => readFileSync(join(dir, 'models/store/m.yaml'), 'utf8').replace(/tags:.*/s, ''),
    text: /^Name: +m\nType: +store\n/,
    result: { ...fields('id name type path', 'text'), tags: {}, methods: {} },
    fails: [['model', 'edit', 'none'], 'model_not_found'],
    writes: ['model', 'edit', 'none'],
  },
  {
    verb: 'model validate',
    args: () => ['model', 'validate'],
    text: /^2 definitions, no problem\n$/,
    result: { models: [{ ...fields('name type path', 'text'), valid: 'flag', problems: ['text'] }], total: 'number', valid: 'flag' },
    fails: [['model', 'validate', 'none'], 'model_not_found'],
  },
  {
    verb: 'model rename',
    args: (round) => ['model', 'rename', ['m', 'm0'][round] ?? '', `m${round}`],
    text: /^m is now m0, in models\/store\/m0\.yaml\n$/,
    result: fields('id oldName newName type path', 'text'),
    fails: [['model', 'rename', 'm', 'sh'], 'conflict'],
    writes: ['model', 'rename', 'none', '../x'],
  },
  {
    verb: 'model delete',
    args: (round) => ['model', 'delete', ['sh', 'm'][round] ?? '', '--with-data', '--force'],
    text: /^Deleted sh: 0 versions; teardown: done\n$/,
    stderr: /^(torn down\n)?$/,
    result: { ...fields('id name type', 'text'), versionsDeleted: 'number', alreadyDeleted: 'flag', teardown: 'text?' },
    fails: [['model', 'delete', 'm', '--force'], 'container_not_empty'],
    writes: ['model', 'delete', 'none', '--force'],
  },
  {
    verb: 'model method run',
    args: (round) => (round === 0 ? ['model', 'method', 'run', 'sh', 'execute'] : ['model', 'run', 'sh']),
    text: /^sh execute: succeeded in \d+ ms, exit code 0\nNAME +VERSION +PATH\nresult +1 /,
    stderr: /^(out\nerr\n|err\nout\n)$/,
    result: {
      ...fields('modelId modelName method status', 'text'),
      ...fields('durationMs exitCode', 'number'),
      dataArtifacts: [{ ...fields('name path', 'text'), version: 'number' }],
    },
    fails: [['model', 'run', 'sh', 'nope'], 'usage'],
    writes: ['model', 'run', 'none', 'nope'],
  },
  {
    verb: 'model exec',
    args: (round) => ['model', 'exec', ['made', 'm'][round] ?? '', '--create', '--', 'printf', '%s|', '--json', '$HOME', ''],
    text: /^--json\|\$HOME\|\|$/,
    result: null,
    fails: [['--json', 'model', 'exec', 'm', '--', '/nonexistent/program'], 'usage'],
    writes: ['--json', 'model', 'exec', 'none', '--', 'true'],
  },
  {
    verb: 'data put',
    args: () => ['data', 'put', 'm', 'a'],
    stdin: 'three',
    text: /^m a version 3, 5 B\n$/,
    result: { ...fields('modelId modelName name checksum contentPath', 'text'), ...fields('version generation size', 'number'), changed: 'flag' },
    fails: [['data', 'put', 'm', 'a', '--expect-version', '9'], 'conflict'],
    writes: ['data', 'put', 'none', 'x', NO_FILE, '--lifetime', 'nonsense'],
  },
  {
    verb: 'data get',
    args: () => ['data', 'get', 'm', 'a'],
    text: /^two$/,
    result: { ...RECORD, content: 'text' },
    fails: [['data', 'get', 'm', 'gone'], 'data_not_found'],
  },
  {
    verb: 'data list',
    args: () => ['data', 'list', 'm'],
    text: /^MODEL +NAME +VERSION +TYPE +SIZE +CREATED\nm +a +2 +data +3 B +20/,
    result: {
      ...OF_MODEL,
      groups: [
        {
          type: 'text',
          items: [{ ...fields('id name modelId modelName contentType type createdAt', 'text'), ...fields('version size', 'number'), tags: { '*': 'text' } }],
        },
      ],
      total: 'number',
      more: 'flag',
      failed: ['text'],
    },
    fails: [['data', 'list', 'none'], 'model_not_found'],
  },
  {
    verb: 'data search',
    args: () => ['data', 'search', 'A'],
    text: /^MODEL +NAME +VERSION +TYPE +SIZE +CREATED\nm +a +2 +data +3 B +20/,
    result: {
      query: 'text',
      filters: {},
      results: [
        {
          ...fields('id name contentType type lifetime ownerType ownerRef modelId modelName modelType createdAt', 'text'),
          ...fields('version size', 'number'),
          tags: { '*': 'text' },
        },
      ],
      total: 'number',
      limited: 'flag',
      failed: ['text'],
    },
    fails: [['data', 'search', '--since', 'yesterday'], 'usage'],
  },
  {
    verb: 'data query',
    args: () => ['data', 'query', 'name == "a" && size > 0'],
    text: /^MODEL +NAME +VERSION +TYPE +SIZE +CREATED\nm +a +2 +data +3 B +20/,
    result: {
      predicate: 'text',
      results: [
        {
          ...fields('id name modelId modelName modelType contentType dataType lifetime garbageCollection ownerType ownerRef createdAt checksum', 'text'),
          ...fields('version generation size', 'number'),
          isLatest: 'flag',
          tags: { '*': 'text' },
        },
      ],
      total: 'number',
      limited: 'flag',
      failed: ['text'],
    },
    fails: [['data', 'query', 'nam == 1'], 'usage'],
  },
  {
    verb: 'data query',
    args: () => ['data', 'query', '--sql', 'select name from data where isLatest order by 1 limit 1'],
    text: /^name\na\n$/,
    result: { columns: ['text'], rows: [['text']], total: 'number', failed: ['text'] },
    fails: [['data', 'query', 'true', '--sql', 'select 1'], 'usage'],
  },
  {
    verb: 'data versions',
    args: (round) => ['data', 'versions', 'm', 'a', ...(round === 0 ? [] : ['--limit', '1', '--before', '2'])],
    text: /^VERSION +SIZE +CREATED +SHA-256\n +2 +3 B .* latest\n +1 /,
    result: {
      dataName: 'text',
      ...OF_MODEL,
      versions: [{ ...fields('version size', 'number'), ...fields('createdAt checksum', 'text'), isLatest: 'flag' }],
      total: 'number',
      more: 'flag',
    },
    fails: [['data', 'versions', 'm', 'none'], 'data_not_found'],
  },
  {
    verb: 'data rename',
    args: (round) => ['data', 'rename', 'm', ['a', 'x'][round] ?? '', ['x', 'y'][round] ?? ''],
    text: /^m a is now x, latest version 2\n$/,
    result: { ...fields('oldName newName modelId modelName', 'text'), ...fields('copiedVersion newVersion', 'number') },
    fails: [['data', 'rename', 'm', 'a', 'b/c'], 'conflict'],
    writes: ['data', 'rename', 'none', 'a', 'a'],
  },
  {
    verb: 'data delete',
    args: (round) => ['data', 'delete', 'm', ['a', 'b/c'][round] ?? '', '--force'],
    text: /^Deleted m a: 2 versions\n$/,
    result: { ...OF_MODEL, dataName: 'text', version: 'number?', versionsDeleted: 'number', alreadyDeleted: 'flag' },
    fails: [['data', 'delete', 'm', 'a', '--version', '3', '--force'], 'version_not_found'],
    writes: ['data', 'delete', 'none', 'x', '--force'],
  },
  {
    verb: 'data delete',
    args: (round) => ['data', 'delete', 'm', ...(round === 0 ? ['--prefix', 'b/'] : ['--all']), '--force'],
    text: /^Deleted 1 artifact, 1 version\n$/,
    result: { ...OF_MODEL, ...fields('totalDeleted totalVersionsDeleted', 'number'), failed: [fields('dataName error code', 'text')], dryRun: 'flag' },
    fails: [['data', 'delete', 'm', 'a', '--all', '--force'], 'usage'],
    writes: ['data', 'delete', 'none', '--all', '--force'],
  },
  {
    verb: 'data gc',
    args: () => ['data', 'gc', 'm', '--force'],
    text: /^Nothing to collect\.\n$/,
    result: {
      ...fields('dataEntriesExpired versionsDeleted uploadsAborted bytesReclaimed', 'number'),
      expiredEntries: [{ ...COLLECTED, reason: 'text' }],
      prunedEntries: [{ ...COLLECTED, keeps: 'text' }],
      abortedUploads: [{ ...fields('uploadId modelName name lastUsedAt', 'text'), bytes: 'number' }],
      failed: [fields('modelName dataName error code', 'text')],
      dryRun: 'flag',
    },
    fails: [['data', 'gc', 'm', '--uploads-older-than', 'soon', '--force'], 'usage'],
    writes: ['data', 'gc', 'none', '--uploads-older-than', 'soon', '--force'],
  },
  {
    verb: 'data prune',
    args: () => ['data', 'prune', '--force'],
    text: /^Nothing to remove\.\n$/,
    result: {
      ...fields('modelsReclaimed dataEntriesReclaimed versionsDeleted bytesReclaimed', 'number'),
      reclaimedModels: [{ ...fields('type modelId', 'text'), ...fields('versionCount bytesReclaimed', 'number'), 'modelName?': 'text', dataNames: ['text'] }],
      keptModels: [fields('modelId path reason message', 'text')],
      dryRun: 'flag',
    },
    fails: [['data', 'prune', 'm', '--force'], 'usage'],
    writes: ['data', 'prune', '--force'],
  },
  {
    verb: 'data upload begin',
    args: () => ['data', 'upload', 'begin', 'm', 'a', '--tag', 'k=v'],
    text: /^[0-9a-f]{8}-[0-9a-f-]{27}-[0-9a-f]{12}\n$/,
    result: fields('uploadId', 'text'),
    fails: [['data', 'upload', 'begin', 'none', 'a'], 'model_not_found'],
    writes: ['data', 'upload', 'begin', 'none', 'x', '--lifetime', 'nonsense'],
  },
  {
    verb: 'data upload part',
    args: (round, repo) => ['data', 'upload', 'part', uploadOf(repo, round), '2'],
    stdin: 'three',
    text: /^part 2, 5 B\n$/,
    result: { ...fields('uploadId checksum', 'text'), ...fields('partNumber size', 'number') },
    fails: [['data', 'upload', 'part', NO_UPLOAD, '1'], 'upload_not_found'],
    writes: ['data', 'upload', 'part', 'none', '0', NO_FILE],
  },
  {
    verb: 'data upload complete',
    args: (round, repo) => ['data', 'upload', 'complete', uploadOf(repo, round), '--parts', '1'],
    text: /^m big version 1, 4 B\n$/,
    result: { ...fields('modelId modelName name checksum contentPath', 'text'), ...fields('version generation size', 'number'), changed: 'flag' },
    fails: [['data', 'upload', 'complete', 'none'], 'upload_not_found'],
    writes: ['data', 'upload', 'complete', 'none', '--parts', '10001'],
  },
  {
    verb: 'data upload abort',
    args: (round, repo) => ['data', 'upload', 'abort', uploadOf(repo, round)],
    text: /^Aborted\.\n$/,
    result: { aborted: 'flag' },
    fails: [['data', 'upload', 'abort', NO_UPLOAD], 'upload_not_found'],
    writes: ['data', 'upload', 'abort', 'none'],
  },
  {
    verb: 'data upload list',
    args: () => ['data', 'upload', 'list', 'm'],
    text: /^UPLOAD +MODEL +NAME +PARTS +SIZE +AGE\n\S+ +m +big +1 +4 B +\d+ (s|min)\n/,
    result: { uploads: [UPLOAD] },
    fails: [['data', 'upload', 'list', 'none'], 'model_not_found'],
  },
  {
    verb: 'datastore status',
    args: () => ['datastore', 'status'],
    text: /^Healthy: +yes\nSize: /,
    result: {
      healthy: 'flag',
      bytes: 'number',
      sweeps: [UNFINISHED],
      pins: [{ ...fields('path command host since', 'text'), pid: 'number' }],
      teardowns: [TEARDOWN],
      kept: [{ ...fields('modelId path kind message', 'text'), bytes: 'number' }],
      manual: [UNFINISHED],
      uploads: [UPLOAD],
      locks: [LOCK],
      changeLogs: [{ modelId: 'text', bytes: 'number' }],
      catalog: { state: 'text', bytes: 'number' },
      unreadable: ['text'],
    },
    fails: [['datastore', 'status', '--log-level', 'loud'], 'usage'],
  },
  {
    verb: 'datastore check',
    args: () => ['datastore', 'check'],
    text: /^Checked 2 models, 2 artifacts, 3 versions, 20 B, 1 tombstone, \d+ fences: no damage, 0 pending\n$/,
    result: {
      findings: ['text'],
      pending: ['text'],
      notes: ['text'],
      checked: fields('models artifacts versions bytes tombstones fences', 'number'),
      repaired: ['text'],
    },
    fails: [['datastore', 'check', '--lock-timeout', 'soon'], 'usage'],
  },
  {
    verb: 'datastore sweep',
    args: () => ['datastore', 'sweep'],
    text: /^Nothing to sweep\.\n$/,
    result: { removed: [SWEPT], left: [SWEPT], teardowns: [TEARDOWN], manual: [UNFINISHED], bytesReclaimed: 'number', dryRun: 'flag' },
    fails: [['datastore', 'sweep', '--retry-teardown', 'none'], 'model_not_found'],
    writes: ['datastore', 'sweep', '--retry-teardown', 'none'],
  },
  {
    verb: 'datastore compact',
    args: () => ['datastore', 'compact'],
    text: /^Built the catalog anew: 3 versions, [0-9]+ kB; 0 B less than before\n$/,
    result: fields('versions bytes bytesReclaimed', 'number'),
    fails: [['datastore', 'compact', 'extra'], 'usage'],
    writes: ['datastore', 'compact'],
  },
  {
    verb: 'datastore setup',
    args: (round, { base }) => ['datastore', 'setup', 'filesystem', '--path', join(base, `place${round}`), '--force'],
    text: /^Moved the datastore from \S+ to \S+place0: \d+ files, .*\. Commit \.swamp\.yaml/,
    result: { ...fields('type path previousPath', 'text'), ...fields('filesCopied bytesCopied', 'number'), ...fields('migrated dryRun', 'flag') },
    fails: [['datastore', 'setup', 's3', '--path', '/nonexistent/x', '--force'], 'usage'],
    writes: ['datastore', 'setup', 'filesystem', '--path', '/nonexistent/x', '--force'],
  },
  {
    verb: 'datastore lock status',
    args: () => ['datastore', 'lock', 'status'],
    text: /^No lock is held\.\n$/,
    result: { locks: [LOCK] },
    fails: [['datastore', 'lock', 'status', '--repo-dir', '/'], 'not_a_repo'],
  },
  {
    verb: 'datastore lock release',
    args: () => ['datastore', 'lock', 'release', '--force', '--model', 'm'],
    text: /^No lock was held\.\n$/,
    result: { released: [LOCK] },
    fails: [['datastore', 'lock', 'release', '--force', '--model', 'none'], 'model_not_found'],
    writes: ['datastore', 'lock', 'release', '--model', 'none'],
  },
  {
    verb: 'backup create',
    args: (round, { base }) => ['backup', 'create', join(base, `backup${round}`)],
    text: /^Backup: +\/.*\/backup0\nAs of: +20.*Z\nHolds: +[0-9]+ models, /,
    result: {
      ...fields('backupDir createdAt', 'text'),
      ...fields('models artifacts versions bytes tombstones uploads orphans reused sharedBytes', 'number'),
      excluded: fields('olderVersions incompleteUploads orphans otherModels deletedModels keptOutputs excludedArtifacts', 'number'),
      damaged: ['text'],
      strays: ['text'],
      renamed: [fields('path model name reason', 'text')],
      dryRun: 'flag',
    },
    fails: [['backup', 'create', '/dev/null/x'], 'io'],
    writes: ['backup', 'create', '/nonexistent/x', '--model', 'nonexistent'],
  },
  {
    verb: 'backup restore',
    args: (_, { base }) => ['backup', 'restore', backupIn(base), '--mode', 'merge'],
    text: /^Restored 0 models, 0 artifacts, 0 versions, 0 B\nStayed as it was:\n/,
    result: {
      mode: 'text?',
      ...fields('models artifacts versions bytes uploads orphans', 'number'),
      skipped: [{ model: 'text', name: 'text?', reason: 'text' }],
      removed: fields('models artifacts versions', 'number'),
      newIds: [fields('model id newId', 'text')],
      dryRun: 'flag',
    },
    fails: [['backup', 'restore', NO_FILE], 'io'],
    writes: ['backup', 'restore', '/nonexistent', '--mode', 'merge'],
  },
  {
    verb: 'backup verify',
    args: (_, { base }) => ['backup', 'verify', backupIn(base)],
    text: /^\/.*\/backup of 2026-11-20T12:00:00\.000Z: 1 model, 1 artifact, 1 version\nChecked 5 files, 7 B: whole\n$/,
    result: {
      dir: 'text',
      findings: [fields('path kind message', 'text')],
      checked: fields('files bytes', 'number'),
      formatVersion: 'number?',
      ...fields('toolVersion repoId createdAt', 'text?'),
      counts: fields('models artifacts versions bytes tombstones uploads orphans', 'number'),
      base: 'text?',
    },
    fails: [['backup', 'verify', NO_FILE], 'io'],
  },
  {
    verb: 'backup diff',
    args: (_, { base }) => ['backup', 'diff', backupIn(base), backupIn(base)],
    text: /^No difference\n$/,
    result: { ...fields('from to', 'text'), equal: 'flag', ...fields('added removed changed', 'number'), differences: ['text'] },
    fails: [['backup', 'diff', NO_FILE, '.'], 'io'],
  },
  {
    verb: 'backup pack',
    args: (round, { base }) => ['backup', 'pack', backupIn(base), join(base, `packed-${round}.tar.gz`)],
    text: /^Packed 6 files, [\d.]+ kB, to \/.*\/packed-0\.tar\.gz: [\d.]+ k?B\n$/,
    result: { ...fields('dir file', 'text'), ...fields('files bytes size', 'number') },
    fails: [['backup', 'pack', '.', 'x.zip'], 'usage'],
  },
  {
    verb: 'backup unpack',
    args: (round, { base }) => ['backup', 'unpack', archiveIn(base), join(base, `unpacked-${round}`)],
    text: /^Unpacked 6 files, [\d.]+ kB, to \/.*\/unpacked-0; it is whole\n$/,
    result: { ...fields('file dir createdAt', 'text'), ...fields('files bytes', 'number') },
    fails: [['backup', 'unpack', '/nonexistent/file.tar.gz', 'out'], 'io'],
  },
  {
    verb: 'backup list',
    args: (_, { base }) => ['backup', 'list', dirname(backupIn(join(base, 'backups')))],
    text: /^CREATED +SIZE +REPOSITORY +HOLDS +PATH\n2026-11-20T12:00:00\.000Z +7 B +[0-9a-f-]{36} +all models; .* \/.*\n$/,
    result: { dir: 'text', backups: [IN_FOLDER], skipped: ['text'] },
    fails: [['backup', 'list', NO_FILE], 'io'],
  },
  {
    verb: 'backup prune',
    args: (_, { base }) => ['backup', 'prune', dirname(backupIn(join(base, 'backups'))), '--keep-daily', '1', '--force'],
    text: /^ +CREATED +KEEPS +HOLDS +PATH\nkeep +2026-11-20T12:00:00\.000Z +2026-11-[0-9]+ +all models; .* \/.*\nRemoved 0 backups, 0 B; 1 backup kept\n$/,
    result: {
      dir: 'text',
      kept: [{ ...IN_FOLDER, keeps: ['text'] }],
      removed: ['text'],
      skipped: ['text'],
      reclaimed: ['text'],
      bytesReclaimed: 'number',
      dryRun: 'flag',
    },
    fails: [['backup', 'prune', '.', '--force'], 'usage'],
    writes: ['backup', 'prune', NO_FILE, '--keep-daily', '1', '--force'],
  },
  {
    verb: 'data watch',
    args: () => ['data', 'watch', 'm', '--prefix', 'none', '--since', '0', '--until-idle', '0'],
    text: /Z reset m\n$/,
    stderr: /Watching .*"m/,
    result: { ...fields('type modelId modelName at cursor', 'text'), ...fields('name checksum', 'text?'), ...fields('version generation size', 'number?') },
    fails: [['data', 'watch', 'm', '--since', 'x'], 'usage'],
  },
  {
    verb: 'session',
    args: () => ['session'],
    stdin: '{"id":1,"op":"data.versions","args":{"model":"m","name":"a"}}',
    text: /^\{"id":1,"result":\{"dataName":"a",.*\}\}\n$/,
    result: {
      id: 'number',
      result: {
        ...fields('dataName modelId modelName modelType', 'text'),
        versions: [{ ...fields('createdAt checksum', 'text'), ...fields('version size', 'number'), isLatest: 'flag' }],
        total: 'number',
        more: 'flag',
      },
    },
    fails: [['session', 'extra'], 'usage'],
  },
  {
    verb: 'demo',
    args: () => ['demo', '--seconds', '1', '--writers', '1', '--deletes', '1', '--quiet'],
    text: /\nPassed: /,
    result: { ...fields('versions deletes deletesWon errors waits slowestMs seconds', 'number'), stoppedBy: 'text', verdict: 'text', problems: ['text'] },
    fails: [['demo', '--seconds', '0'], 'usage'],
  },
  {
    verb: 'completion',
    args: () => ['completion', 'bash'],
    text: /complete -o default -F _swamp swamp\n$/,
    result: fields('shell script', 'text'),
    fails: [['completion', 'tcsh'], 'usage'],
  },
];

/** The verbs that --read-only does not concern; `demo` writes to a repository of its own. */
const READING = [
  ...[
    'repo info',
    'model list',
    'model search',
    'model get',
    'model validate',
    'data get',
    'data list',
    'data search',
    'data query',
    'data query',
    'data versions',
  ],
  ...[
    'data upload list',
    'datastore status',
    'datastore check',
    'datastore lock status',
    'backup verify',
    'backup diff',
    'backup pack',
    'backup unpack',
    'backup list',
    // Refused only where a log must be begun.
    'data watch',
    // Each of its operations is refused by itself.
    'session',
    'demo',
    'completion',
  ],
];

/** Two unfinished uploads of `big`, with one part of four bytes each. */
async function beginUploads({ dir }: TestRepo): Promise<void> {
  const { upload } = openRepo(dir);
  for (let i = 0; i < 2; i++) {
    const { uploadId } = await upload.begin({ model: 'm', name: 'big' });
    await upload.part({ upload: uploadId, partNumber: 1, source: ['part'] });
  }
}

/** The id of one of them: the first for the text, the second for the JSON. */
function uploadOf({ layout }: TestRepo, round: 0 | 1): string {
  const [model = ''] = existsSync(layout.uploads) ? readdirSync(layout.uploads) : [];
  return model === ''
    ? 'none'
    : (readdirSync(layout.modelUploads(model))
        .sort()
        .at(round - 2) ?? 'none');
}

test('every verb keeps to its contract', { concurrency: 2 }, async (t) => {
  const origin = await stockedRepo(t);
  await beginUploads(origin);
  const known = new Set(VERBS.map(({ verb }) => verb));
  await t.test('and there is a row for each verb of the table', () => {
    assert.deepEqual(
      COMMANDS.map(({ verb }) => verb).filter((verb) => !known.has(verb)),
      [],
    );
  });
  await Promise.all(
    VERBS.map((row) =>
      t.test(row.args(0, origin).slice(0, 4).join(' '), async (t) => {
        const repo = checkedCopy(t, origin);
        await refused(repo, ...row.fails);
        const input = row.stdin === undefined ? {} : { stdin: typeof row.stdin === 'string' ? row.stdin : row.stdin(repo) };
        const text = await run(repo, row.args(0, repo), input);
        assert.match(text.stdout, row.text);
        assert.match(text.stderr, row.stderr ?? /^$/);
        const json = await run(repo, ['--json', ...row.args(1, repo)], input);
        if (row.result === null) assert.match(json.stdout, row.text);
        else {
          assert.match(json.stdout, /^\{[^\n]*\}\n$/, 'one document, one line');
          assertShape(JSON.parse(json.stdout), row.result);
        }
        assert.match(json.stderr, row.stderr ?? /^$/);
      }),
    ),
  );
});

describe('what prints its result and fails all the same', () => {
  test('is model validate with problems, datastore check with findings, and a batch with failures', async (t) => {
    const origin = await stockedRepo(t);
    const bad = copyRepo(origin);
    writeFileSync(join(bad.dir, 'models/store/broken.yaml'), 'id: 1\nname: broken\n');
    const validated = await run(bad, ['model', 'validate', '--json'], { expect: 65 });
    assert.equal((JSON.parse(validated.stdout) as { valid: boolean }).valid, false);
    const { data } = toldError(validated, 'model_invalid');
    const problems = (data as { problems: { path: string; line: number }[] }).problems;
    assert.ok(
      problems.some(({ path, line }) => path === 'models/store/broken.yaml' && line === 1),
      JSON.stringify(problems),
    );
    const words = await run(bad, ['model', 'validate'], { expect: 65 });
    assert.match(words.stdout, /^models\/store\/broken\.yaml:1: /m);
    const checked = await run(bad, ['datastore', 'check', '--json'], { expect: 65 });
    assert.equal((JSON.parse(checked.stdout) as { findings: object[] }).findings.length > 0, true);
    toldError(checked, 'corrupt');
  });

  test('exits with the code of its first failure, and deletes the others', async (t) => {
    const origin = await stockedRepo(t);
    const bad = copyRepo(origin);
    const { id } = await openRepo(bad.dir).model.get({ model: 'm' });
    writeFileSync(join(bad.layout.artifact(id, 'a'), 'artifact.json'), 'damaged');
    const result = await run(bad, ['data', 'delete', 'm', '--all', '--force', '--json'], { expect: 65 });
    const { totalDeleted, failed } = JSON.parse(result.stdout) as { totalDeleted: number; failed: { dataName: string; code: string }[] };
    assert.equal(totalDeleted, 1);
    assert.deepEqual(
      failed.map(({ dataName, code }) => [dataName, code]),
      [['a', 'corrupt']],
    );
    assert.equal(toldError(result, 'corrupt').code, 'corrupt');
    assert.deepEqual(heldLocks(bad), []);
  });

  test('tells the error on a line of its own, wherever a method stopped printing', async (t) => {
    const repo = await tempRepo(t, { pending: 'allowed' });
    await createModel(repo, 'sh', 'printf out; printf err >&2; exit 3');
    const failed = await run(repo, ['model', 'run', 'sh', '--json'], { expect: 1 });
    assert.equal(failed.stdout, '');
    assert.deepEqual(toldError(failed, 'method_failed').data['exitCode'], 3);
    const words = await run(repo, ['model', 'run', 'sh'], { expect: 1 });
    assert.match(words.stderr, /^(outerr|errout)\nswamp: The method "execute" of "sh" exited with 3\.\nhint: .*\n$/);
    await run(repo, ['model', 'create', 'command/shell', 'td', '--run', 'true', '--delete-run', 'printf half; exit 4']);
    const torn = await run(repo, ['model', 'delete', 'td', '--force', '--json'], { expect: 1 });
    assert.equal(torn.stdout, '');
    assert.match(toldError(torn, 'teardown_failed').message, /exited with 4/);
  });
});

describe('--read-only', () => {
  test('refuses every verb that writes before it reads or locks anything, and leaves the tree as it is', async (t) => {
    const repo = await stockedRepo(t);
    // Nothing below can be read any more: whatever is looked at first would be another error.
    for (const path of ['models', '.swamp/v3']) {
      renameSync(join(repo.dir, path), join(repo.base, path.replaceAll('/', '-')));
      writeFileSync(join(repo.dir, path), 'no directory');
    }
    const before = snapshot(repo.base);
    const writing = VERBS.flatMap(({ writes }) => (writes === undefined ? [] : [writes]));
    assert.deepEqual(
      VERBS.filter(({ writes }) => writes === undefined).map(({ verb }) => verb),
      READING,
    );
    for (const args of writing) await refused(repo, ['--read-only', ...args], 'read_only');
    for (const args of writing.slice(0, 3)) for (const on of ['1', 'true', 'yes']) await refused(repo, args, 'read_only', { env: { SWAMP_READ_ONLY: on } });
    assert.deepEqual(snapshot(repo.base), before);
    for (const path of ['models', '.swamp/v3']) {
      rmSync(join(repo.dir, path));
      renameSync(join(repo.base, path.replaceAll('/', '-')), join(repo.dir, path));
    }
  });

  test('holds in the library, too', async (t) => {
    const repo = await stockedRepo(t);
    const before = snapshot(repo.dir);
    const { data, model, datastore, upload } = openRepo(repo.dir, { readOnly: true });
    const readOnly = { code: 'read_only' };
    await assert.rejects(data.put({ model: 'none', name: '', source: ['x'] }), readOnly);
    await assert.rejects(data.delete({ model: 'none', name: '' }), readOnly);
    await assert.rejects(model.create({ type: 'none', name: '' }), readOnly);
    await assert.rejects(model.run({ model: 'none' }), readOnly);
    await assert.rejects(model.exec({ model: 'none', command: ['true'] }), readOnly);
    await assert.rejects(model.edit({ model: 'none', text: '' }), readOnly);
    await assert.rejects(model.set({ model: 'none' }), readOnly);
    await assert.rejects(upload.begin({ model: 'none', name: '' }), readOnly);
    await assert.rejects(upload.part({ upload: 'none', partNumber: 1, source: [] }), readOnly);
    await assert.rejects(upload.complete({ upload: 'none', parts: 1 }), readOnly);
    await assert.rejects(upload.abort({ upload: 'none' }), readOnly);
    await assert.rejects(datastore.sweep(), readOnly);
    await assert.rejects(datastore.repair(), readOnly);
    await assert.rejects(datastore.lockRelease({}), readOnly);
    assert.equal((await data.list()).total, 2);
    assert.deepEqual(snapshot(repo.dir), before);
  });
});

/** Each is asked about, refused without a terminal, and allowed with -f; what it would do is what it does. */
const DESTRUCTIVE: readonly { readonly args: readonly string[]; readonly totals: readonly string[] }[] = [
  { args: ['data', 'delete', 'm', 'a'], totals: ['versionsDeleted', 'alreadyDeleted', 'dataName'] },
  { args: ['data', 'delete', 'm', 'a', '--version', '1'], totals: ['versionsDeleted', 'version'] },
  { args: ['data', 'delete', 'm', '--prefix', 'b'], totals: ['totalDeleted', 'totalVersionsDeleted'] },
  { args: ['data', 'delete', 'm', '--all'], totals: ['totalDeleted', 'totalVersionsDeleted'] },
  { args: ['model', 'delete', 'm', '--with-data'], totals: ['id', 'versionsDeleted', 'alreadyDeleted'] },
];

describe('a destructive verb', () => {
  test('without a terminal is refused with the way on, and changes nothing; --dry-run tells what the real run then does', async (t) => {
    const origin = await stockedRepo(t);
    for (const { args, totals } of DESTRUCTIVE) {
      await t.test(args.join(' '), async (t) => {
        const repo = checkedCopy(t, origin);
        const before = snapshot(repo.dir);
        assert.match((await refused(repo, args, 'usage')).hint, /--force/);
        const plan = await runJson<Record<string, unknown>>(repo, [...args, '--dry-run', '--read-only']);
        assert.equal(plan['dryRun'], true);
        assert.deepEqual(snapshot(repo.dir), before);
        const done = await runJson<Record<string, unknown>>(repo, [...args, args.length % 2 === 0 ? '-f' : '--yes']);
        assert.deepEqual(
          totals.map((name) => done[name]),
          totals.map((name) => plan[name]),
        );
        assert.notDeepEqual(snapshot(repo.dir), before);
      });
    }
  });

  test('lock release wants --force, with a terminal and without', onTerminal, async (t) => {
    const repo = await stockedRepo(t);
    assert.match((await refused(repo, ['datastore', 'lock', 'release'], 'usage')).hint, /--force/);
    const asked = startOnTerminal(repo, 'swamp datastore lock release');
    await finished(asked, 64);
    assert.match(asked.stdout(), /--force/);
  });

  test('on a terminal asks on stderr; no means exit 0, cancelled, and nothing done', onTerminal, async (t) => {
    const repo = await stockedRepo(t);
    const before = snapshot(repo.dir);
    await Promise.all(
      DESTRUCTIVE.filter((_, i) => i % 2 === 0).map(async ({ args }, i) => {
        const out = join(repo.base, `out${i}`);
        const asked = startOnTerminal(repo, `swamp ${args.join(' ')} --json >'${out}'`);
        await asked.says(/\? \[y\/N\] /);
        assert.equal(readFileSync(out, 'utf8'), '');
        asked.write('n\n');
        await finished(asked);
        const result = JSON.parse(readFileSync(out, 'utf8')) as Record<string, unknown>;
        assert.equal(result['cancelled'], true);
        assert.equal(result['versionsDeleted'] ?? result['totalVersionsDeleted'], 0);
      }),
    );
    assert.deepEqual(snapshot(repo.dir), before);
  });

  test('at whose question somebody types Ctrl-C ends with 130, and nothing is done', onTerminal, async (t) => {
    const repo = await stockedRepo(t);
    const before = snapshot(repo.dir);
    const asked = startOnTerminal(repo, 'swamp model delete m --with-data');
    await asked.says(/Delete the model m with 2 artifacts, 3 versions\? \[y\/N\] /);
    asked.write('\u0003');
    await finished(asked, 130);
    assert.doesNotMatch(asked.stdout(), /error|Abort|at .*:\d+/i);
    assert.deepEqual(snapshot(repo.dir), before);
  });
});

describe('the repository', () => {
  const owners = { skip: process.geteuid?.() === 0 ? false : 'only root can give a file to another account' };

  test('that was found and belongs to another account is read, and runs none of its commands unless it is trusted', owners, async (t) => {
    const repo = await tempRepo(t);
    const ran = join(repo.base, 'ran');
    for (const name of ['m', 'n']) {
      const commands = ['--run', 'true', '--delete-run', `echo ${name} >>'${ran}'`];
      await run(repo, ['model', 'create', 'command/shell', name, ...commands]);
    }
    await put(repo, 'm', 'a', 'one');
    chownSync(join(repo.dir, '.swamp.yaml'), 12_345, 12_345);
    assert.equal((await run(repo, ['data', 'get', 'm', 'a'])).stdout, 'one');
    for (const args of [
      ['model', 'run', 'm'],
      ['model', 'delete', 'm', '--with-data', '--force'],
    ]) {
      const { hint, data } = await refused(repo, args, 'config_invalid');
      assert.match(hint, /--trust.*SWAMP_SAFE_DIR=/);
      assert.equal(data['uid'], 12_345);
    }
    assert.deepEqual([await versionsOf(repo, 'm', 'a'), existsSync(ran)], [[1], false]);
    await run(repo, ['model', 'run', 'm', '--trust']);
    for (const env of [{ SWAMP_SAFE_DIR: `/nowhere:${repo.dir}` }, { SUDO_UID: '12345' }, { SWAMP_REPO_DIR: repo.dir }])
      await run(repo, ['model', 'run', 'm'], { env });
    await run(repo, ['model', 'delete', 'm', '--with-data', '--force', '--trust']);
    // A teardown that waits is refused by whoever would run it, and stays.
    chownSync(join(repo.dir, '.swamp.yaml'), 0, 0);
    const died = start(repo, ['model', 'delete', 'n', '--force'], { env: { SWAMP_FAILPOINTS: 'model-delete.committed=kill' } });
    assert.equal((await died.exited).signal, 'SIGKILL');
    chownSync(join(repo.dir, '.swamp.yaml'), 12_345, 12_345);
    await refused(repo, ['datastore', 'sweep'], 'config_invalid');
    assert.equal(readFileSync(ran, 'utf8'), 'm\n');
    await run(repo, ['datastore', 'sweep', '--trust']);
    assert.equal(readFileSync(ran, 'utf8'), 'm\nn\n');
  });

  test('is the one of --repo-dir, else of SWAMP_REPO_DIR, else the nearest upwards', async (t) => {
    const repo = await tempRepo(t);
    const [flag, env] = [join(repo.base, 'flag'), join(repo.base, 'env')];
    const inner = join(repo.dir, 'inner');
    await Promise.all([flag, env, inner].map((dir) => run(repo, ['repo', 'init', dir])));
    const deep = join(repo.dir, 'x/y');
    mkdirSync(deep, { recursive: true });
    mkdirSync(join(inner, 'z'));
    const found = async (args: readonly string[], cwd: string, SWAMP_REPO_DIR?: string): Promise<string> =>
      (await runJson<{ repoDir: string }>(repo, ['repo', 'info', ...args], { cwd, env: { SWAMP_REPO_DIR } })).repoDir;
    assert.equal(await found(['--repo-dir', flag], deep, env), flag);
    assert.equal(await found(['--repo-dir=../../../flag'], deep, env), flag);
    assert.equal(await found([], deep, env), env);
    assert.equal(await found([], repo.base, 'env'), env);
    assert.equal(await found([], deep), repo.dir);
    await refused(repo, ['repo', 'info'], 'usage', { env: { SWAMP_REPO_DIR: '' } });
    assert.equal(await found([], join(inner, 'z')), inner);
    await refused(repo, ['repo', 'info'], 'not_a_repo', { cwd: repo.base });
    await refused(repo, ['repo', 'info', '--repo-dir', deep], 'not_a_repo');
    await refused(repo, ['repo', 'info'], 'not_a_repo', { env: { SWAMP_REPO_DIR: deep } });
  });
});

describe('stderr', () => {
  test('has warnings, fewer with --quiet, SWAMP_LOG_LEVEL and --log-level, and never changes stdout', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const stray = join(repo.dir, 'models/store/stray.yml');
    writeFileSync(stray, '');
    const plain = await run(repo, ['model', 'list', '--json']);
    const { at, message, ...facts } = JSON.parse(plain.stderr) as Record<string, unknown>;
    assert.match(String(at), /^\d{4}-.*Z$/);
    assert.match(String(message), /^models\/store\/stray\.yml/);
    assert.deepEqual(facts, { level: 'warning', category: 'swamp.model', path: 'models/store/stray.yml' });
    assert.match((await run(repo, ['model', 'list'])).stderr, /^swamp: warning: models\/store\/stray\.yml/);
    const failed = await run(repo, ['data', 'list', 'none', '--log-format', 'json'], { expect: 66 });
    assert.equal((JSON.parse(failed.stderr.trimEnd().split('\n').at(-1) ?? '') as { error: { code: string } }).error.code, 'model_not_found');
    assert.match((await run(repo, ['model', 'list', '--json', '--log-format', 'text'])).stderr, /^swamp: warning: /);
    await run(repo, ['model', 'list', '--log-format', 'xml'], { expect: 64 });
    const silent: readonly (readonly [readonly string[], Record<string, string>])[] = [
      [['-q'], {}],
      [['--log-level', 'error'], {}],
      [[], { SWAMP_LOG_LEVEL: 'silent' }],
    ];
    for (const [args, env] of silent) {
      const { stdout, stderr } = await run(repo, ['model', 'list', '--json', ...args], { env });
      assert.equal(stderr, '', `${args} ${JSON.stringify(env)}`);
      assert.equal(stdout, plain.stdout);
    }
    assert.match((await run(repo, ['model', 'list', '--log-level', 'warn'], { env: { SWAMP_LOG_LEVEL: 'silent' } })).stderr, /warning/);
    assert.match((await run(repo, ['model', 'get', 'none', '-q'], { expect: 66 })).stderr, /^swamp: There is no model "none"/);
    renameSync(stray, join(repo.base, 'stray.yml'));
  });

  test('has colour on a terminal, and none with --no-color, NO_COLOR, or a dumb terminal', onTerminal, async (t) => {
    const repo = await tempRepo(t);
    const colour = async (args: string, env: Record<string, string | undefined>): Promise<boolean> => {
      const shown = startOnTerminal(repo, `swamp data get none x ${args}`, { NO_COLOR: undefined, TERM: 'xterm', ...env });
      const { stdout } = await finished(shown, 66);
      assert.match(stdout, /There is no model/);
      return stdout.includes('\u001b[');
    };
    const [plain, flag, variable, dumb, json] = await Promise.all([
      colour('', {}),
      colour('--no-color', {}),
      colour('', { NO_COLOR: '1' }),
      colour('', { TERM: 'dumb' }),
      colour('--json', {}),
    ]);
    assert.deepEqual({ plain, flag, variable, dumb, json }, { plain: true, flag: false, variable: false, dumb: false, json: false });
  });
});

test('a lock timeout that is no whole number is a usage error, from the flag and from the environment', async (t) => {
  const repo = await tempRepo(t);
  const wrong = ['abc', '-1', '1.5', '1e3', ' 5', '99999999999', '0x10', '+5', '1_000', '∞'];
  for (const value of wrong) {
    assert.throws(() => timingFrom({}, value), { code: 'usage' }, value);
    for (const name of ['SWAMP_LOCK_TIMEOUT_MS', 'SWAMP_LOCK_TTL_MS']) assert.throws(() => timingFrom({ [name]: value }), { code: 'usage' }, value);
  }
  for (const value of ['abc', '-1']) {
    const flag = await refused(repo, ['data', 'list', '--lock-timeout', value], 'usage');
    assert.ok(flag.message.includes('--lock-timeout') && flag.message.includes(value), flag.message);
  }
  const env = await refused(repo, ['data', 'put', 'none', 'x'], 'usage', { env: { SWAMP_LOCK_TIMEOUT_MS: '1.5' } });
  assert.ok(env.message.includes('SWAMP_LOCK_TIMEOUT_MS'), env.message);
  await refused(repo, ['data', 'list', '--lock-timeout='], 'usage');
  assert.throws(() => timingFrom({ SWAMP_LOCK_TTL_MS: '0' }), { code: 'usage' });
  assert.deepEqual([timingFrom({}, '0').lockTimeoutMs, timingFrom({ SWAMP_LOCK_TIMEOUT_MS: '0' }).lockTimeoutMs], [0, 0]);
  // The flag is the one that counts, even where the variable makes no sense.
  await run(repo, ['data', 'list', '--lock-timeout', '5'], { env: { SWAMP_LOCK_TIMEOUT_MS: 'abc' } });
});

describe('words', () => {
  test('that are flags may stand anywhere; values are taken as they are, whatever they look like', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const file = join(repo.base, '-file');
    writeFileSync(file, 'content');
    interface Expected {
      readonly name: string;
      readonly tags?: Record<string, string>;
      readonly contentType?: string;
    }
    const cases: readonly (readonly [args: readonly string[], expected: Expected])[] = [
      [['data', 'put', 'm', 'after', file, '--tag', 'a=1', '--json', '--tag=b=-2', '--tag', 'a=3'], { name: 'after', tags: { a: '3', b: '-2' } }],
      [
        ['--json', 'data', '--lock-timeout', '5000', 'put', '--tag', '--x=--y', 'm', '--content-type', '--json', 'before', file],
        { name: 'before', tags: { '--x': '--y' }, contentType: '--json' },
      ],
      [['data', 'put', file, '--json', '--name', '-n', '--model', 'm'], { name: '-n' }],
      [['data', 'put', '--json', '--name', 'first', 'm', '--name', '--name', '--', file], { name: '--name' }],
      [['data', 'put', '--json', '--', 'm', '-x', file], { name: '-x' }],
      [['data', 'put', 'm', '007', file, '--json', '--tag', 'n=1.50', '--content-type', '0x10'], { name: '007', tags: { n: '1.50' }, contentType: '0x10' }],
      [['data', 'put', 'm', '1e3', file, '--json', '--json', '-qq'], { name: '1e3' }],
      [
        ['data', 'put', 'm', 'a.b', file, '--json', '--tag', 'a.b=c.d', '--tag', '__proto__=x', '--tag', 'k=a=b'],
        { name: 'a.b', tags: Object.fromEntries([...Object.entries({ 'a.b': 'c.d', k: 'a=b' }), ['__proto__', 'x']]) },
      ],
    ];
    for (const [args, { name, tags = {}, contentType = 'application/octet-stream' }] of cases) {
      const { stdout } = await run(repo, args);
      assert.equal((JSON.parse(stdout) as { name: string }).name, name);
      const { record } = await openRepo(repo.dir).data.get({ model: 'm', name });
      assert.deepEqual({ tags: Object.entries(record.tags).sort(), type: record.contentType }, { tags: Object.entries(tags).sort(), type: contentType });
    }
    assert.equal((await run(repo, ['data', 'get', '--name', '--name', 'm'])).stdout, 'content');
    assert.equal((await run(repo, ['data', 'get', '--model', 'm', '--', '-x'])).stdout, 'content');
  });

  test('that are no verb and no flag are usage errors, with what was probably meant', async (t) => {
    const repo = await tempRepo(t);
    const cases: readonly (readonly [args: readonly string[], hint: RegExp])[] = [
      [['data', 'lits'], /"data list"/],
      [['lock', 'status'], /"datastore lock"/],
      [['data', 'get', 'm', 'a', '--verfy'], /"--verify"/],
      [['data', 'put', 'm', 'a', '--json', '--tag'], /"swamp data put --help"/],
      [['dta', 'list'], /"data"/],
      [['data', 'remove'], /"swamp data --help"/],
      [['put', 'm', 'a'], /"data put"/],
      [['sweep'], /"datastore sweep"/],
      [['model', 'method', 'rn', 'm'], /"model method run"/],
      [['data', 'list', '--no-json'], /"swamp data list --help"/],
      [['data', 'delete', 'm', 'a', '--force=yes'], /"swamp data delete --help"/],
      [['data', 'get', 'm'], /"swamp data get --help"/],
      [['data', 'get', 'm', 'a', 'b'], /"swamp data get --help"/],
      [['data'], /"swamp data --help"/],
      [['toString'], /"swamp --help"/],
      [['data', 'constructor'], /"swamp data --help"/],
      [[''], /"swamp --help"/],
    ];
    for (const [args, hint] of cases) {
      const parsed = parse(args);
      assert.ok(parsed.kind === 'refused' && parsed.error.code === 'usage', args.join(' '));
      assert.match(parsed.error.hint ?? '', hint, args.join(' '));
    }
    // The first of each kind through the program.
    for (const [args, hint] of cases.slice(0, 4)) assert.match((await refused(repo, args, 'usage')).hint, hint, args.join(' '));
    assert.match((await refused(repo, ['data', 'put', 'm', 'a', '--tag', 'none'], 'usage')).hint, /--tag env=prod/);
    assert.match((await refused(repo, ['data', 'get', 'm', 'a', '--version', '1.0'], 'usage')).hint, /--version 3/);
    assert.match((await refused(repo, ['model', 'create', 'stroe', 'm'], 'usage')).hint, /"store"/);
  });
});

describe('a reader of stdout that goes away', () => {
  test('ends listings and content with 141, in silence, and harms nothing', async (t) => {
    const repo = await tempRepo(t);
    const { model, data } = openRepo(repo.dir);
    await model.create({ type: 'store', name: 'm' });
    // More than a pipe holds, in records and in one content.
    for (let i = 0; i < 90; i++) await data.put({ model: 'm', name: `${i} ${'x'.repeat(1000)}`, source: ['x'] });
    await data.put({ model: 'm', name: 'large', source: ['line\n'.repeat(100_000)] });
    const verbs = ['data list m', 'data list --json', 'data get m large', 'data get m large --json', 'data get m large -o -'];
    const ended = await Promise.all(verbs.map((verb) => bash(repo, `swamp ${verb} | head -c 1 >/dev/null; echo "\${PIPESTATUS[0]}"`)));
    for (const [i, { stdout, stderr }] of ended.entries()) assert.deepEqual({ stdout, stderr }, { stdout: '141\n', stderr: '' }, verbs[i]);
    // What was committed stays, although nobody could be told.
    const gone = await bash(repo, 'mkfifo p; (exec 3<p; exec 3<&-) & exec 4>p; wait; echo new | swamp data put m large >&4; echo $?');
    assert.deepEqual(pick(gone), { stdout: '141\n', stderr: '' });
    assert.deepEqual(await versionsOf(repo, 'm', 'large'), [1, 2]);
    assert.deepEqual(heldLocks(repo), []);
    await put(repo, 'm', 'after', 'x');
  });
});

function pick({ stdout, stderr }: Result): { stdout: string; stderr: string } {
  return { stdout, stderr };
}

/** A line of bash in which `swamp` is the program under test. */
function bash(repo: TestRepo, line: string): Promise<Result> {
  return finished(launch(repo, 'bash', ['-c', line]));
}
