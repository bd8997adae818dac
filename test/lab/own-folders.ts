/** Folders of a program's own, bound over the machine's in the mount namespace that `ip netns exec` makes. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** By the machine's folder: what is seen there instead. */
export type OwnFolders = Readonly<Record<string, string>>;

/** The arguments, for a namespace, that run `argv` with them. */
export function inOwnFolders(folders: OwnFolders, argv: readonly string[]): string[] {
  const binds = Object.entries(folders).map(([path, own]) => `mkdir -p ${path} && mount --bind '${own}' ${path}`);
  return ['sh', '-c', `${binds.join(' && ')} && exec "$@"`, 'sh', ...argv];
}

/** Makes below `directory` what our client keeps from one run to the next. */
export function clientFolders(directory: string): OwnFolders {
  const [run, cache] = [join(directory, 'run'), join(directory, 'cache')];
  for (const folder of [run, cache]) mkdirSync(folder, { mode: 0o700 });
  return { '/run/sallyport': run, '/var/cache/sallyport': cache };
}
