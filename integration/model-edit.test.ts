/** `model edit` and `model set`: a definition is validated before it replaces another, no change of another process is lost, and no text of a person. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { openRepo } from '../src/index.js';
import { Pauses } from './support/failpoints.js';
import { toldError } from './support/refused.js';
import { createModel, heldLocks, type TestRepo, tempRepo } from './support/repo.js';
import { finished, run, runJson, start } from './support/swamp.js';
import { onTerminal, startOnTerminal } from './support/terminal.js';

function fileOf({ dir }: TestRepo, name = 'm'): string {
  return join(dir, `models/command/shell/${name}.yaml`);
}

/** An editor with arguments; its n-th run is the n-th line of sh, in which $f is the file. */
function editorOf(repo: TestRepo, ...lines: readonly string[]): Readonly<Record<string, string>> {
  const cases = lines.map((line, i) => `${i + 1}) ${line} ;;`).join('\n');
  const file = join(repo.base, 'my editor');
  writeFileSync(file, `#!/bin/sh\nshift; f=$1; echo x >> '${repo.base}/runs'\ncase $(wc -l < '${repo.base}/runs' | tr -d ' ') in\n${cases}\nesac\n`, {
    mode: 0o755,
  });
  return { EDITOR: `'${file}' --wait`, TMPDIR: repo.base };
}

/** Texts that were kept for the person. */
function keptIn({ base }: TestRepo): readonly string[] {
  return readdirSync(base)
    .filter((name) => name.startsWith('swamp-edit-'))
    .map((name) => readFileSync(join(base, name, 'm.yaml'), 'utf8'));
}

test('on a terminal a mistake is edited again, and what is valid then replaces the definition', onTerminal, async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm', 'echo one');
  const env = editorOf(repo, `sed -i 's/^type:.*/type: stor/' "$f"`, `sed -i 's/^type:.*/type: command\\/shell/; s/one/two/' "$f"`);
  const edits = startOnTerminal(repo, ['model', 'edit', 'm'], env);
  await edits.says(/m\.yaml:2: unknown type "stor".*Edit it again\?/s);
  edits.write('y\n');
  await finished(edits);
  assert.match(edits.stdout(), /Name: +m/);
  assert.match(readFileSync(fileOf(repo), 'utf8'), /run: echo two/);
  assert.deepEqual(keptIn(repo), []);
});

test('on a terminal no text is lost: not when the person gives up, when the editor fails, or when another process was first', onTerminal, async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm', 'echo one');
  const before = readFileSync(fileOf(repo), 'utf8');
  const other = `sed 's/one/theirs/' '${fileOf(repo)}' > '${repo.base}/z' && mv '${repo.base}/z' '${fileOf(repo)}'`;
  const env = editorOf(repo, `echo 'given: up' >> "$f"`, `echo '# failed' >> "$f"; exit 3`, `sed -i 's/one/mine/' "$f"; ${other}`, ':');
  const gives = startOnTerminal(repo, ['model', 'edit', 'm'], env);
  await gives.says(/unknown field "given".*Edit it again\?/s);
  gives.write('n\n');
  await finished(gives, 65);
  await finished(startOnTerminal(repo, ['model', 'edit', 'm'], env), 1);
  assert.equal(readFileSync(fileOf(repo), 'utf8'), before);
  const conflicts = startOnTerminal(repo, ['model', 'edit', 'm'], env);
  await finished(conflicts, 73);
  assert.match(conflicts.stdout(), /changed meanwhile.*Your text is in .*swamp model edit m < /s);
  assert.match(readFileSync(fileOf(repo), 'utf8'), /echo theirs/);
  assert.deepEqual(
    keptIn(repo)
      .map((text) => /given: up|# failed|mine/.exec(text)?.[0])
      .sort(),
    ['# failed', 'given: up', 'mine'],
  );
  // The fourth changes nothing, and leaves nothing.
  await finished(startOnTerminal(repo, ['model', 'edit', 'm'], env));
  assert.equal(keptIn(repo).length, 3);
});

