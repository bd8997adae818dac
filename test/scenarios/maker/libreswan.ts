/** Libreswan's pluto as a responder: IKE alone, for the kernel here has no ESP. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Netns } from '../../lab/netns.ts';
import { must, type Program } from '../../lab/run.ts';
import { scratch } from '../../lab/scratch.ts';
import { vmDirectory } from '../../lab/vm/vm.ts';
import { GATEWAY_NAME, SECRET } from './swan.ts';

export interface LibreswanOptions {
  /** Keys of `config setup` and of the connection. */
  readonly setup?: Readonly<Record<string, string>>;
  readonly connection?: Readonly<Record<string, string>>;
}

/** Starts one in `netns`; comes back when it listens. It ends with its namespace. */
export async function startLibreswan(
  netns: Netns,
  { setup = {}, connection = {} }: LibreswanOptions,
): Promise<Program> {
  const unpacked = join(vmDirectory, 'libreswan');
  await must([join(import.meta.dirname, 'libreswan'), unpacked]);
  const root = join(unpacked, 'root');
  const folder = scratch('libreswan');
  mkdirSync(join(folder, 'nss'));
  const whole = {
    left: '192.0.2.1',
    leftid: `@${GATEWAY_NAME}`,
    right: '%any',
    authby: 'secret',
    leftsubnet: '10.1.0.0/24',
    auto: 'add',
    ...connection,
  };
  writeFileSync(
    join(folder, 'ipsec.conf'),
    `config setup\n${keys({ nssdir: join(folder, 'nss'), ...setup })}conn users\n${keys(whole)}`,
  );
  writeFileSync(join(folder, 'ipsec.secrets'), `: PSK "${SECRET}"\n`, { mode: 0o600 });
  // it looks for its own programs at fixed places: bound there in the mount namespace that `ip netns exec` makes
  const script = `mount --bind '${root}/usr/libexec' /usr/libexec && mkdir -p /run/pluto && mount -t tmpfs tmpfs /run/pluto &&
    export LD_LIBRARY_PATH='${root}/usr/lib/x86_64-linux-gnu:${root}/lib/x86_64-linux-gnu' &&
    '${root}/usr/bin/certutil' -N -d 'sql:${folder}/nss' --empty-password &&
    exec /usr/libexec/ipsec/pluto --nofork --stderrlog --rundir /run/pluto --nssdir '${folder}/nss' \\
      --config '${folder}/ipsec.conf' --secretsfile '${folder}/ipsec.secrets'`;
  const program = netns.start(['sh', '-c', script]);
  await program.prints(/loading secrets from/, 60_000);
  return program;
}

function keys(section: Readonly<Record<string, string>>): string {
  return Object.entries(section)
    .map(([key, value]) => `  ${key}=${value}\n`)
    .join('');
}
