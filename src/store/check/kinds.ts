/** The closed lists of what a check reports: a finding is damage, with the person's next step; something pending is unfinished, not damage; a note asks for nothing. */

/** Kinds of damage, each with its next step. */
export const FINDINGS = {
  marker_invalid: 'Restore .swamp.yaml from git.',
  model_invalid: 'Correct the file; "swamp model validate" lists the problems.',
  symlink: 'Links are not followed here: put the file or directory itself there; "swamp datastore check --repair" sets the link aside.',
  wrong_type: '"swamp datastore check --repair" sets it aside; restore what belongs there from a backup.',
  unknown_entry: 'Nothing of swamp has this name: move it away; "swamp datastore check --repair" sets it aside.',
  empty_directory: 'Nothing is in it; "swamp datastore check --repair" sets it aside.',
  fence_damaged: 'Run "swamp datastore check --repair": it waits for whoever may still hold this lock.',
  fence_missing: 'Run "swamp datastore check --repair": without this lock the numbering of the model would start again.',
  intent_invalid: '"swamp datastore check --repair" sets it aside; the versions beside it can be put again by hand.',
  record_invalid: 'Restore it from a backup; "swamp datastore check --repair" writes it anew where it can, and sets aside what it cannot.',
  missing_file: 'Restore it from a backup; "swamp datastore check --repair" writes it anew where it can, and sets aside what it cannot.',
  missing_version: 'There is no content in it; "swamp datastore check --repair" sets it aside.',
  version_lost:
    'Bring it back with "swamp backup restore --mode merge"; "swamp datastore check --repair" gives it up: the versions that are there stay, and its number is not given out again.',
  name_mismatch: 'Restore it from a backup; "swamp datastore check --repair" sets it aside.',
  generation_ahead: 'Run "swamp datastore check --repair": a lock went back to an earlier number.',
  floor_broken: 'The numbers of deleted versions have been given out again; "swamp datastore check --repair" goes on above them.',
  size_mismatch: 'Restore it from a backup; "swamp datastore check --repair" sets this version aside.',
  checksum_mismatch: 'Restore it from a backup; "swamp datastore check --repair" sets this version aside.',
  unreadable: 'Check the disk and the permissions.',
} as const satisfies Record<string, string>;

/** Kinds of what is unfinished. src/recovery/unfinished.ts says of each what it is and what finishes it. */
export type PendingKind =
  | 'restore'
  | 'move'
  | 'dead_holder'
  | 'leftover'
  | 'deleted_model'
  | 'upload'
  | 'pin'
  | 'trash'
  | 'staging'
  | 'dead_ticket'
  | 'temporary'
  | 'kept'
  | 'teardown'
  | 'second_name'
  | 'orphan_model';

/** What is not a part of the store and does no harm there. */
export const NOTES = {
  foreign: 'nothing of swamp has a dot name: no command reads or moves it alone, and it goes with the directory that it is in',
} as const satisfies Record<string, string>;

export type NoteKind = keyof typeof NOTES;
export type FindingKind = keyof typeof FINDINGS;

/** One thing that does not look as it should. `message` goes on where the path ends: "holds no version". */
export interface Issue {
  /** Absolute. */
  readonly path: string;
  readonly kind: FindingKind | PendingKind | NoteKind;
  readonly message: string;
  /** When there is a better next step than that of the kind. */
  readonly hint?: string;
  /** Tells the issue at another look, where its path or message changes with every holder of a lock. */
  readonly same?: string;
  /** What was there: a repair moves nothing else that may have come in its place. */
  readonly identity?: string;
  /** The state of the version whose content was read: a repair does not read it again under its locks. */
  readonly seen?: string;
  /** Something beside the files of a version: it can go without the version. */
  readonly stray?: true;
}

export function isNote(kind: Issue['kind']): kind is NoteKind {
  return Object.hasOwn(NOTES, kind);
}

export function isFinding(kind: Issue['kind']): kind is FindingKind {
  return Object.hasOwn(FINDINGS, kind);
}
