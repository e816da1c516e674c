/**
 * Measures the rows of a group one after the other, round by round, so that what else the machine does disturbs all alike.
 *
 * A group: { name, title, rounds, base, prepare(dir) -> { rows, end? } }; `base` is the name of the row that the others are compared with.
 * A row:   { name, run(round), before?(round), limit?, per?, beside? }; `run` is timed, `before` is not, `per` is how many operations one run makes,
 *          and `beside` names another row than `base` to compare with.
 * A row that lacks something the machine does not have: { name, absent: why }.
 */
import { readFileSync } from 'node:fs';

const TICK_MS = 10;

/** What each row took: medians, spread, processor time with that of all child processes. */
export async function measure({ base, rounds }, rows, warm = 2) {
  const there = rows.filter(({ absent }) => absent === undefined);
  const samples = new Map(there.map(({ name }) => [name, { wall: [], cpu: 0 }]));
  for (let round = -warm; round < rounds; round++) {
    for (const row of there) {
      await row.before?.(round);
      const [cpu, start] = [processorMs(), performance.now()];
      await row.run(round);
      const wall = performance.now() - start;
      if (round < 0) continue;
      samples.get(row.name).wall.push(wall);
      samples.get(row.name).cpu += processorMs() - cpu;
    }
  }
  const results = there.map(({ name, limit, per = 1, beside = base }) => {
    const { wall, cpu } = samples.get(name);
    const sorted = wall.map((ms) => ms / per).sort((a, b) => a - b);
    return { name, limit, beside, ms: at(sorted, 0.5), low: at(sorted, 0.1), high: at(sorted, 0.9), cpuMs: cpu / rounds / per };
  });
  return rows.map(({ name, absent }) => {
    const result = results.find((one) => one.name === name);
    if (result === undefined) return { name, absent };
    const foot = results.find((one) => one.name === result.beside);
    return { ...result, ratio: result.ms / foot.ms, cpuRatio: result.cpuMs / foot.cpuMs };
  });
}

function at(sorted, share) {
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return low + (high - low) * (place % 1);
}

/** Processor time of this process and of all its children that have ended. Linux counts that of children in ticks, as a sum: over many rounds it is exact. */
function processorMs() {
  const { user, system } = process.cpuUsage();
  let children = 0;
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    children = (Number(fields[13]) + Number(fields[14])) * TICK_MS;
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  return (user + system) / 1000 + children;
}
