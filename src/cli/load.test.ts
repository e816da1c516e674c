/** The table and the code of the commands belong together. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { helpText } from './help.js';
import { loadCommand } from './load.js';
import { flagsOf } from './parse.js';
import { COMMANDS, GROUPS } from './table.js';

describe('the table of commands', () => {
  for (const command of COMMANDS) {
    it(`"${command.verb}" has code and help`, async () => {
      assert.equal(typeof (await loadCommand(command.verb)), 'function');
      const text = await helpText(command.verb);
      assert.ok(text.startsWith(`swamp ${command.verb} `), text);
      for (const { name } of flagsOf(command)) assert.match(text, new RegExp(`--${name}\\b`));
      for (const { name } of command.positionals) assert.match(text, new RegExp(`\\b${name.toUpperCase()}\\b`));
    });

    it(`"${command.verb}" uses no name and no letter twice`, () => {
      const names = flagsOf(command).flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias]));
      assert.deepEqual(names, [...new Set(names)]);
    });
  }

  it('names every command in the help of its group, and every group in a title', async () => {
    const all = await helpText('');
    for (const { verb } of COMMANDS) assert.ok(all.includes(`swamp ${verb}`), verb);
    for (const group of Object.keys(GROUPS)) assert.match(await helpText(group), new RegExp(`swamp ${group} `));
  });

  it('has no code for what is not in it', async () => {
    await assert.rejects(loadCommand('data fly'), TypeError);
  });
});
