/** Reads who imports whom in src/, for the rules of the house. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

export interface Import {
  /** "src/core/net/address.ts", or a package or node: module as written. */
  readonly target: string;
  /** Erased before it runs. */
  readonly typeOnly: boolean;
}

export interface SourceFile {
  /** From the root, for example "src/config/check.ts". */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

export function readSources(): SourceFile[] {
  return globSync('src/**/*.ts', { cwd: ROOT })
    .sort()
    .map((path) => {
      const text = readFileSync(join(ROOT, path), 'utf8');
      return { path, text, imports: importsOf(path, text) };
    });
}

const STATEMENT = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/gm;
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

export function importsOf(path: string, text: string): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '');
  const resolve = (name: string) => (name.startsWith('.') ? normalize(join(dirname(path), name)) : name);
  return [
    ...[...code.matchAll(STATEMENT)].map(([, type, name]) => ({
      target: resolve(name!),
      typeOnly: type !== undefined,
    })),
    ...[...code.matchAll(DYNAMIC)].map(([, name]) => ({ target: resolve(name!), typeOnly: false })),
  ];
}
