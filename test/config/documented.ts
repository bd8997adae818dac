/** The keys that a page describes: `a`, `b` in the first column of the tables of a section. */
import assert from 'node:assert/strict';

export function documented(text: string, ...titles: readonly string[]): string[] {
  const sections = text.split(/^#+ /m).filter((section) => titles.includes(section.split('\n', 1)[0]!));
  assert.equal(sections.length, titles.length, titles.join());
  const rows = sections.join('\n').matchAll(/^\| (`[^|]*?) \|/gm);
  return [...rows].flatMap(([, cell]) => [...cell!.matchAll(/`([^`]+)`/g)].map(([, key]) => key!));
}

export function yamlExamples(text: string): string[] {
  return [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, example]) => example!);
}
