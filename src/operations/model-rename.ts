/** `model rename`: structural; the definition file gets another name, its id and data stay. */
import { basename, dirname, join } from 'node:path';
import { asSwampError, errnoOf, isErrno, SwampError } from '../errors.js';
import { linkFile, removeFile } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { exists } from '../fs/tree.js';
import type { Lease } from '../locks/lease.js';
import { checkModelName, withName } from '../models/definition.js';
import { readOrTell } from '../models/definition-file.js';
import { findModel, isSameFile, type Model } from '../models/files.js';
import { keepName, otherOfName } from '../models/names.js';
import { restructureModel, type Structural } from '../protocol/restructure.js';
import { clearName } from '../recovery/finish.js';
import { displayPath, type Repo } from '../repo.js';
import { requireHeld, syncCommit } from '../store/commit.js';
import { hasText, replaceText } from '../store/definition-text.js';
import { requireModel } from './data-put.js';
import { operation } from './operation.js';

export interface ModelRenameResult {
  readonly id: string;
  readonly oldName: string;
  readonly newName: string;
  readonly type: string;
  readonly path: string;
}

/** Throws `model_not_found`, `name_invalid`, `model_invalid` when the definition would be too large, `conflict` when the new name exists, or when the definition changed meanwhile. */
export const modelRename = operation({ verb: 'model rename', access: 'writes', about: ({ model }) => model }, renameModel);

async function renameModel(
  repo: Repo,
  input: { readonly model: string; readonly newName: string },
  { signal }: { readonly signal: AbortSignal },
): Promise<ModelRenameResult> {
  checkModelName(input.newName);
  const model = await findModel(repo, input.model);
  const { id, name, type, path, text } = model;
  const newText = withName(text, input.newName);
  const target = join(dirname(path), `${input.newName}.yaml`);
  await clearName(repo, input.newName, { signal });
  let linked = false;
  const give = async (writer: Lease, { stillHeld }: Structural): Promise<void> => {
    // Another command has ended what this one began, and may have used both names since.
    if (linked && !isSameFile(path, target) && (!exists(target) || !hasText(path, text))) return;
    const held = (): void => {
      requireHeld(writer);
      stillHeld();
    };
    if (!isSameFile(path, target)) {
      requireModel(repo, model);
      requireFree(repo, target, model);
      if (!hasText(path, text)) {
        // Renamed, or deleted, by a command that this one waited for.
        if (!exists(path)) await findModel(repo, input.model);
        throw changed(model);
      }
      await failpoint('model-rename.before-link');
      held();
      await link(repo, model, target);
      linked = true;
    }
    await failpoint('model-rename.linked');
    for (const file of await keepName(repo, target, held)) {
      held();
      const left = readOrTell(repo, file);
      if (left?.kind === 'valid' && left.definition.id === id)
        repo.reporter.warn(
          `${displayPath(repo, file.path)} changed while the model was renamed to "${input.newName}", and was left in place: copy its changes to the new file, then remove it.`,
          { topic: 'model', modelId: id, modelName: input.newName, path: file.path },
        );
    }
    // P6: the rename counts as committed under this epoch.
    await syncCommit(writer, []);
    if (newText !== text) await rewrite(repo, target, { from: text, to: newText });
  };
  await restructureModel(repo, id, give, { signal });
  return { id, oldName: name, newName: input.newName, type, path: displayPath(repo, target) };
}

/** Throws `conflict` when something has the new name, case aside. What is not a definition takes no name, and would be in the way of one all the same. */
function requireFree(repo: Repo, target: string, { type }: Model): void {
  const other = otherOfName(repo, { name: basename(target, '.yaml'), type });
  if (other !== undefined || exists(target)) throw inTheWay(repo, other?.path ?? target);
}

/**
 * The file gets its second name, which must be free. link(2) passes through no fence: a session that lost its locks may have waited
 * before it while another one took the name, or the old one. So both are looked at again, and the link is taken back.
 */
async function link(repo: Repo, model: Model, target: string): Promise<void> {
  try {
    await linkFile(model.path, target);
  } catch (error) {
    // The answer was lost, not the link (network disks).
    if (!isSameFile(model.path, target)) throw isErrno(error, 'EEXIST') ? inTheWay(repo, target) : isErrno(error, 'ENOENT') ? changed(model) : error;
  }
  const other = otherOfName(repo, { name: basename(target, '.yaml'), type: model.type });
  if (other === undefined && hasText(target, model.text)) return;
  await removeFile(target);
  throw other === undefined ? changed(model) : inTheWay(repo, other.path);
}

/** The field `name` follows the name of the file. Where it does not, no other command is affected: that is reported, and left. */
async function rewrite(repo: Repo, path: string, { from, to }: { readonly from: string; readonly to: string }): Promise<void> {
  const file = { path: displayPath(repo, path), text: to };
  try {
    await replaceText(repo, file, from, () => undefined);
  } catch (error) {
    repo.reporter.warn(`The field "name" in ${file.path} could not be changed: ${asSwampError(error).message} Remove that line.`, {
      topic: 'model',
      path: file.path,
      ...errnoOf(error),
    });
  }
}

function changed({ name }: Model): SwampError {
  return new SwampError('conflict', `The definition of "${name}" changed meanwhile; nothing was renamed.`, {
    hint: 'Run the command again.',
    data: { model: name },
  });
}

function inTheWay(repo: Repo, path: string): SwampError {
  const shown = displayPath(repo, path);
  return new SwampError('conflict', `${shown} is in the way; nothing was renamed.`, {
    hint: 'See "swamp model list"; remove what is there, or choose another name.',
    data: { path: shown },
  });
}
