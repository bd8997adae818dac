/** docs/architecture.md is a map: each folder has its row, what it names is there, and its bounds stand in the rows of their folders. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const text = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
const files = globSync('{src,test,tools,bench}/**/*.ts', { cwd: ROOT, exclude: ['**/node_modules/**'] });

/** Names that stand for any. */
const PLACEHOLDERS: readonly string[] = ['core/diagnosis/rules/NAME.ts'];

test('every file that it names exists', () => {
  const named = new Set([...text.matchAll(/`([\w./-]+\.ts)`/g)].map(([, name]) => name!));
  assert.ok(named.size > 100, `${named.size} files`);
  const lost = [...named].filter(
    (name) => !PLACEHOLDERS.includes(name) && !files.some((path) => `/${path}`.endsWith(`/${name}`)),
  );
  assert.deepEqual(lost, []);
});

test('every folder of src/ has its row, and a row its folder', () => {
  const table = /^\| `src\/` \|.*\n([\s\S]*?)\n\n/m.exec(text)![1]!;
  const rows = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, folder]) => folder);
  const folders = globSync(['src/*', 'src/core/*'], { cwd: ROOT }).map((path) => path.slice('src/'.length));
  assert.deepEqual(rows.toSorted(), folders.filter((folder) => folder !== 'core').toSorted());
});

test('every bound in its table is a constant below the folder or in the file of its row', () => {
  const table = /^## Bounds$([\s\S]*?)^## /m.exec(text)![1]!;
  const rows = [...table.matchAll(/^\| (`[^|]*) \| ([^|]*) \|$/gm)];
  assert.ok(rows.length > 15, `${rows.length} rows`);
  const lost = rows.flatMap(([, where = '', names = '']) => {
    const places = [...where.matchAll(/`([^`]+)`/g)].map(([, place]) => `src/${place}`);
    const code = files
      .filter((path) => places.some((place) => path === place || path.startsWith(`${place}/`)))
      .map((path) => readFileSync(join(ROOT, path), 'utf8'))
      .join('\n');
    const bounds = [...names.matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(([, bound]) => bound!);
    return bounds
      .filter((bound) => !new RegExp(`^(export )?const ${bound}\\b`, 'm').test(code))
      .map((b) => `${where}: ${b}`);
  });
  assert.deepEqual(lost, []);
});
