/** What simulated processes are given to do, and how it ended: one command each. */
import type { ErrorCode } from '../../../src/errors.js';

/** `childOf`: started in the background by the method that process of that number runs. */
export type Task =
  | { readonly kind: 'init' }
  | { readonly kind: 'create'; readonly model: string; readonly run?: string }
  | {
      readonly kind: 'put';
      readonly model: string;
      readonly name: string;
      readonly text: string;
      readonly expectVersion?: number;
      readonly gc?: string;
      readonly lifetime?: string;
      readonly childOf?: number;
    }
  /** The method of the model: its command is what `create` was given, a list of `put <model> <name> <text>` and `delete <model> <name>`. */
  | { readonly kind: 'run'; readonly model: string }
  | { readonly kind: 'delete'; readonly model: string; readonly name?: string; readonly version?: number }
  /** `keep`: what the rule of all artifacts keeps; `expires`: the text of a version that takes its artifact along while it is the latest. */
  | { readonly kind: 'gc'; readonly model: string; readonly keep: number; readonly expires?: string }
  | { readonly kind: 'rename'; readonly model: string; readonly from: string; readonly to: string }
  | { readonly kind: 'deleteModel'; readonly model: string }
  | { readonly kind: 'renameModel'; readonly model: string; readonly to: string }
  | { readonly kind: 'get'; readonly model: string; readonly name: string }
  | { readonly kind: 'versions'; readonly model: string; readonly name: string }
  | { readonly kind: 'list'; readonly model: string }
  | { readonly kind: 'sweep' }
  | { readonly kind: 'check' };

/** What a command told. */
export interface Told {
  readonly version?: number;
  readonly generation?: number;
  readonly versionsDeleted?: number;
  readonly alreadyDeleted?: boolean;
  readonly text?: string;
  readonly versions?: readonly number[];
  /** Of artifacts, sorted. */
  readonly names?: readonly string[];
  readonly outputs?: readonly { readonly name: string; readonly version: number }[];
  readonly findings?: readonly string[];
  readonly pending?: readonly string[];
}

export type TaskResult = { readonly told: Told } | { readonly code: ErrorCode; readonly message: string };

export function isStructural({ kind }: Task): boolean {
  return kind === 'delete' || kind === 'gc' || kind === 'rename' || kind === 'deleteModel' || kind === 'renameModel';
}

/** `data put m a`. */
export function titleOf(task: Task): string {
  switch (task.kind) {
    case 'put':
      return `put ${task.model} ${task.name}${task.expectVersion === undefined ? '' : ` --expect-version ${task.expectVersion}`}${task.childOf === undefined ? '' : `, started by process ${task.childOf}`}`;
    case 'run':
      return `method run ${task.model}`;
    case 'delete':
      return `delete ${task.model} ${task.name ?? '--all'}${task.version === undefined ? '' : ` --version ${task.version}`}`;
    case 'gc':
      return `gc ${task.model}`;
    case 'rename':
      return `rename ${task.model} ${task.from} ${task.to}`;
    case 'deleteModel':
      return `model delete ${task.model}`;
    case 'renameModel':
      return `model rename ${task.model} ${task.to}`;
    case 'get':
      return `get ${task.model} ${task.name}`;
    case 'versions':
      return `versions ${task.model} ${task.name}`;
    case 'list':
      return `list ${task.model}`;
    default:
      return task.kind;
  }
}
