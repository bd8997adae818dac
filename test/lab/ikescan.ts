/** ike-scan: asks a gateway for one transform at a time, as an auditor does. */
import type { Netns } from './netns.ts';
import { gatewayAddress } from './topology.ts';

/** Numbers of RFC 2409 appendix A and the IANA registry. */
export interface Transform {
  readonly cipher: number;
  readonly keyLength?: number | undefined;
  readonly hash: number;
  /** 1: PSK; 65001: PSK and XAUTH. */
  readonly authentication: number;
  readonly group: number;
}

export type Answer = 'handshake' | 'refused' | 'silence';

export interface ScanOptions {
  /** Aggressive mode, with this group name. */
  readonly aggressive?: string;
}

export async function scan(from: Netns, transform: Transform, options: ScanOptions = {}): Promise<Answer> {
  const output = await ask(from, [transform], options);
  if (/Handshake returned/.test(output)) return 'handshake';
  return /Notify/.test(output) ? 'refused' : 'silence';
}

/** The group that the gateway chose of several transforms; undefined: no handshake. */
export async function chosenGroup(from: Netns, transforms: readonly Transform[]): Promise<number | undefined> {
  const [, group] = /Group=(\d+)/.exec(await ask(from, transforms, {})) ?? [];
  return group === undefined ? undefined : Number(group);
}

async function ask(from: Netns, transforms: readonly Transform[], options: ScanOptions): Promise<string> {
  const argv = ['ike-scan', '--sport=0', '--retry=5', '--timeout=1500', '-M'];
  for (const transform of transforms) argv.push(`--trans=${formatTransform(transform)}`);
  if (options.aggressive !== undefined) {
    argv.push('--aggressive', `--id=${options.aggressive}`, '--idtype=11', `--dhgroup=${transforms[0]?.group}`);
  }
  const { stdout, stderr } = await from.run([...argv, gatewayAddress]);
  return stdout + stderr;
}

function formatTransform({ cipher, keyLength, hash, authentication, group }: Transform): string {
  const length = keyLength === undefined ? [] : [`14=${keyLength}`];
  return `(${[`1=${cipher}`, ...length, `2=${hash}`, `3=${authentication}`, `4=${group}`].join(',')})`;
}
