/**
 * Searches design/protocol.pml with spin, configuration by configuration: the protocol must hold, and each mutation must
 * yield the counterexample it is known for. A search that does not finish counts as failed. Needs spin and cc; without
 * them it skips, except where CI is set.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MODEL = fileURLToPath(new URL('../design/protocol.pml', import.meta.url));
const TIMEOUT_MS = 900_000;
/** Two searches at a time, so that a machine with 6 GB will do. */
const PARALLEL = Math.min(2, availableParallelism());
const MEGABYTES_EACH = 2800;

/** What a search may end with, beside the name of a violated property (see the head of protocol.pml). */
const HOLDS = 'holds';
const DEADLOCK = 'deadlock';
const LIVELOCK = 'livelock';
const ADVERSARY = { BREAK_RUN: 1, BREAK_DATA: 1, BREAK_GLOBAL: 1 };

/** `expect`: HOLDS, or what the mutation must be caught by. `ends`: searches for endless giving way instead. */
const CONFIGURATIONS = [
  // The long ones first, so that both processors are busy to the end.
  { name: 'adversary, twice each: put, run, delete', set: { POP: 6, FIRST: 0, BREAK_RUN: 2, BREAK_DATA: 2, BREAK_GLOBAL: 2 }, expect: HOLDS },
  { name: 'adversary: put, method, delete, listing', set: { POP: 1, FIRST: 0, BREAK_RUN: 1, BREAK_DATA: 1 }, expect: HOLDS },
  { name: 'adversary: put, method, delete, listing', set: { POP: 1, FIRST: 0, BREAK_GLOBAL: 1 }, expect: HOLDS },
  { name: 'adversary: methods across two models, delete', set: { POP: 2, FIRST: 0, BREAK_RUN: 1, BREAK_GLOBAL: 1 }, expect: HOLDS },
  { name: 'adversary: methods across two models, delete', set: { POP: 2, FIRST: 0, BREAK_DATA: 2 }, expect: HOLDS },
  { name: 'adversary: two deletes, two puts', set: { POP: 3, FIRST: 0, BREAK_DATA: 1, BREAK_GLOBAL: 1 }, expect: HOLDS },
  { name: 'adversary: background put, delete, listing', set: { POP: 4, FIRST: 0, BREAK_RUN: 1 }, expect: HOLDS },
  { name: 'adversary: two runs, delete, listing', set: { POP: 5, FIRST: 0, BREAK_GLOBAL: 1 }, expect: HOLDS },
  { name: 'adversary: two runs, delete, listing', set: { POP: 5, FIRST: 0, BREAK_RUN: 1, BREAK_DATA: 1 }, expect: HOLDS },
  { name: 'adversary: run, gc, listing', set: { POP: 7, FIRST: 0, ...ADVERSARY }, expect: HOLDS },
  { name: 'adversary: run, rename, listing', set: { POP: 8, FIRST: 0, ...ADVERSARY }, expect: HOLDS },
  { name: 'adversary: run, delete, listing', set: { POP: 9, FIRST: 0, ...ADVERSARY }, expect: HOLDS },
  { name: 'adversary and a death: run, rename, listing', set: { POP: 8, FIRST: 0, DEATHS: 1, BREAK_GLOBAL: 1 }, expect: HOLDS },
  { name: 'adversary and a death: run, delete, listing', set: { POP: 9, FIRST: 0, DEATHS: 1, BREAK_GLOBAL: 1 }, expect: HOLDS },
  { name: 'adversary and a death: run, delete, listing', set: { POP: 9, FIRST: 0, DEATHS: 1, BREAK_RUN: 1, BREAK_DATA: 1 }, expect: HOLDS },
  { name: 'adversary: nested delete, nested run', set: { POP: 20, BREAK_RUN: 1, BREAK_GLOBAL: 1 }, expect: HOLDS },
  { name: 'adversary: deletes in each other', set: { POP: 21, BREAK_RUN: 1, BREAK_GLOBAL: 1 }, expect: HOLDS },
  { name: 'adversary: runs of each other', set: { POP: 22, BREAK_RUN: 1, BREAK_GLOBAL: 1 }, expect: HOLDS },
  { name: 'adversary: nested two deep', set: { POP: 23, BREAK_RUN: 1 }, expect: HOLDS },
  { name: 'adversary: nested two deep', set: { POP: 23, BREAK_GLOBAL: 1 }, expect: HOLDS },
  { name: 'adversary: background delete', set: { POP: 27, BREAK_RUN: 1 }, expect: HOLDS },
  { name: 'deaths: put, method, delete, listing', set: { POP: 1, FIRST: 0, DEATHS: 1 }, expect: HOLDS },
  { name: 'deaths: methods across two models, delete', set: { POP: 2, FIRST: 0, DEATHS: 1 }, expect: HOLDS },
  { name: 'deaths: two runs, delete, listing', set: { POP: 5, FIRST: 0, DEATHS: 2 }, expect: HOLDS },
  { name: 'deaths: put, run, delete', set: { POP: 6, FIRST: 0, DEATHS: 3 }, expect: HOLDS },
  { name: 'deaths: run, rename, listing', set: { POP: 8, FIRST: 0, DEATHS: 2 }, expect: HOLDS },
  { name: 'deaths: nested delete, nested run', set: { POP: 20, DEATHS: 1 }, expect: HOLDS },
  { name: 'deaths: deletes in each other', set: { POP: 21, DEATHS: 1 }, expect: HOLDS },
  { name: 'deaths: runs of each other', set: { POP: 22, DEATHS: 1 }, expect: HOLDS },
  { name: 'deaths: nested two deep', set: { POP: 23, DEATHS: 1 }, expect: HOLDS },
  { name: 'put, method, delete, listing', set: { POP: 1 }, expect: HOLDS },
  { name: 'methods across two models, delete of both', set: { POP: 2 }, expect: HOLDS },
  { name: 'two deletes, overlapping scopes', set: { POP: 3 }, expect: HOLDS },
  { name: 'background put, delete of both, listing', set: { POP: 4 }, expect: HOLDS },
  { name: 'two runs of one model, delete, listing', set: { POP: 5 }, expect: HOLDS },
  { name: 'run, gc, listing', set: { POP: 7 }, expect: HOLDS },
  { name: 'run, rename, listing', set: { POP: 8 }, expect: HOLDS },
  { name: 'nested delete, nested run, delete', set: { POP: 20 }, expect: HOLDS },
  { name: 'deletes in each other', set: { POP: 21 }, expect: HOLDS },
  { name: 'runs of each other', set: { POP: 22 }, expect: HOLDS },
  { name: 'nested two deep', set: { POP: 23 }, expect: HOLDS },
  { name: 'ring of three models', set: { POP: 24, MODELS: 3 }, expect: HOLDS },
  { name: 'a method that runs itself', set: { POP: 25 }, expect: HOLDS },
  { name: 'nested delete and rename, put, listing', set: { POP: 26 }, expect: HOLDS },
  { name: 'background delete, delete', set: { POP: 27 }, expect: HOLDS },
  { name: 'structural children of two methods, delete', set: { POP: 28 }, expect: HOLDS },
  { name: 'structural children, three models, delete', set: { POP: 29, MODELS: 3 }, expect: HOLDS },
  { name: 'giving way ends: nested delete, nested run', set: { POP: 20, QUEUE: 1 }, ends: true, expect: HOLDS },
  { name: 'giving way ends: deletes in each other', set: { POP: 21, QUEUE: 1 }, ends: true, expect: HOLDS },
  { name: 'giving way ends: runs of each other', set: { POP: 22, QUEUE: 1 }, ends: true, expect: HOLDS },
  { name: 'giving way ends: nested two deep', set: { POP: 23, QUEUE: 1 }, ends: true, expect: HOLDS },

  { name: 'S3: no second drain', set: { POP: 1, SECOND: 0 }, expect: 'P2' },
  { name: 'W3: no second look', set: { POP: 1, RECHECK: 0 }, expect: 'P2' },
  { name: 'W3: no second look, delete of both', set: { POP: 2, RECHECK: 0 }, expect: 'P2' },
  { name: 'S3: no closed state, listing', set: { POP: 1, CLOSE: 0 }, expect: 'P2' },
  { name: 'S3: no closed state, delete of both', set: { POP: 4, CLOSE: 0 }, expect: 'P2' },
  { name: 'S3: closed, but no last look', set: { POP: 4, LASTLOOK: 0 }, expect: 'P2' },
  { name: 'S4: no look at the own global fence', set: { POP: 3, FIRST: 0, BREAK_GLOBAL: 1, OWNLOOK: 0 }, expect: 'P2' },
  { name: 'S4: no look at the own global fence, run', set: { POP: 9, FIRST: 0, BREAK_GLOBAL: 1, OWNLOOK: 0 }, expect: 'P9' },
  { name: 'run starts without a look at the data fence', set: { POP: 9, FIRST: 0, BREAK_GLOBAL: 1, STARTLOOK: 0 }, expect: 'P9' },
  { name: 'run starts before a dead rename is finished', set: { POP: 8, FIRST: 0, DEATHS: 1, STARTLOOK: 1 }, expect: 'P9' },
  { name: 'commit that bypasses the data fence', set: { POP: 6, FIRST: 0, BREAK_DATA: 1, FENCED: 0 }, expect: 'P1' },
  { name: 'outputs that bypass the run fence', set: { POP: 6, FIRST: 0, BREAK_RUN: 1, THROUGH: 0 }, expect: 'P9' },
  { name: 'intent not rolled forward, holder dead', set: { POP: 9, FIRST: 0, DEATHS: 1, ROLLFORWARD: 0 }, expect: 'WHOLE' },
  { name: 'intent not rolled forward, holder put out', set: { POP: 9, FIRST: 0, BREAK_DATA: 1, ROLLFORWARD: 0 }, expect: 'WHOLE' },
  { name: 'intent rolled forward before W3', set: { POP: 7, FIRST: 0, BREAK_DATA: 1, ROLLEARLY: 1 }, expect: 'P2' },
  { name: 'published outputs looked for in data alone', set: { POP: 7, FIRST: 0, BREAK_DATA: 1, REMEMBER: 0 }, expect: 'WHOLE' },
  { name: 'break without compare-and-swap', set: { POP: 6, FIRST: 0, DEATHS: 1, BREAKCAS: 0 }, expect: 'KEEP' },
  { name: 'N1: nested writers wait like others', set: { POP: 2, NESTWAIT: 1 }, expect: DEADLOCK },
  { name: 'N2: own ancestors are drained', set: { POP: 20, OWNDRAIN: 0 }, expect: 'FAIR' },
  { name: 'N2: own ancestors are drained, no N4', set: { POP: 20, OWNDRAIN: 0, CYCLES: 0 }, expect: DEADLOCK },
  { name: 'N3: never gives way', set: { POP: 20, GIVEWAY: 0 }, expect: DEADLOCK },
  { name: 'N3: gives way for direct ancestors only', set: { POP: 20, GIVEWAY: 1 }, expect: DEADLOCK },
  { name: 'N3: direct ancestors only, two structural children', set: { POP: 28, GIVEWAY: 1 }, expect: DEADLOCK },
  { name: 'N3: direct ancestors only, three models', set: { POP: 29, MODELS: 3, GIVEWAY: 1 }, expect: DEADLOCK },
  { name: 'N4: no search for cycles, deletes', set: { POP: 21, CYCLES: 0 }, expect: DEADLOCK },
  { name: 'N4: no search for cycles, runs', set: { POP: 22, CYCLES: 0 }, expect: DEADLOCK },
];

