/** BENCHMARKS.md: its tables are what the benchmark printed, what is said of them is by hand. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const path = join(import.meta.dirname, '../BENCHMARKS.md');

/** Puts a part's table in place of the one that begins with the part's name. False: there is none. */
export function writeTable(part: string, table: string): boolean {
  const document = readFileSync(path, 'utf8');
  const changed = withTable(document, part, table);
  if (changed !== undefined) writeFileSync(path, changed);
  return changed !== undefined;
}

/** A table ends before an empty line or the end of its fence. */
function withTable(document: string, part: string, table: string): string | undefined {
  const old = new RegExp(`(?<=^(?:\`\`\`)?\\n)${part}: .*(?:\\n(?!\`\`\`).+)*`, 'm');
  return old.test(document) ? document.replace(old, () => table) : undefined;
}
