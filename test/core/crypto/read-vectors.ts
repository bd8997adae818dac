/** Reads a JSON file of test vectors that lies beside a test. */
import { readFileSync } from 'node:fs';

export function readVectors<T>(testFile: string, name: string): T {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}`, testFile), 'utf8')) as T;
}
