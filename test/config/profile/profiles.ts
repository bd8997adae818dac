/** Reads the test set's profiles, and text as if it were one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReadFile } from '../../../src/config/files.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import { checkProfileBytes } from '../../../src/config/profile/load.ts';
import type { Profile } from '../../../src/config/profile/profile.ts';
import { formatPrefix } from '../../../src/core/net/address.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';

export const FILES = join(import.meta.dirname, 'files');

export interface Checked {
  readonly profile: Profile | undefined;
  /** "warning: ..." or the error itself. */
  readonly problems: readonly string[];
}

const read: ReadFile = (path) => {
  if (path.endsWith('/password')) return { bytes: Buffer.from('from a file\n'), openToOthers: false };
  if (path.endsWith('/open')) return { bytes: Buffer.from('for all to see\n'), openToOthers: true };
  throw Object.assign(new Error('no'), { code: 'ENOENT' });
};

const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  '/etc/ssl/certs': ['02265526.0', '02265526.1', 'ca.pem', 'java'],
  '/profiles/empty': ['ca.pem'],
};

const listFolder = (folder: string) => {
  const names = FOLDERS[folder];
  if (!names) throw Object.assign(new Error('no'), { code: 'ENOENT' });
  return names;
};

export function check(name: string, content: string | Uint8Array): Checked {
  const around = { file: `/profiles/${name}`, folder: '/profiles', crypto: nodeCrypto, read, listFolder };
  const { profile, problems } = checkProfileBytes(Buffer.from(content), around);
  return {
    profile,
    problems: problems.map(
      (problem) => `${problem.severity === 'warning' ? 'warning: ' : ''}${formatProblem(problem)}`,
    ),
  };
}

export function contentOf(name: string): Buffer {
  return readFileSync(join(FILES, name));
}

export function checkFile(name: string): Checked {
  return check(name, contentOf(name));
}

/** As text, so that a profile can be compared as a whole. */
export function shown({ psk, tunnelSecret, routes, target, ...rest }: Profile) {
  return {
    ...rest,
    psk: psk && Buffer.from(psk).toString(),
    tunnelSecret: tunnelSecret && Buffer.from(tunnelSecret).toString(),
    routes: routes?.map(formatPrefix),
    target: target && formatPrefix(target),
  };
}

/** What a profile is that says no more than it must, in the formats of others. */
export const PLAIN = {
  exchange: 'aggressive',
  authentication: 'psk',
  xauth: true,
  l2tp: false,
  pppMethods: undefined,
  tunnelSecret: undefined,
  certificate: undefined,
  authorities: [],
  user: undefined,
  password: undefined,
  domain: undefined,
  mayAsk: true,
  carrier: 'auto',
  ports: { ike: 500, natT: 4500, ciscoUdp: undefined, ciscoTcp: 10000 },
  routes: undefined,
  target: undefined,
  dns: true,
  splitDns: true,
  localLan: false,
  onLoss: 'block',
  persona: undefined,
  applicationVersion: undefined,
  legacy: true,
  dhGroup: 2,
  pfs: 'gateway',
  dpd: { idleSeconds: 20, timeoutSeconds: 60 },
  tun: undefined,
  mtu: undefined,
};

export function pcf(): string {
  return '[main]\nHost=vpn.example.com\nGroupName=staff\nGroupPwd=secret\n';
}

export function vpnc(): string {
  return 'IPSec gateway vpn.example.com\nIPSec ID staff\nIPSec secret secret\n';
}

export function yaml(): string {
  return 'gateway: vpn.example.com\ngroup: staff\npsk: a-long-enough-secret\n';
}

export function assertProblems(problems: readonly string[], expected: readonly (string | RegExp)[]): void {
  assert.equal(problems.length, expected.length, problems.join('\n'));
  for (const [i, pattern] of expected.entries()) {
    if (typeof pattern === 'string') assert.equal(problems[i], pattern);
    else assert.match(problems[i]!, pattern);
  }
}

/** Compares keys by where they stand in a file. */
export function byPlaceIn(name: string): (a: string, b: string) => number {
  const text = contentOf(name).toString().toLowerCase();
  return (a, b) => text.indexOf(`\n${a.toLowerCase()}`) - text.indexOf(`\n${b.toLowerCase()}`);
}
