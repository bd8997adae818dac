/** The README's pictures: those that it shows exist and are light, and the terminal's is an SVG whatever was printed. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { WIDTH, wrap } from '../../demo/say.ts';
import { terminalPicture } from '../../demo/terminal-picture.ts';

const root = join(import.meta.dirname, '../..');
const HEAVIEST = 250_000;

test('each picture that the README shows is there and light, and no other is kept', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const shown = new Set([...readme.matchAll(/docs\/pictures\/[\w.-]+/g)].map(([path]) => path));
  assert.deepEqual(
    [...shown].sort(),
    readdirSync(join(root, 'docs/pictures'))
      .map((name) => `docs/pictures/${name}`)
      .sort(),
  );
  for (const path of shown) assert.ok(statSync(join(root, path)).size < HEAVIEST, path);
  assert.match(readFileSync(join(root, 'docs/pictures/demo.svg'), 'utf8'), /^<svg .*\$ npm run demo<.*<\/svg>\n$/s);
});

test('they stay out of the package', () => {
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] };
  assert.ok(files.includes('!docs/pictures'));
});

test('a terminal as a picture: every line at its place, as wide as its columns, and text stays text', () => {
  const svg = terminalPicture('demo', '  a <b> & c\n\n1. next\n');
  const rows = [...svg.matchAll(/<text x="([\d.]+)" y="(\d+)" textLength="([\d.]+)"[^>]*>([^<]*)<\/text>/g)];
  const [first, second, third] = rows.map(([, x, y, length, text]) => ({
    x: Number(x),
    y: Number(y),
    column: Number(length) / text!.replaceAll(/&\w+;/g, '.').length,
    text,
  }));
  assert.deepEqual([first!.text, second!.text, third!.text], ['$ demo', 'a &lt;b&gt; &amp; c', '1. next']);
  assert.ok(second!.x > first!.x, 'indented');
  assert.equal(third!.y - second!.y, second!.y - first!.y, 'an empty line counts');
  assert.ok(Math.abs(first!.column - second!.column) < 0.1);
});

test('long lines go on where they began', () => {
  const [first = '', second = '', ...rest] = wrap(`   ${'word '.repeat(WIDTH / 5 + 3).trimEnd()}`).split('\n');
  assert.deepEqual([first.length <= WIDTH, second.startsWith('   word'), rest], [true, true, []]);
  const unbroken = 'x'.repeat(WIDTH * 2);
  assert.equal(wrap(unbroken), unbroken);
});
