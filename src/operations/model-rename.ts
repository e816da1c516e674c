/** `model rename`: structural; the definition goes on under another name, its id and data stay. */
import { dirname, join } from 'node:path';
import { SwampError } from '../errors.js';
import { removeFile } from '../fs/durable.js';
import { exists } from '../fs/tree.js';
import { checkModelName, withName } from '../models/definition.js';
import { findModel } from '../models/files.js';
import { assertNameFree, otherOfName } from '../models/names.js';
import { restructureModel, type Structural } from '../protocol/restructure.js';
import type { Writer } from '../protocol/write.js';
import { displayPath, type Repo, requireWritable, underName } from '../repo.js';
import { discardStaged, fileAt, hasText, inTheWay, stageText } from '../store/definition-text.js';
import { commitDefinition } from '../store/roll-forward.js';
import { requireModel } from './data-put.js';
import { clearName } from './unfinished.js';

export interface ModelRenameResult {
  readonly id: string;
  readonly oldName: string;
  readonly newName: string;
  readonly type: string;
  readonly path: string;
}

/** Throws `model_not_found`, `name_invalid`, `model_invalid` when the definition would be too large, `conflict` when the new name exists, or when the definition changed meanwhile. */
export async function modelRename(
  plain: Repo,
  input: { readonly model: string; readonly newName: string },
  { signal }: { readonly signal: AbortSignal },
): Promise<ModelRenameResult> {
  requireWritable(plain);
  checkModelName(input.newName);
  const model = await findModel(plain, input.model);
  const { path, text: oldText, ...definition } = model;
  const repo = underName(plain, `model rename ${definition.name}`);
  const newText = withName(oldText, input.newName);
  const target = join(dirname(path), `${input.newName}.yaml`);
  const result = { id: definition.id, oldName: definition.name, newName: input.newName, type: definition.type, path: displayPath(repo, target) };
  await clearName(repo, input.newName, { signal });
  let renamed = false;
  // link(2) passes through no fence: who was put out of the global one may have waited before it while another took the name.
  const onLinked = async (): Promise<void> => {
    const other = otherOfName(plain, { name: input.newName, type: definition.type });
    if (other === undefined) renamed = true;
    else {
      await removeFile(target);
      throw inTheWay(displayPath(plain, other.path));
    }
  };
  const rename = async (writer: Writer, structural: Structural): Promise<void> => {
    // The way into this fence has finished it; others may have used the new name since.
    if (renamed) return;
    // What a dead holder had published was rolled forward, or the next holder has finished this very rename.
    if (!exists(path) && hasText(target, newText)) return;
    requireModel(repo, model);
    requireFree(repo, input.newName);
    const file = fileAt(path);
    if (file === undefined || !hasText(path, oldText)) {
      // Renamed, or deleted, by whom we waited for.
      if (file === undefined) await findModel(repo, input.model);
      throw new SwampError('conflict', `The definition of "${definition.name}" changed meanwhile; nothing was renamed.`, {
        hint: 'Run the command again.',
        data: { model: definition.name },
      });
    }
    // What is no definition takes no name, and would be in the way of one all the same.
    if (exists(target)) throw inTheWay(displayPath(repo, target));
    const publish = { path: displayPath(repo, target), text: newText };
    const remove = { path: displayPath(repo, path), text: oldText, file };
    const staged = await stageText(repo, publish);
    try {
      await commitDefinition(writer, { publish: { ...publish, staged }, remove }, { stillHeld: () => structural.stillHeld(), onLinked });
    } catch (error) {
      if (!renamed) await discardStaged(repo, { ...publish, staged });
      throw error;
    }
  };
  await restructureModel(repo, definition.id, rename, { signal });
  return result;
}

/** A rename onto an existing name is a conflict, where a creation is `model_exists`. */
function requireFree(repo: Repo, name: string): void {
  try {
    assertNameFree(repo, name);
  } catch (error) {
    if (!(error instanceof SwampError) || error.code !== 'model_exists') throw error;
    throw new SwampError('conflict', error.message, { hint: 'Choose another name.', data: error.data });
  }
}
