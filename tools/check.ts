/** `npm run check`: formatting and lint, types with each tsconfig, and the rules of the house. All are run; any may fail. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = join(root, 'node_modules', '.bin');

const CHECKS: readonly (readonly [what: string, command: string, ...args: string[]])[] = [
  ['format and lint', join(bin, 'biome'), 'ci', '--error-on-warnings'],
  ['types', join(bin, 'tsc'), '-p', 'tsconfig.json'],
  ['types of core, without Node', join(bin, 'tsc'), '-p', 'tsconfig.core.json'],
  ['types of what is published', join(bin, 'tsc'), '-p', 'tsconfig.build.json', '--noEmit'],
  ['rules of the house', process.execPath, '--test', ...globSync('test/house/*.test.ts', { cwd: root })],
];

const failed = CHECKS.filter(([what, command, ...args]) => {
  console.log(`\n== ${what}`);
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status !== 0;
});
console.log(failed.length === 0 ? '\nall checks passed' : `\nfailed: ${failed.map(([what]) => what).join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
