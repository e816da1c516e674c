/** The families of files a model owns besides its definition and its fences. A sweep of a model removes exactly these (D6); a new family is added here and nowhere else. */
import type { Layout } from './layout.js';

export interface Family {
  readonly name: string;
  /** The model's directory in this family. */
  directory(layout: Layout, modelId: string): string;
  /** The family's root, whose entries are model ids. */
  root(layout: Layout): string;
}

export const FAMILIES: readonly Family[] = Object.freeze([
  { name: 'data', directory: (layout: Layout, id: string) => layout.model(id), root: (layout: Layout) => layout.data },
  { name: 'tombstones', directory: (layout: Layout, id: string) => layout.tombstones(id), root: (layout: Layout) => layout.tombstoneRoot },
  { name: 'uploads', directory: (layout: Layout, id: string) => layout.modelUploads(id), root: (layout: Layout) => layout.uploads },
  { name: 'kept', directory: (layout: Layout, id: string) => layout.modelKept(id), root: (layout: Layout) => layout.kept },
]);
