/** Words to commands: nothing is guessed, nothing is turned into a number, nothing is eaten that was not meant for a flag. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { flagsOf, type ParsedCommand, parse } from './parse.js';
import { COMMANDS } from './table.js';

/** The command line as a shell would split it: words at spaces, `''` for the empty word. */
function words(line: string): string[] {
  return line === '' ? [] : line.split(' ').map((word) => (word === "''" ? '' : word));
}

function run(argv: readonly string[]): Extract<ParsedCommand, { kind: 'run' }> {
  const parsed = parse(argv);
  assert.equal(parsed.kind, 'run', parsed.kind === 'refused' ? parsed.error.message : parsed.kind);
  return parsed as Extract<ParsedCommand, { kind: 'run' }>;
}

function refused(argv: readonly string[]): Extract<ParsedCommand, { kind: 'refused' }> {
  const parsed = parse(argv);
  assert.equal(parsed.kind, 'refused', `understood: ${argv.join(' ')}`);
  return parsed as Extract<ParsedCommand, { kind: 'refused' }>;
}

describe('a command line that is understood', () => {
  /** [line, verb, texts, switches, lists] */
  const cases: readonly (readonly [string, string, Record<string, string>, readonly string[], Record<string, readonly string[]>])[] = [
    ['data get m n', 'data get', { model: 'm', name: 'n' }, [], {}],
    ['--json data get m n', 'data get', { model: 'm', name: 'n' }, ['json'], {}],
    ['--repo-dir data data get m n', 'data get', { 'repo-dir': 'data', model: 'm' }, [], {}],
    ['--repo-dir=data data get m n', 'data get', { 'repo-dir': 'data', model: 'm' }, [], {}],
    ['data --quiet get m n', 'data get', { model: 'm' }, ['quiet'], {}],
    ['data get m n --version 3 --json', 'data get', { version: '3', name: 'n' }, ['json'], {}],
    ['data get m --version 3 n', 'data get', { version: '3', name: 'n' }, [], {}],
    ['data get m n --version=3', 'data get', { version: '3' }, [], {}],
    // The last one of a flag that takes one value wins, whatever form it has.
    ['data get m n --version 3 --version 4', 'data get', { version: '4' }, [], {}],
    ['data get m n -o a --output=b', 'data get', { output: 'b' }, [], {}],
    ['data get m n --output a -o b', 'data get', { output: 'b' }, [], {}],
    // Every one of a list counts, in order.
    ['data put m n --tag a=1 --tag=b=2 --tag c', 'data put', {}, [], { tag: ['a=1', 'b=2', 'c'] }],
    ['data put m n --tag a=1', 'data put', {}, [], { tag: ['a=1'] }],
    // A value is whatever word comes next.
    ['data put m n --tag -x=1 --content-type --json', 'data put', { 'content-type': '--json' }, [], { tag: ['-x=1'] }],
    ['data put m n --content-type -- --json', 'data put', { 'content-type': '--' }, ['json'], {}],
    ['data get m n -oFILE', 'data get', { output: 'FILE' }, [], {}],
    ['data get m n -o./a=b --json', 'data get', { output: './a=b' }, ['json'], {}],
    ['data get -oFILE m n', 'data get', { output: 'FILE', name: 'n' }, [], {}],
    ['data get -o -oFILE m n', 'data get', { output: '-oFILE', name: 'n' }, [], {}],
    ['data get m -- -oFILE', 'data get', { name: '-oFILE' }, [], {}],
    ['data get m n -o -f', 'data get', { output: '-f' }, [], {}],
    ["data list m --prefix '' --after=", 'data list', { model: 'm', prefix: '', after: '' }, [], {}],
    ['data put m n --content-type -photo.jpg', 'data put', { 'content-type': '-photo.jpg' }, [], {}],
    ['data put m n -- -photo.jpg', 'data put', { file: '-photo.jpg' }, [], {}],
    // After -- all is positional.
    ['data get m -- --json', 'data get', { name: '--json' }, [], {}],
    ['data get --json -- m -x', 'data get', { model: 'm', name: '-x' }, ['json'], {}],
    ['data put m -- -- -', 'data put', { name: '--', file: '-' }, [], {}],
    ['data get -- -1 -2', 'data get', { model: '-1', name: '-2' }, [], {}],
    // Text stays text.
    ['data get 007 1e3', 'data get', { model: '007', name: '1e3' }, [], {}],
    ['data get m 0x10', 'data get', { name: '0x10' }, [], {}],
    ['data get m .5', 'data get', { name: '.5' }, [], {}],
    ['data put m "quoted" --tag "k=v"', 'data put', { name: '"quoted"' }, [], { tag: ['"k=v"'] }],
    // With the switch that says so, what follows -- is a command line, whatever it looks like.
    ['data put m n --command -- pg_dump --json -x', 'data put', { model: 'm', name: 'n' }, ['command'], { 'command-line': ['pg_dump', '--json', '-x'] }],
    ["data put --command --model m n -- echo -- ''", 'data put', { model: 'm', name: 'n' }, ['command'], { 'command-line': ['echo', '--', ''] }],
    ['data list m --names -0', 'data list', { model: 'm' }, ['names', 'null'], {}],
    ['data list m --prefix -0 --names', 'data list', { prefix: '-0' }, ['names'], {}],
    ['data list -- -0', 'data list', { model: '-0' }, [], {}],
    // A switch eats no word, not even one that looks like its value.
    ['data get m --verify true', 'data get', { name: 'true' }, ['verify'], {}],
    ['data delete m -f false', 'data delete', { name: 'false' }, ['force'], {}],
    ['data delete m n -fy', 'data delete', { name: 'n' }, ['force', 'yes'], {}],
    ['data get m n --no-color', 'data get', {}, ['no-color'], {}],
    // Flags in place of positionals; what remains are the rest.
    ['data get --name n --model m', 'data get', { model: 'm', name: 'n' }, [], {}],
    ['data get n --model m', 'data get', { model: 'm', name: 'n' }, [], {}],
    ['data get m --name n', 'data get', { model: 'm', name: 'n' }, [], {}],
    ['data put FILE --model m --name n', 'data put', { model: 'm', name: 'n', file: 'FILE' }, [], {}],
    ['data put --model m n FILE', 'data put', { model: 'm', name: 'n', file: 'FILE' }, [], {}],
    ['model get --model m', 'model get', { model: 'm' }, [], {}],
    ['data list', 'data list', {}, [], {}],
    // One command, two names.
    ['model run m', 'model method run', { model: 'm' }, [], {}],
    ['model method run m delete', 'model method run', { model: 'm', method: 'delete' }, [], {}],
    ['model set m a=1 b=2 --unset c', 'model set', { model: 'm' }, [], { 'key=value': ['a=1', 'b=2'], unset: ['c'] }],
    ["model exec m --create -- ls -- '' --json", 'model exec', { model: 'm' }, ['create'], { 'command-line': ['ls', '--', '', '--json'] }],
    ['datastore lock release --force --model m', 'datastore lock release', { model: 'm' }, ['force'], {}],
    ['--no-color --read-only -q -v repo info', 'repo info', {}, ['no-color', 'read-only', 'quiet', 'verbose'], {}],
  ];
  for (const [line, verb, texts, switches, lists] of cases) {
    it(line, () => {
      const { command, args } = run(words(line));
      assert.equal(command.verb, verb);
      for (const [name, value] of Object.entries(texts)) assert.equal(args.text(name), value, name);
      for (const name of switches) assert.equal(args.has(name), true, name);
      for (const [name, values] of Object.entries(lists)) assert.deepEqual(args.list(name), values);
    });
  }

  it('gives nothing that was not given', () => {
    const { args } = run(['data', 'delete', 'm', 'n']);
    assert.equal(args.text('version'), undefined);
    assert.equal(args.text('prefix'), undefined);
    assert.equal(args.has('force'), false);
    assert.equal(args.has('json'), false);
  });

  it('keeps a newline and control characters in a name', () => {
    assert.equal(run(['data', 'get', 'm', 'a\nb\u001b[31m']).args.text('name'), 'a\nb\u001b[31m');
    assert.equal(run(['data', 'get', 'm', '--name=a\n=b']).args.text('name'), 'a\n=b');
  });
});

