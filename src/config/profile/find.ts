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
export function findProfile(argument: string, search: ProfileSearch): string {
  const found = lookUpProfile(argument, search);
  if (found !== undefined) return found;
  const searched = placesIn(search).map(({ folder }) => folder);
  throw new ConfigError(argument, [wholeFile('error', 'there is no such profile', `searched ${searched.join(', ')}`)]);
}

/** Undefined when there is none. A path is taken for one by its looks. */
export function lookUpProfile(argument: string, search: ProfileSearch): string | undefined {
  const isNamedFile = isProfileName(argument);
  if (argument.includes('/') || (isNamedFile && isFile(argument))) return argument;
  return placesIn(search)
    .flatMap(({ folder, extensions }) => {
      const names = isNamedFile ? [argument] : extensions.map((extension) => `${argument}${extension}`);
      return names.map((name) => join(folder, name));
    })
    .find(isFile);
}

/** By its extension. */
export function isProfileName(file: string): boolean {
  return EXTENSIONS.some((extension) => extension === extname(file).toLowerCase());
}

function placesIn({ userFolder, system = SYSTEM }: ProfileSearch): readonly Place[] {
  const user = userFolder ? [{ folder: join(userFolder, 'sallyport'), extensions: EXTENSIONS }] : [];
  return [...user, ...system];
}

/** A folder that may not be entered has no profile for us. */
function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
  } catch {
    return false;
  }
}