test('without a terminal the text comes from stdin: whole, valid, and of the same id, or nothing is changed', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm', 'echo one');
  const before = readFileSync(fileOf(repo), 'utf8');
  const edited = before.replace('one', 'two # not a comment');
  for (const [stdin, code, exit] of [
    ['', 'model_invalid', 65],
    ['a: [', 'model_invalid', 65],
    [before.replace(/id: .*/, 'id: 523ffdc3-8648-47ae-a1a2-1fb185d39bbc'), 'model_invalid', 65],
    [`name: other\n${before}`, 'model_invalid', 65],
    [`${before}---\n${before}`, 'model_invalid', 65],
    ['x'.repeat(1_100_000), 'usage', 64],
  ] as const)
    toldError(await run(repo, ['model', 'edit', 'm', '--json'], { stdin, expect: exit }), code);
  assert.equal(readFileSync(fileOf(repo), 'utf8'), before);
  await run(repo, ['model', 'edit', 'm'], { stdin: edited });
  assert.equal(readFileSync(fileOf(repo), 'utf8'), edited);
  assert.deepEqual(readdirSync(dirname(fileOf(repo))), ['m.yaml']);
});

test('a definition that cannot be read is corrected, but never to the id of another model', async (t) => {
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'other', 'true');
  writeFileSync(fileOf(repo), 'broken\n');
  const text = readFileSync(fileOf(repo, 'other'), 'utf8');
  assert.match(toldError(await run(repo, ['model', 'edit', 'm', '--json'], { stdin: text, expect: 65 })).message, /"other" has the same id/);
  await run(repo, ['model', 'edit', 'm'], { stdin: text.replace(id, '523ffdc3-8648-47ae-a1a2-1fb185d39bbc') });
  assert.equal((await runJson<{ valid: boolean }>(repo, ['model', 'validate'])).valid, true);
});

test('no value is lost of many that are set at once, beside a person who saves the file', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm', 'echo one');
  const saves = (): void => {
    writeFileSync(join(repo.base, 'aside'), `${readFileSync(fileOf(repo), 'utf8')}# saved\n`);
    renameSync(join(repo.base, 'aside'), fileOf(repo));
  };
  const sets = [1, 2, 3, 4].map((n) => start(repo, ['model', 'set', 'm', `tags.t${n}=${n}`, `env.E${n}=x`]));
  await Promise.all(sets.map((one) => finished(one)));
  const { model } = openRepo(repo.dir);
  await Promise.all([5, 6, 7].map((n) => model.set({ model: 'm', set: { [`tags.t${n}`]: `${n}` } })));
  saves();
  await model.set({ model: 'm', set: { 'tags.t8': '8' }, unset: ['env.E1'] });
  const { tags, methods } = await model.get({ model: 'm' });
  assert.deepEqual(
    Object.keys(tags).sort(),
    [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `t${n}`),
  );
  assert.deepEqual(Object.keys(methods['execute']?.arguments.env ?? {}).sort(), ['E2', 'E3', 'E4']);
  assert.match(readFileSync(fileOf(repo), 'utf8'), /# saved/);
  assert.deepEqual(heldLocks(repo), []);
});

for (const [what, args, stdin, expect] of [
  ['set begins again with it', ['model', 'set', 'm', 'tags.mine=1'], '', 0],
  ['edit is a conflict', ['model', 'edit', 'm', '--json'], '# mine\n', 73],
] as const) {
  test(`what another process writes while a new text is staged is not replaced: ${what}`, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm', 'echo one');
    const text = readFileSync(fileOf(repo), 'utf8');
    const pauses = new Pauses(repo, ['definition.staged#1']);
    const command = start(repo, args, { stdin: stdin === '' ? '' : text + stdin, env: pauses.env });
    await pauses.at('definition.staged', command);
    // Its lock is lost, and another command has it, and sets something.
    await run(repo, ['datastore', 'lock', 'release', '--force', '--model', 'm']);
    await openRepo(repo.dir).model.set({ model: 'm', set: { 'tags.theirs': '1' } });
    pauses.go('definition.staged');
    await finished(command, expect);
    const { tags } = await openRepo(repo.dir).model.get({ model: 'm' });
    assert.deepEqual(tags, expect === 0 ? { theirs: '1', mine: '1' } : { theirs: '1' });
    assert.deepEqual(readdirSync(dirname(fileOf(repo))), ['m.yaml']);
  });
}
