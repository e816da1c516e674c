/** Compares by the library, as a program that embeds it would: `differ DIR OTHER`. Tells the result as a line. */
import { backups } from '../../src/index.js';
import { tell } from '../support/program.js';

const [dir = '', other = ''] = process.argv.slice(2);
tell(await backups.diff({ dir, other }));
