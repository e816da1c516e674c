/** `model set`: other values in a definition; everything else of its text stays. */
import { SwampError } from '../errors.js';
import { withValues } from '../models/definition-values.js';
import { findModel, type Model } from '../models/files.js';
import { withSession } from '../protocol/session.js';
import { write } from '../protocol/write.js';
import { displayPath, type Repo } from '../repo.js';
import { requireHeld, syncCommit } from '../store/commit.js';
import { replaceText } from '../store/definition-text.js';
import { currentModel } from './current-model.js';
import { requireOneName } from './model-edit.js';
import { type ModelGetResult, shownModel } from './model-get.js';
import { operation } from './operation.js';

export interface ModelSetInput {
  /** Name or id. */
  readonly model: string;
  /** `description`, `tags.NAME`, `retention.lifetime`, `retention.gc`, `methods.METHOD.arguments.NAME`; short for `execute`: `run`, `workingDir`, `timeout`, `ignoreExitCode`, `env.NAME`. */
  readonly set?: Readonly<Record<string, string>>;
  /** Names of values to remove, also `tags`, `retention` and `methods.METHOD` as a whole. */
  readonly unset?: readonly string[];
}

/** A person who saves the file at the same time is waited out so often. */
const TRIES = 5;

/** Throws `usage` for a name or value that a definition cannot have, `model_not_found`, `model_invalid`, `lock_timeout`, `conflict` when the file is saved again and again. */
export const modelSet = operation({ verb: 'model set', access: 'writes', about: ({ model }) => model }, setModel);

async function setModel(
  repo: Repo,
  { model: reference, set = {}, unset = [] }: ModelSetInput,
  { signal }: { readonly signal: AbortSignal },
): Promise<ModelGetResult> {
  if (Object.keys(set).length + unset.length === 0)
    throw new SwampError('usage', 'There is nothing to set.', { hint: 'Example: swamp model set build tags.env=prod' });
  const model = await findModel(repo, reference);
  const change = ({ text, name, type }: Model): string | undefined => withValues(text, { name, type }, { set, unset });
  // What is wrong with the values is said before anything is waited for.
  change(model);
  return withSession(repo, (session) =>
    write(
      repo,
      model.id,
      async (writer) => {
        for (let tries = 0; tries < TRIES; tries++) {
          const current = await currentModel(repo, model);
          const text = change(current);
          if (text === undefined) return shownModel(repo, current);
          requireOneName(repo, current);
          const file = { path: displayPath(repo, current.path), text };
          if (!(await replaceText(repo, file, current.text, () => requireHeld(writer)))) continue;
          // P6: also where nothing passed through the fence, its epoch does not go back.
          await syncCommit(writer, []);
          return shownModel(repo, await currentModel(repo, model));
        }
        throw new SwampError('conflict', `The definition of "${model.name}" changes all the time; nothing was set.`, {
          hint: 'Is an editor saving it? Run the command again.',
        });
      },
      { session, signal },
    ),
  );
}
