/** ike-scan: asks a gateway for one transform at a time, as an auditor does. */
import type { Netns } from './netns.ts';
import { gatewayAddress } from './topology.ts';

/** Numbers of RFC 2409 appendix A and the IANA registry. */
export interface Transform {
  readonly cipher: number;
  readonly keyLength?: number;
  readonly hash: number;
  /** 1: PSK; 65001: PSK and XAUTH. */
  readonly authentication: number;
  readonly group: number;
}

export type Answer = 'handshake' | 'refused' | 'silence';

export interface ScanOptions {
  /** Aggressive mode, with this group name. */
  readonly aggressive?: string;
  readonly extra?: readonly string[];
}

export async function scan(from: Netns, transform: Transform, options: ScanOptions = {}): Promise<Answer> {
  const output = await scanText(from, transform, options);
  if (/Handshake returned/.test(output)) return 'handshake';
  return /Notify/.test(output) ? 'refused' : 'silence';
}

/** What ike-scan prints. */
export async function scanText(from: Netns, transform: Transform, options: ScanOptions = {}): Promise<string> {
  const { cipher, keyLength, hash, authentication, group } = transform;
  const attributes = [`1=${cipher}`, `2=${hash}`, `3=${authentication}`, `4=${group}`];
  if (keyLength !== undefined) attributes.splice(1, 0, `14=${keyLength}`);
  const argv = ['ike-scan', '--sport=0', '--retry=2', '--timeout=1500', '-M', `--trans=(${attributes.join(',')})`];
  if (options.aggressive !== undefined) {
    argv.push('--aggressive', `--id=${options.aggressive}`, '--idtype=11', `--dhgroup=${group}`);
  }
  const { stdout, stderr } = await from.run([...argv, ...(options.extra ?? []), gatewayAddress]);
  return stdout + stderr;
}