describe('a command line that is not understood', () => {
  const cases: readonly (readonly [line: string, message: RegExp, hint: RegExp])[] = [
    ['dta get m n', /There is no command "dta"/, /Did you mean "data"\?/],
    ['data gte m n', /There is no command "data gte"/, /Did you mean "data get"\?/],
    ['put m n', /There is no command "put"/, /Did you mean "data put"\?/],
    ['datastore lock stauts', /There is no command "datastore lock stauts"/, /Did you mean "datastore lock status"\?/],
    // What other programs call it.
    ['ls', /no command "ls"/, /Did you mean "data list"\?/],
    ['model ls', /no command "model ls"/, /Did you mean "model list"\?/],
    ['data rm m n', /no command "data rm"/, /Did you mean "data delete"\?/],
    ['data cat m n', /no command "data cat"/, /Did you mean "data get"\?/],
    ['model show m', /no command "model show"/, /Did you mean "model get"\?/],
    ['help', /no command "help"/, /Did you mean "--help"\?/],
    ['data help', /no command "data help"/, /Did you mean "data --help"\?/],
    ['version', /no command "version"/, /Did you mean "--version"\?/],
    // What destroys is suggested for a slip in it alone.
    ['data delte m n', /no command/, /Did you mean "data delete"\?/],
    ['repo delete', /no command/, /^See "swamp repo --help"/],
    ['model prune', /no command/, /^See "swamp model --help"/],
    ['delete m n', /no command/, /^See "swamp --help"/],
    ['prune', /no command/, /^See "swamp --help"/],
    ['release', /no command/, /^See "swamp --help"/],
    ['xyzzy', /There is no command "xyzzy"/, /^See "swamp --help"/],
    ['data get m n --versoin 3', /no flag --versoin/, /Did you mean "--version"\?/],
    ['data delete m n --froce', /no flag --froce/, /Did you mean "--force"\?/],
    ['data get m n --verb', /no flag --verb/, /Did you mean "--verbose"\?/],
    ['data delete m n -x', /no flag -x/, /See "swamp data delete --help"/],
    ['data get m n --force', /no flag --force/, /See "swamp data get --help"/],
    ['data get m n --__proto__ 1', /no flag/, /See/],
    ['data get m n --no-json', /no flag --no-json/, /See/],
    ['data get m n --dryRun', /no flag --dryRun/, /See/],
    ['data delete m n --dryRun', /no flag --dryRun/, /Did you mean "--dry-run"\?/],
    ['data get m n --version', /--version wants a value/, /See/],
    ['data get m n -o', /(-o|--output) wants a value/, /See/],
    ['data get m n --json=false', /--json takes no value/, /See/],
    ['data delete m n -f=no', /takes no value/, /See/],
    ['data delete m n -f-', /"-f-" is not a flag/, /Write "--" before/],
    // Letters of a name are no flags, and none of them asks for help.
    ['data put m n -photo.jpg', /"-photo.jpg" is not a flag/, /Write "--" before/],
    ['data put m n -help', /"-help" is not a flag/, /Write "--" before/],
    ['data delete m n -fh', /"-fh" is not a flag/, /-h as a word of its own/],
    // With a dash missing it would name the file "utput".
    ['data get m n -output x', /"-output" is not a flag/, /space .*: -o utput$/],
    ['data get m n -output=x', /"-output=x" is not a flag/, /space/],
    ['data get m n -out', /"-out" is not a flag/, /space/],
    ['data get m n --h', /no flag --h /, /See/],
    ['data get m --nope -h', /no flag --nope/, /See/],
    ['data get --nope --help', /no flag --nope/, /See/],
    ['--nope --version', /no flag --nope/, /See/],
    ['data get m n --help=yes', /--help takes no value/, /See/],
    ['data get', /MODEL and NAME are missing/, /See "swamp data get --help"/],
    ['data get m', /NAME is missing/, /See/],
    ['data get --name n', /MODEL is missing/, /See/],
    ['data get m n extra', /Unexpected argument "extra"/, /See/],
    ['data get m n --model m2', /Unexpected argument "n"/, /See/],
    ['data put m n --command', /A command is missing/, /See "swamp data put --help"/],
    ['data put m n --command echo', /FILE and --command exclude/, /See/],
    ['data put m n FILE --command -- echo', /FILE and --command exclude/, /See/],
    ["data put m n --command -- ''", /A command is missing/, /See/],
    ['data put m --command -- echo', /NAME is missing/, /See/],
    ['repo info here', /Unexpected argument "here"/, /See/],
    ['datastore lock release -y', /no flag -y/, /See/],
  ];
  for (const [line, message, hint] of cases) {
    it(line, () => {
      const { error, group } = refused(words(line));
      assert.equal(error.code, 'usage');
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
      assert.equal(group, false);
    });
  }

  it('knows that JSON was asked for, wherever that stands', () => {
    assert.equal(refused(words('dta get --json')).json, true);
    assert.equal(refused(words('--json data get m n --nope')).json, true);
    assert.equal(refused(words('data get --json')).json, true);
    assert.equal(refused(words('data get')).json, false);
  });
});

