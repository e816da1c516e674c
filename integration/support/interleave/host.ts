/** What a program under exploration finds around it in place of Node, and what it offers in return. */
import type { Task, TaskResult } from './tasks.js';

/** Handed to each simulated process under the name `host`. */
export interface Host {
  /** True when others may act before a change of these paths: the process then parks. */
  mayBePreempted(paths: readonly string[]): boolean;
  /** Stands still until the scheduler lets it go on. */
  park(resume: () => void): void;
  /** A point of the program that is no step of the file system was passed. */
  passed(point: string): void;
  /** The command of a method begins; `ancestors` is what its environment says. */
  methodBegins(modelId: string, ancestors: string): void;
  /** A task that is part of another one: what a method's command calls. Answers what to tell its end to. */
  nested(task: Task): (result: TaskResult) => void;
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** The program, told once it is loaded. */
  offer(program: Offered): void;
}

/** What the program offers the scheduler. */
export interface Offered {
  /** Reads the repository's marker; once, before any task. */
  open(): void;
  /** `ancestors`: of a task that a method has started. */
  begin(task: Task, ended: (result: TaskResult) => void, ancestors?: string): void;
}

export const ROOT = '/repo';
