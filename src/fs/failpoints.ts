/**
 * Named points before each durable step and inside the protocol, where a test stops, pauses or kills this very program.
 *
 *   SWAMP_FAILPOINTS      `name=kill`, `name=pause`, `name#3=pause` (third hit), `#17=kill` (17th hit of any), joined by commas
 *   SWAMP_FAILPOINT_DIR   pause writes <dir>/<name>.reached and waits until <dir>/<name>.go exists
 *   SWAMP_FAILPOINT_TRACE appends the name of every point reached to this file, one a line
 *
 * Unset, a point costs one comparison.
 */
import { appendFileSync, existsSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SwampError } from '../errors.js';

type Action = 'kill' | 'pause';
interface Rule {
  readonly name: string;
  readonly hit: number | undefined;
  readonly action: Action;
}

const TRACE = process.env['SWAMP_FAILPOINT_TRACE'] || undefined;
const ACTIVE = (process.env['SWAMP_FAILPOINTS'] ?? '') !== '' || TRACE !== undefined;
let rules: readonly Rule[] | undefined;
const hits = new Map<string, number>();

/** Passes the point `name`; resolves at once unless a rule names it. */
export function failpoint(name: string): Promise<void> | undefined {
  return ACTIVE ? reach(name) : undefined;
}

async function reach(name: string): Promise<void> {
  if (TRACE !== undefined) appendFileSync(TRACE, `${name}\n`);
  const own = count(name);
  const total = count('');
  rules ??= parseRules(process.env['SWAMP_FAILPOINTS']);
  for (const rule of rules) {
    const counted = rule.name === '' ? total : own;
    if ((rule.name !== '' && rule.name !== name) || (rule.hit !== undefined && rule.hit !== counted)) continue;
    if (rule.action === 'kill') process.kill(process.pid, 'SIGKILL');
    else await pause(rule.name === '' ? `#${total}` : name);
  }
}

function count(name: string): number {
  const next = (hits.get(name) ?? 0) + 1;
  hits.set(name, next);
  return next;
}

/** The watch is armed before the look, so a `.go` that appears in between is not missed. */
async function pause(name: string): Promise<void> {
  const dir = process.env['SWAMP_FAILPOINT_DIR'];
  if (dir === undefined) throw new SwampError('usage', 'SWAMP_FAILPOINTS has a pause, and SWAMP_FAILPOINT_DIR is not set.');
  const go = join(dir, `${name}.go`);
  await new Promise<void>((resolve) => {
    const watcher = watch(dir, () => {
      if (!existsSync(go)) return;
      watcher.close();
      resolve();
    });
    writeFileSync(join(dir, `${name}.reached`), String(process.pid));
    if (existsSync(go)) {
      watcher.close();
      resolve();
    }
  });
}

function parseRules(text: string | undefined): readonly Rule[] {
  return (text ?? '')
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const match = /^([^#=]*)(?:#([0-9]+))?=(kill|pause)$/.exec(part);
      if (match === null)
        throw new SwampError('usage', `SWAMP_FAILPOINTS: "${part}" is not a rule.`, { hint: 'Examples: fs.rename=kill, write.entered=pause, #17=kill' });
      return { name: match[1] ?? '', hit: match[2] === undefined ? undefined : Number(match[2]), action: match[3] as Action };
    });
}
