import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SwampError } from '../errors.js';
import { runShell, type ShellOptions, type ShellResult } from './shell.js';

const LIMIT = { timeout: 30_000 };

interface Ran extends ShellResult {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

async function run(command: string, options: Partial<ShellOptions> = {}): Promise<Ran> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const result = await runShell(command, {
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'] },
    signal: AbortSignal.timeout(LIMIT.timeout),
    onStdout: (chunk) => void stdout.push(chunk),
    onStderr: (chunk) => void stderr.push(chunk),
    ...options,
  });
  return { ...result, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
}

function lines(output: Buffer): string[] {
  return output.toString().trimEnd().split('\n');
}

/** A zombie is dead: only its parent has not asked yet. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !existsSync('/proc/self/stat') || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    assert.ok(['ESRCH', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? ''), String(error));
    return false;
  }
}

function temporaryDir(onEnd: (clean: () => void) => void): string {
  const dir = mkdtempSync(join(tmpdir(), 'swamp-shell-'));
  onEnd(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('the exit code and both outputs arrive, apart', LIMIT, async () => {
  const ran = await run('echo out; echo err >&2; exit 7');
  assert.equal(ran.exitCode, 7);
  assert.equal(ran.signal, null);
  assert.equal(ran.timedOut, false);
  assert.equal(ran.aborted, false);
  assert.equal(ran.stdout.toString(), 'out\n');
  assert.equal(ran.stderr.toString(), 'err\n');
});

test('a shell ended by a signal has that signal and no exit code', LIMIT, async () => {
  const ran = await run('kill -KILL $$');
  assert.equal(ran.exitCode, null);
  assert.equal(ran.signal, 'SIGKILL');
  assert.equal(ran.timedOut, false);
});

test('a variable reaches the command as a value, never as shell text, and nothing else is inherited', LIMIT, async (t) => {
  const dir = temporaryDir((clean) => t.after(clean));
  const value = `$(touch ${dir}/a) ; touch ${dir}/b "'\n`;
  const ran = await run('printf %s "$VALUE" ; printf %s "$HOME"', { env: { VALUE: value, PATH: process.env['PATH'] } });
  assert.equal(ran.stdout.toString(), value);
  assert.equal(existsSync(join(dir, 'a')), false);
  assert.equal(existsSync(join(dir, 'b')), false);
});

test('output is handed on byte for byte, also when it is no text', LIMIT, async () => {
  const ran = await run(String.raw`printf '\000\377\376\r\n\200'`);
  assert.deepEqual([...ran.stdout], [0, 255, 254, 13, 10, 128]);
});

test('standard input is empty', LIMIT, async () => {
  const ran = await run('cat; echo end');
  assert.equal(ran.stdout.toString(), 'end\n');
});

test('the time limit ends the shell and its children', LIMIT, async () => {
  const started = performance.now();
  const ran = await run('sleep 60 & echo $!; sleep 60', { timeoutMs: 200 });
  assert.equal(ran.timedOut, true);
  assert.equal(ran.aborted, false);
  assert.equal(ran.signal, 'SIGTERM');
  assert.ok(performance.now() - started < 5_000);
  assert.equal(isAlive(ran.pid), false);
  assert.equal(isAlive(Number(lines(ran.stdout)[0])), false);
});

test('a command that ignores SIGTERM is killed two seconds later', LIMIT, async () => {
  const started = performance.now();
  const ran = await run('trap "" TERM; echo ready; while :; do sleep 0.05; done', { timeoutMs: 200 });
  assert.equal(ran.signal, 'SIGKILL');
  const took = performance.now() - started;
  assert.ok(took >= 2_150 && took < 6_000, `${took} ms`);
});

test('a child that ignores SIGTERM is killed too, although the shell ended at once', LIMIT, async () => {
  const ran = await run('(trap "" TERM; while :; do sleep 0.05; done) & echo $!; wait', { timeoutMs: 300 });
  assert.equal(ran.signal, 'SIGTERM');
  assert.equal(isAlive(Number(lines(ran.stdout)[0])), false);
});

test('what a command writes while it is ended is read', LIMIT, async () => {
  const ran = await run('trap "echo goodbye; exit 3" TERM; echo ready; while :; do sleep 0.05; done', { timeoutMs: 300 });
  assert.equal(ran.timedOut, true);
  assert.equal(ran.exitCode, 3);
  assert.deepEqual(lines(ran.stdout), ['ready', 'goodbye']);
});

test('an abort ends the command as the time limit does, and is told apart', LIMIT, async () => {
  const controller = new AbortController();
  const ran = await run('echo ready; sleep 60', { signal: controller.signal, onStdout: () => controller.abort(new Error('enough')) });
  assert.equal(ran.aborted, true);
  assert.equal(ran.timedOut, false);
  assert.equal(ran.signal, 'SIGTERM');
});

test('nothing is started when the signal has fired before', LIMIT, async (t) => {
  const dir = temporaryDir((clean) => t.after(clean));
  await assert.rejects(run('touch started', { cwd: dir, signal: AbortSignal.abort(new Error('before')) }), /before/);
  assert.equal(existsSync(join(dir, 'started')), false);
});

test('a background process that keeps the pipe open is not waited for', LIMIT, async () => {
  const started = performance.now();
  const ran = await run('sleep 60 & echo $!; echo last');
  const [sleeper = '', last] = lines(ran.stdout);
  assert.ok(performance.now() - started < 5_000);
  assert.equal(last, 'last');
  assert.equal(isAlive(Number(sleeper)), true, 'a process that was put into the background on purpose is left alone');
  process.kill(Number(sleeper), 'SIGKILL');
});

test('what was written before the exit is read whole, though a background process keeps the pipe open and the sink is slow', LIMIT, async () => {
  for (let round = 0; round < 10; round++) {
    const chunks: Buffer[] = [];
    const ran = await run('sleep 60 & echo $! >&2; head -c 400000 /dev/zero', {
      onStdout: async (chunk) => {
        await delay(3);
        chunks.push(chunk);
      },
    });
    process.kill(Number(lines(ran.stderr)[0]), 'SIGKILL');
    assert.equal(Buffer.concat(chunks).length, 400_000);
  }
});

test('a background process that never stops writing does not keep the run from ending', LIMIT, async () => {
  const started = performance.now();
  const ran = await run('yes noise & sleep 0.1; echo; echo last words; exit 5', { onStdout: async () => delay(1) });
  assert.equal(ran.exitCode, 5);
  assert.ok(performance.now() - started < 10_000);
});

test('the last words of a shell are found among what a background process goes on writing', LIMIT, async () => {
  const ran = await run('yes noise & sleep 0.1; echo; echo last words; exit 5');
  assert.ok(ran.stdout.includes('last words\n'));
});

test('50 MB of output arrive whole', LIMIT, async () => {
  let bytes = 0;
  const ran = await run('head -c 50000000 /dev/zero; printf end', {
    onStdout: (chunk) => {
      bytes += chunk.length;
    },
  });
  assert.equal(ran.exitCode, 0);
  assert.equal(bytes, 50_000_003);
});

test('a slow sink makes the command wait, and gets one chunk at a time', LIMIT, async (t) => {
  const dir = temporaryDir((clean) => t.after(clean));
  const done = join(dir, 'done');
  let sinking = 0;
  let most = 0;
  let first = true;
  let bytes = 0;
  await run(`head -c 50000000 /dev/zero; touch ${done}`, {
    onStdout: async (chunk) => {
      most = Math.max(most, ++sinking);
      if (first) await delay(500);
      if (first) assert.equal(existsSync(done), false, 'the command ran on while nobody took its output');
      first = false;
      bytes += chunk.length;
      sinking--;
    },
  });
  assert.equal(most, 1);
  assert.equal(bytes, 50_000_000);
});

test('what a sink throws ends the command and is thrown', LIMIT, async () => {
  let pid = 0;
  const failing = run('echo $$; sleep 60', {
    onStdout: (chunk) => {
      pid = Number(chunk.toString());
      throw new Error('disk full');
    },
  });
  await assert.rejects(failing, /disk full/);
  assert.equal(isAlive(pid), false);
});

test('a working directory that is missing or a file is told by its path', LIMIT, async () => {
  for (const cwd of ['/nowhere/at/all', '/dev/null']) {
    await assert.rejects(run('true', { cwd }), (error) => error instanceof SwampError && error.code === 'io' && error.message.includes(cwd));
  }
});

test('an environment larger than the system allows is a usage error', LIMIT, async () => {
  await assert.rejects(run('true', { env: { BIG: 'x'.repeat(20_000_000) } }), (error) => error instanceof SwampError && error.code === 'usage');
});

test('before the first command the pid of the shell that runs it is reported, and that shell leaves the exit status', LIMIT, async (t) => {
  const dir = temporaryDir((clean) => t.after(clean));
  let told = 0;
  const exitPath = join(dir, 'exit');
  const ran = await run('touch started; echo $PPID; cat <&3; exit 7', {
    cwd: dir,
    recorded: {
      exitPath,
      before: async (pid) => {
        told = pid;
        await delay(100);
        assert.equal(existsSync(join(dir, 'started')), false);
      },
    },
  });
  assert.equal(ran.exitCode, 7);
  assert.equal(readFileSync(exitPath, 'utf8'), '7\n');
  assert.equal(told, ran.pid);
  assert.equal(Number(lines(ran.stdout)[0]), told);
  assert.notEqual(ran.stderr.length, 0, 'the gate is closed to the command');
  assert.ok(existsSync(join(dir, 'started')));
});

test('a command whose start could not be recorded never runs', LIMIT, async (t) => {
  const dir = temporaryDir((clean) => t.after(clean));
  let told = 0;
  const failing = run('touch started', {
    cwd: dir,
    recorded: {
      exitPath: join(dir, 'exit'),
      before: async (pid) => {
        told = pid;
        throw new Error('disk full');
      },
    },
  });
  await assert.rejects(failing, /disk full/);
  assert.equal(existsSync(join(dir, 'started')), false);
  assert.equal(isAlive(told), false);
});

test('a command that is ended before its start never runs', LIMIT, async (t) => {
  const dir = temporaryDir((clean) => t.after(clean));
  const controller = new AbortController();
  const ran = await run('touch started; sleep 60', {
    cwd: dir,
    signal: controller.signal,
    recorded: {
      exitPath: join(dir, 'exit'),
      before: async (pid) => {
        controller.abort(new Error('enough'));
        while (isAlive(pid)) await delay(5);
      },
    },
  });
  assert.equal(ran.aborted, true);
  assert.equal(existsSync(join(dir, 'started')), false);
});
