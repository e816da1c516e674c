/**
 * Every benchmark: groups of rows that are measured side by side, in text on stdout, and as JSON and a plot in design/performance/.
 *
 *   npm run bench                      all groups
 *   npm run bench -- start durable     these groups
 *   npm run bench -- --rounds 10       so many rounds of each
 *   npm run bench -- --peers           installs the programs that swamp is compared with, into bench/.peers
 *   npm run bench -- --out DIR         puts JSON and plots there; `--out -`: nowhere
 *
 * Exit 1 when a row is beyond its limit. What a row is: `measure.mjs`. A group is a file in groups/, named in the list below.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../scripts/tree.mjs';
import { crowd } from './groups/crowd.mjs';
import { durable } from './groups/durable.mjs';
import { growth } from './groups/growth.mjs';
import { inside } from './groups/inside.mjs';
import { processes } from './groups/processes.mjs';
import { start } from './groups/start.mjs';
import { waiting } from './groups/waiting.mjs';
import { measure } from './measure.mjs';
import { installPeers } from './peers.mjs';
import { plot } from './plot.mjs';

const GROUPS = [start, durable, inside, crowd, processes, growth, waiting];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string' }, peers: { type: 'boolean' }, out: { type: 'string', default: resolve(root, 'design/performance') } },
});
const unknown = positionals.find((name) => !GROUPS.some((group) => group.name === name));
if (unknown !== undefined) throw new Error(`There is no group ${unknown}: ${GROUPS.map(({ name }) => name).join(', ')}`);
if (values.peers) installPeers();
else for (const group of GROUPS) if (positionals.length === 0 || positionals.includes(group.name)) await runGroup(group);

async function runGroup(group) {
  const dir = mkdtempSync(join(tmpdir(), 'swamp-bench-'));
  const rounds = Number(values.rounds ?? group.rounds);
  try {
    const { rows, end } = await group.prepare(dir);
    const load = loadavg()[0];
    const results = await measure({ base: group.base, rounds }, rows);
    await end?.();
    print(group, results, { rounds, load });
    if (values.out !== '-') keep(group, results, { rounds, load });
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

function print({ title, base }, results, { rounds, load }) {
  console.log(`${title}: ${rounds} rounds, load ${load.toFixed(1)} on ${availableParallelism()} processors, ratios to ${base}`);
  const width = Math.max(...results.map(({ name }) => name.length)) + 2;
  for (const { name, absent, ms, low, high, ratio, cpuMs, cpuRatio, limit } of results) {
    if (absent !== undefined) {
      console.log(`  ${name.padEnd(width)}skipped: ${absent}`);
      continue;
    }
    const times = `${figure(ms)} ms (${figure(low).trim()} to ${figure(high).trim()}), ${ratio.toFixed(2)}x; processor ${figure(cpuMs)} ms, ${cpuRatio.toFixed(2)}x`;
    const verdict = limit === undefined ? '' : `; limit ${limit}x: ${isWithin({ ratio, cpuRatio, limit }) ? 'ok' : 'TOO SLOW'}`;
    console.log(`  ${name.padEnd(width)}${times}${verdict}`);
    if (limit !== undefined && !isWithin({ ratio, cpuRatio, limit })) process.exitCode = 1;
  }
}

/** Other work on the machine makes a process wait, and does not make it work: one of both is enough. */
function isWithin({ ratio, cpuRatio, limit }) {
  return Math.min(ratio, cpuRatio) <= limit;
}

function figure(ms) {
  return ms.toFixed(ms < 10 ? 2 : 1).padStart(7);
}

function keep(group, results, { rounds, load }) {
  mkdirSync(values.out, { recursive: true });
  const { name, title, base } = group;
  const facts = { title, base, rounds, node: process.version, processors: availableParallelism(), load: Number(load.toFixed(1)) };
  const rows = results.map((row) =>
    Object.fromEntries(Object.entries(row).map(([key, value]) => [key, typeof value === 'number' ? Number(value.toFixed(3)) : value])),
  );
  writeFileSync(join(values.out, `${name}.json`), `${JSON.stringify({ ...facts, rows }, undefined, 2)}\n`);
  writeFileSync(join(values.out, `${name}.svg`), plot(group, results));
}
