import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SwampError } from '../errors.js';
import { checkInputs, nestedEnvironment, shellEnvironment } from './inputs.js';

const METHOD = { run: 'env', workingDir: '.', env: { A: 'definition', B: 'definition' }, ignoreExitCode: false };

function isUsage(error: unknown): boolean {
  return error instanceof SwampError && error.code === 'usage';
}

test('an input goes before the definition, and that before the environment', () => {
  const env = shellEnvironment({ A: 'outside', B: 'outside', C: 'outside' }, METHOD, { A: 'input' });
  assert.equal(env['A'], 'input');
  assert.equal(env['B'], 'definition');
  assert.equal(env['C'], 'outside');
});

test('the ancestors are those of this run, whatever the environment says', () => {
  const base = nestedEnvironment({ root: '/r', ancestors: ['m1/3.x'] }, 'm2/4.y');
  const forged = { ...METHOD, env: { SWAMP_ANCESTORS: 'forged' } };
  assert.equal(shellEnvironment(base, forged, {})['SWAMP_ANCESTORS'], 'm1/3.x:m2/4.y');
});

test('an input that cannot be a variable, or that swamp sets itself, is a usage error', () => {
  for (const name of ['', 'a-b', '1a', 'a b', 'a=b', 'ä', 'a\n', '__proto__', 'SWAMP_ANCESTORS']) {
    assert.throws(() => checkInputs(Object.fromEntries([[name, 'x']])), isUsage, name);
  }
  assert.throws(() => checkInputs({ A: 'a\0b' }), isUsage);
  checkInputs({ A: '', _: 'x', a_9: '$(rm -rf /)\n', SWAMP_REPO_DIR: '/tmp' });
});
