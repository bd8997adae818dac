/** What tests with real peers need of the machine, by name, and how to get it. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { vmDirectory } from './vm/vm.ts';

const remedies = {
  root: 'run as root',
  tun: 'load the module tun, or give the container /dev/net/tun',
  vm: 'run test/lab/vm/build as root',
  resolvers: 'run test/lab/resolvers',
  image: 'run test/package/image as root',
  registry: 'let npm reach its registry',
} as const;

/** The programs of Debian packages that test/lab/setup installs, or that whoever has the project has already. */
export type Tool =
  | 'ip'
  | 'nft'
  | 'iptables'
  | 'ip6tables'
  | 'ping'
  | 'fping'
  | 'iperf3'
  | 'tcpdump'
  | 'dbus-daemon'
  | 'run-parts'
  | 'tshark'
  | 'vpnc'
  | 'ike-scan'
  | 'charon-systemd'
  | 'swanctl'
  | 'vpnserver'
  | 'vpncmd'
  | 'openvpn'
  | 'openssl'
  | 'setpriv'
  | 'unshare'
  | 'systemd-analyze'
  | 'script'
  | 'cisco-decrypt'
  | 'mmdebstrap'
  | 'chromium'
  | 'libatomic1'
  | 'git'
  | 'npm';

/** Packages, each unpacked under its name by test/lab/resolvers. */
export const resolversDirectory = join(vmDirectory, 'resolvers');

export type Requirement = keyof typeof remedies | Tool;

/** What every lab needs. */
const ground: readonly Requirement[] = ['root', 'tun', 'ip', 'nft', 'ping', 'fping', 'iperf3'];

/** What a test that makes a lab lacks: of the lab's own ground, and of `requirements`. Whoever asks runs with no test beside. */
export function lacking(...requirements: readonly Requirement[]): string | undefined {
  return missing(...ground, ...requirements);
}

/**
 * Undefined when `requirements` are there, else the words for `skip`.
 * With REQUIRE_ALL=1 nothing may be skipped: what is missing throws.
 */
export function missing(...requirements: readonly Requirement[]): string | undefined {
  const absent = [...new Set(requirements)].filter((requirement) => !isThere(requirement));
  if (absent.length === 0) return undefined;
  const words = `missing: ${absent.map((requirement) => `${requirement} (${remedy(requirement)})`).join(', ')}`;
  if (process.env.REQUIRE_ALL === '1') throw new Error(`REQUIRE_ALL=1, but ${words}`);
  return words;
}

function isThere(requirement: Requirement): boolean {
  switch (requirement) {
    case 'root':
      return process.getuid?.() === 0;
    case 'tun':
      return readable('/dev/net/tun');
    case 'vm':
      return existsSync(join(vmDirectory, 'built'));
    case 'resolvers':
      return existsSync(join(resolversDirectory, 'complete'));
    case 'image':
      return existsSync(join(vmDirectory, 'image-built'));
    case 'registry':
      return registryAnswers();
    // a library, which Node 26 is linked with
    case 'libatomic1':
      return globSync('/usr/lib/*/libatomic.so.1').length > 0;
    default:
      return searchPath().some((directory) => isExecutable(join(directory, requirement)));
  }
}

/** Asked up to three times: an answer may get lost. */
function registryAnswers(): boolean {
  const ask = () =>
    spawnSync('npm', ['view', 'koffi', 'version', '--fetch-retries=0'], { timeout: 60_000 }).status === 0;
  for (const pause of [2_000, 10_000]) {
    if (ask()) return true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
  }
  return ask();
}

function remedy(requirement: Requirement): string {
  return requirement in remedies ? remedies[requirement as keyof typeof remedies] : 'run test/lab/setup as root';
}

/** A user's PATH often lacks the folders that daemons are in. */
function searchPath(): string[] {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
}

function readable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