describe('every word of every command', () => {
  for (const command of COMMANDS) {
    const positionals = command.positionals.map(({ name }) => name);
    const values = flagsOf(command).filter(({ type }) => type !== 'switch');
    const lineWith = (i: number, word: string): string[] => [...command.verb.split(' '), ...positionals.map((_, at) => (at === i ? word : 'x'))];
    it(`${command.verb}: is refused when it is not UTF-8, and when it is empty unless the table allows that`, () => {
      command.positionals.forEach(({ name, mayBeEmpty }, i) => {
        if (mayBeEmpty !== true) assert.match(refused(lineWith(i, '')).error.message, new RegExp(`^${name.toUpperCase()} is empty`));
        assert.match(refused(lineWith(i, 'p\ufffd')).error.message, /not valid UTF-8/);
      });
      for (const { name, mayBeEmpty } of values) {
        const line = lineWith(-1, '').slice(0, command.verb.split(' ').length + positionals.filter((known) => known !== name).length);
        if (mayBeEmpty !== true) {
          assert.match(refused([...line, `--${name}`, '']).error.message, new RegExp(`^(${name.toUpperCase()}|--${name}) is empty`));
          assert.match(refused([...line, `--${name}=`]).error.message, /is empty/);
        }
        assert.match(refused([...line, `--${name}`, 'p\ufffd']).error.message, /not valid UTF-8/);
        // The next word is the value, whatever it begins with.
        for (const word of ['--json', '-h', '--help', '--', '-photo.jpg']) {
          const { args } = run([...line, `--${name}`, word, ...(command.runs === true ? ['--', 'x'] : [])]);
          assert.deepEqual([args.text(name) ?? args.list(name)[0], args.has('json'), args.has('help')], [word, false, false]);
        }
      }
    });
  }

  it('may be empty where it is a text, or where nothing means everything that is only read', () => {
    const allowed = COMMANDS.flatMap((command) =>
      [...command.positionals, ...command.flags].flatMap(({ name, mayBeEmpty }) => (mayBeEmpty === true ? [`${command.verb} ${name}`] : [])),
    );
    assert.deepEqual(allowed, [
      'model create description',
      'model search text',
      'data list prefix',
      'data list after',
      'data search text',
      'data watch prefix',
    ]);
  });
});

