/** The published package, made as for a release in a copy of this checkout. */
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { persist } from '../lab/persist.ts';
import { must } from '../lab/run.ts';
import { scratch } from '../lab/scratch.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Milliseconds for what fetches or compiles, however slow the registry and the machine. */
export const PATIENCE = 500_000;

/** What a clone doesn't have. */
const LEFT_OUT: ReadonlySet<string> = new Set(['.git', 'node_modules', 'dist']);

/** A copy of this checkout as a clone has it, with what isn't committed yet. It goes with the process. */
export function copyCheckout(): string {
  const checkout = join(scratch('package'), 'checkout');
  mkdirSync(checkout);
  for (const name of readdirSync(ROOT)) {
    if (!LEFT_OUT.has(name)) cpSync(join(ROOT, name), join(checkout, name), { recursive: true });
  }
  return checkout;
}

/** The tarball's path, by `npm run package`. */
export async function packPackage(): Promise<string> {
  const checkout = copyCheckout();
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
  await must(['npm', 'run', 'package'], { cwd: checkout, timeout: PATIENCE });
  const [tarball] = readdirSync(checkout).filter((name) => name.endsWith('.tgz'));
  return join(checkout, tarball!);
}

/** Installs `packages` into `folder`, as somebody does who has `node`. */
export async function install(folder: string, node: string, ...packages: readonly string[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const npm = ['npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder, ...packages];
  await persist(() => must(npm, { env: withNode(node), cwd: folder, timeout: PATIENCE }));
}

/** The environment in which `node` is that binary. */
export function withNode(node: string): Readonly<Record<string, string>> {
  return { PATH: `${dirname(node)}:${process.env.PATH}`, npm_config_update_notifier: 'false' };
}
