/** The machine that the figures come from, and the versions of all who are measured on it. */
import { spawnSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { vmDirectory } from '../test/lab/vm/vm.ts';

/** By their Debian packages. */
const PEERS = {
  strongSwan: 'charon-systemd',
  OpenVPN: 'openvpn',
  vpnc: 'vpnc',
  SoftEther: 'softether-vpnserver',
} as const;
const TOOLS = {
  OpenSSL: 'openssl',
  tshark: 'tshark',
  iperf3: 'iperf3',
} as const;

export function describeMachine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? 'unknown processor';
  return [
    `${new Date().toISOString().slice(0, 10)}: ${model}, ${processors.length} cores, ${(totalmem() / 2 ** 30).toFixed(1)} GB`,
    `Linux ${release()}; Node ${process.versions.node}, with OpenSSL ${process.versions.openssl}; in the VMs Linux ${vmVersion() ?? 'is not here'}`,
    versions(PEERS),
    versions(TOOLS),
  ].join('\n');
}

function versions(packages: Readonly<Record<string, string>>): string {
  return Object.entries(packages)
    .map(([name, its]) => `${name} ${packageVersion(its) ?? 'is not here'}`)
    .join(', ');
}

function packageVersion(name: string): string | undefined {
  return output(['dpkg-query', '-W', name])?.split('\t')[1];
}

function vmVersion(): string | undefined {
  return output([join(vmDirectory, 'uml/usr/bin/linux.uml'), '--version']);
}

function output([program = '', ...args]: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
