import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from './suggest.js';

test('a slip of the finger finds its word, something else finds nothing', () => {
  const fields = ['id', 'name', 'type', 'tags', 'methods', 'description'];
  const cases: readonly (readonly [word: string, meant: string | undefined])[] = [
    ['method', 'methods'],
    ['Methods', 'methods'],
    ['mehtods', 'methods'],
    ['descripton', 'description'],
    ['tgs', 'tags'],
    ['i', 'id'],
    ['globalArguments', undefined],
    ['', undefined],
    ['x'.repeat(1_000_000), undefined],
  ];
  for (const [word, meant] of cases) assert.equal(nearest(word, fields), meant, word.slice(0, 20));
});

test('the nearest of several near words is meant', () => {
  assert.equal(nearest('web-2', ['web-1', 'web-20', 'web-2b', 'WEB-2']), 'WEB-2');
});
