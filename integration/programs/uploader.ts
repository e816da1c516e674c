/**
 * Sends parts of an upload, in one process: `uploader UPLOAD SEED NUMBERS`. Tells `ready`, then each acknowledged part as a
 * line: {partNumber, size, checksum}.
 */
import { openRepo } from '../../src/index.js';
import { partContent } from '../support/parts.js';
import { tell } from '../support/program.js';

const [upload = '', seed = '', numbers = ''] = process.argv.slice(2);
const repo = openRepo(undefined, { command: 'uploader' });
tell('ready');
for (const partNumber of numbers.split(',').filter(Boolean).map(Number)) {
  const { size, checksum } = await repo.upload.part({ upload, partNumber, source: [partContent(seed, partNumber)] });
  tell({ partNumber, size, checksum });
}
