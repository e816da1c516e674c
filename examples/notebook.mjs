/**
 * An agent's notebook: one artifact a topic, one version a note.
 *
 *   node notebook.mjs write TOPIC TEXT [TAG=VALUE ...]
 *   node notebook.mjs read [TOPIC]      the newest note of each topic, or every note of one
 */
import { text } from 'node:stream/consumers';
import { openRepo } from 'swamp';

const MODEL = 'notebook';
const [action, topic, note, ...tags] = process.argv.slice(2);
const { data } = openRepo();

if (action === 'write') {
  const { version } = await data.put({
    model: MODEL,
    name: topic,
    source: [note],
    contentType: 'text/plain',
    tags: Object.fromEntries(tags.map((tag) => tag.split('='))),
    create: true,
  });
  say(`${topic}: note ${version}`);
} else if (action === 'read' && topic !== undefined) {
  const { versions } = await data.versions({ model: MODEL, name: topic });
  for (const { version, createdAt } of versions) say(`${createdAt} ${await read(topic, version)}`);
} else if (action === 'read') {
  const { groups } = await data.list({ model: MODEL });
  for (const { name } of groups.flatMap(({ items }) => items)) say(`${name}: ${await read(name)}`);
} else {
  process.stderr.write('usage: notebook.mjs write TOPIC TEXT [TAG=VALUE ...] | read [TOPIC]\n');
  process.exitCode = 64;
}

async function read(name, version) {
  const { openContent } = await data.get({ model: MODEL, name, ...(version === undefined ? {} : { version }) });
  return text(openContent());
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