const missing = [];
for (const [tool, flag] of [
  ['spin', '-V'],
  ['cc', '--version'],
]) {
  if ((await run(tool, [flag], { timeout: 10_000 })).failure !== undefined) missing.push(tool);
}
if (missing.length > 0) {
  console.log(`check:model skipped: ${missing.join(' and ')} not found (Debian: apt-get install spin gcc).`);
  process.exit(process.env.CI === undefined || process.env.CI === '' ? 0 : 1);
}

// Ended from outside, it ends what it started and removes what it made.
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stopping.abort());
const directory = await mkdtemp(join(tmpdir(), 'check-model-'));
try {
  const outcomes = await searchAll(directory);
  if (!stopping.signal.aborted) print(outcomes);
  process.exitCode = !stopping.signal.aborted && outcomes.every(({ passed }) => passed) ? 0 : 1;
} finally {
  await rm(directory, { recursive: true, force: true });
}

/** All configurations, PARALLEL at a time; outcomes in the order of the list. */
async function searchAll(directory) {
  const outcomes = [];
  let next = 0;
  const worker = async () => {
    while (next < CONFIGURATIONS.length && !stopping.signal.aborted) {
      const index = next++;
      outcomes[index] = await search(await mkdtemp(join(directory, 'run-')), CONFIGURATIONS[index]);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return outcomes;
}

/** Generates, compiles and runs the verifier of one configuration. */
async function search(cwd, { name, set, ends = false, expect }) {
  const started = performance.now();
  const defines = Object.entries(set).map(([key, value]) => `-D${key}=${value}`);
  // Optimising the generated verifier takes ten times as long as compiling it, which no search here earns back.
  const compiler = ['-O0', '-w', '-DCOLLAPSE', `-DMEMLIM=${MEGABYTES_EACH}`, ends ? '-DNP' : '-DSAFETY', '-o', 'pan', 'pan.c'];
  // -l -f: an endless run that no weakly fair scheduler prevents.
  const verifier = ['-m100000', '-w20', ...(ends ? ['-l', '-f'] : [])];
  const options = { cwd, timeout: TIMEOUT_MS, signal: stopping.signal };
  let text = '';
  let result = '';
  for (const [command, args] of [
    ['spin', [...defines, '-a', MODEL]],
    ['cc', compiler],
    ['./pan', verifier],
  ]) {
    const { failure, output } = await run(command, args, options);
    text = output;
    if (failure !== undefined) {
      result = `${command}: ${failure}`;
      break;
    }
  }
  if (result === '') result = verdict(text);
  if (result !== expect && !stopping.signal.aborted) console.error(`${name}\n${text}`);
  const states = /([0-9]+) states, stored/.exec(text)?.[1] ?? '';
  const seconds = (performance.now() - started) / 1000;
  await rm(cwd, { recursive: true, force: true });
  return { name, set: defines.map((define) => define.slice(2)).join(' '), expect, result, states, seconds, passed: result === expect };
}

/** What a verifier's report says. A search that was cut short (depth, memory) is no proof of anything. */
function verdict(text) {
  const violated = /assertion violated ([A-Z0-9]+)/.exec(text)?.[1];
  if (violated !== undefined) return violated;
  if (text.includes('pan:1: invalid end state')) return DEADLOCK;
  if (text.includes('pan:1: non-progress cycle')) return LIVELOCK;
  const whole = /errors: 0/.test(text) && !/Search not completed|max search depth too small|out of memory|aborted/.test(text);
  return whole ? HOLDS : 'unfinished';
}

function print(outcomes) {
  const rows = outcomes.map(({ name, set, expect, result, states, seconds, passed }) => [
    name,
    set,
    expect,
    result,
    states,
    seconds.toFixed(1),
    passed ? '' : 'FAILED',
  ]);
  const table = [['configuration', 'set', 'expected', 'found', 'states', 'seconds', ''], ...rows];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table)
    console.log(
      row
        .map((cell, column) => (column === 4 || column === 5 ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
        .join('  ')
        .trimEnd(),
    );
  const passed = outcomes.filter((outcome) => outcome.passed).length;
  console.log(`Every search that holds was exhaustive; states of a counterexample are those up to it. ${(performance.now() / 1000).toFixed(0)} s in all.`);
  console.log(`${passed} passed, ${outcomes.length - passed} failed`);
}

/** Runs a command to its end; `failure` says how it failed, if it did. */
function run(command, args, options) {
  return new Promise((resolve) => {
    execFile(command, args, { maxBuffer: 64 * 1024 * 1024, killSignal: 'SIGKILL', ...options }, (error, stdout, stderr) => {
      resolve({ failure: error === null ? undefined : howItFailed(error), output: `${stdout}${stderr}` });
    });
  });
}

function howItFailed({ killed, signal, code }) {
  if (killed) return 'ran out of time';
  return signal === null || signal === undefined ? `exit ${code}` : `ended by ${signal}`;
}
