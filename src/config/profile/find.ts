/** From what stands on the command line to the file of a profile: a path, or a name that is looked up. */
import { statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { wholeFile } from '../files.ts';
import { ConfigError } from '../problem.ts';

/** In the order of search. */
const EXTENSIONS = ['.yaml', '.yml', '.pcf', '.conf'] as const;

interface Place {
  readonly folder: string;
  readonly extensions: readonly string[];
}

/** The system's folders of profiles, and vpnc's own. */
const SYSTEM: readonly Place[] = [
  { folder: '/etc/sallyport/profiles', extensions: EXTENSIONS },
  { folder: '/etc/vpnc', extensions: ['.conf'] },
];

export interface ProfileSearch {
  /** The user's folder of configurations, for example "/home/sally/.config"; undefined: there is none. */
  readonly userFolder: string | undefined;
  readonly system?: readonly Place[];
}

/** The user's, by the rules of the XDG base directories. */
export function profileSearch(environment: NodeJS.ProcessEnv): ProfileSearch {
  const { XDG_CONFIG_HOME: config, HOME: home } = environment;
  return { userFolder: config?.startsWith('/') ? config : home ? join(home, '.config') : undefined };
}

/** Throws {@link ConfigError} when there is none. */
export function findProfile(argument: string, { userFolder, system = SYSTEM }: ProfileSearch): string {
  if (argument.includes('/')) return argument;
  const isNamedFile = EXTENSIONS.some((extension) => extension === extname(argument).toLowerCase());
  if (isNamedFile && isFile(argument)) return argument;
  const user = userFolder ? [{ folder: join(userFolder, 'sallyport'), extensions: EXTENSIONS }] : [];
  const places = [...user, ...system];
  for (const { folder, extensions } of places) {
    const names = isNamedFile ? [argument] : extensions.map((extension) => `${argument}${extension}`);
    const found = names.map((name) => join(folder, name)).find(isFile);
    if (found) return found;
  }
  const searched = places.map(({ folder }) => folder).join(', ');
  throw new ConfigError(argument, [wholeFile('error', 'there is no such profile', `searched ${searched}`)]);
}

/** A folder that may not be entered has no profile for us. */
function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
  } catch {
    return false;
  }
}
