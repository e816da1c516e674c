// Many operations by one process: session.mjs MODEL COUNT puts COUNT values at once, then reads one. A Node program in the same
// directory can import "swamp" in place of this; a session serves one that must not, or another language.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const [model, count] = [process.argv[2], Number(process.argv[3])];
const child = spawn('swamp', ['session'], { stdio: ['pipe', 'pipe', 'inherit'] });
const waiting = new Map();

createInterface({ input: child.stdout }).on('line', (line) => {
  const { id, result, error } = JSON.parse(line);
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error === undefined) resolve(result);
  else reject(Object.assign(new Error(error.message), error));
});

let last = 0;
function call(op, args) {
  const id = ++last;
  child.stdin.write(`${JSON.stringify({ id, op, args })}\n`);
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

await call('data.put', { model, name: 'n/0', source: 'value 0', create: true });
await Promise.all(Array.from({ length: count }, (_, i) => call('data.put', { model, name: `n/${i + 1}`, source: `value ${i + 1}` })));
process.stdout.write(`${(await call('data.get', { model, name: `n/${count}` })).content}\n`);
child.stdin.end();
child.on('exit', (code) => {
  process.exitCode = code;
});