describe('help and version', () => {
  const cases: readonly (readonly [line: string, expected: ParsedCommand])[] = [
    ['', { kind: 'help', topic: '' }],
    ['--help', { kind: 'help', topic: '' }],
    ['-h', { kind: 'help', topic: '' }],
    ['data --help', { kind: 'help', topic: 'data' }],
    ['data get --help', { kind: 'help', topic: 'data get' }],
    ['data get m -q -h', { kind: 'help', topic: 'data get' }],
    ['model run --help', { kind: 'help', topic: 'model method run' }],
    ['--version', { kind: 'version' }],
    ['data --version', { kind: 'version' }],
    ['repo info --version', { kind: 'version' }],
  ];
  for (const [line, expected] of cases) {
    it(`swamp ${line}`, () => assert.deepEqual(parse(words(line)), expected));
  }

  it('takes --version for a flag of the commands that have one', () => {
    assert.equal(run(words('data delete m n --version 2')).args.text('version'), '2');
  });

  it('takes --help for a value where a value stands', () => {
    assert.deepEqual(run(words('data put m n --tag --help')).args.list('tag'), ['--help']);
    assert.equal(run(words('data get m -- --help')).args.text('name'), '--help');
  });

  for (const line of ['data', 'datastore lock', 'model --quiet']) {
    it(`swamp ${line}: half a verb is a mistake that shows its help`, () => {
      const { group, error } = refused(words(line));
      assert.equal(group, true);
      assert.match(error.message, /needs one more word/);
    });
  }
});
