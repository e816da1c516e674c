#!/usr/bin/env node
// Only syntax that every Node understands: an old one must get as far as the message.
var NEEDED = [20, 19];
var found = process.versions.node.split('.').map(Number);

if (found[0] > NEEDED[0] || (found[0] === NEEDED[0] && found[1] >= NEEDED[1])) require('../dist/main.cjs');
else refuse();

function refuse() {
  var message = 'This is Node ' + process.versions.node + ', and swamp needs ' + NEEDED.join('.') + ' or newer.';
  var hint = 'Install a newer Node, from https://nodejs.org or with your version manager, and run the command again.';
  var error = { code: 'config_invalid', message: message, hint: hint, data: { found: process.versions.node } };
  var isJson = process.argv.indexOf('--json') > 0;
  process.stderr.write(isJson ? JSON.stringify({ error: error }) + '\n' : 'swamp: ' + message + '\nhint: ' + hint + '\n');
  process.exitCode = 78;
}
