import assert from 'node:assert/strict';
import { sep } from 'node:path';
import { test } from 'node:test';
import { FAMILIES } from './families.js';
import { Layout } from './layout.js';

test('the families are whatever the layout keeps in a directory for each model, but for its fences and its change log (D6)', () => {
  const layout = new Layout('/datastore');
  const modelId = '00000000-0000-4000-8000-000000000000';
  const methods = Object.getOwnPropertyNames(Layout.prototype).filter((name) => name !== 'constructor');
  const kept = methods.flatMap((name) => {
    const method: unknown = Object.getOwnPropertyDescriptor(Layout.prototype, name)?.value;
    if (typeof method !== 'function' || method.length !== 1) return [];
    try {
      const path = String(method.call(layout, modelId))
        .slice(layout.root.length + 1)
        .split(sep);
      return path.length === 2 && path[1] === modelId ? [path[0]] : [];
    } catch (error) {
      // It takes something else than the id of a model.
      if (error instanceof TypeError) return [];
      throw error;
    }
  });
  // Named by anything, as a session is: not by model.
  const byAnything = ['staging', 'pins', 'quarantine', 'catalog'];
  // They outlive the model: its end is the last event of its log.
  const lasting = ['fences', 'changes'];
  assert.deepEqual(kept.filter((name) => !lasting.includes(name ?? '') && !byAnything.includes(name ?? '')).sort(), FAMILIES.map(({ name }) => name).sort());
  for (const { name, directory, root } of FAMILIES)
    assert.deepEqual([root(layout), directory(layout, modelId)], [`${layout.root}/${name}`, `${layout.root}/${name}/${modelId}`]);
});
