/** The program as it is published, compiled: a checkout's spends 50 MB on taking the types out of its sources. */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { scratch } from '../../test/lab/scratch.ts';

const checkout = join(import.meta.dirname, '../..');
let built: string | undefined;

/** Its `bin/sallyport`; built once a run. */
export function builtProgram(): string {
  built ??= build();
  return built;
}

function build(): string {
  const folder = scratch('package');
  // the gateway's own user reads it
  chmodSync(folder, 0o755);
  execFileSync(
    join(checkout, 'node_modules/.bin/tsc'),
    ['-p', 'tsconfig.build.json', '--outDir', join(folder, 'dist')],
    {
      cwd: checkout,
      stdio: 'inherit',
    },
  );
  for (const name of ['bin', 'package.json']) cpSync(join(checkout, name), join(folder, name), { recursive: true });
  symlinkSync(join(checkout, 'node_modules'), join(folder, 'node_modules'));
  // what is installed as a package runs on the system's Node: here on ours
  process.env.PATH = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;
  return join(folder, 'bin/sallyport');
}
