/** Lets the clients' packets out through the gateway's own address: forwarding on, and one nftables table of our own. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { formatPrefix, type Prefix } from '../core/net/address.ts';
import { HostError, systemReason } from './errors.ts';
import { tableRemoval, tableRules } from './nft-table.ts';

export interface NatOptions {
  readonly tun: string;
  readonly pools: readonly Prefix[];
  readonly clientToClient: boolean;
}

interface Nat {
  /** Chains of other tables that drop what is forwarded, for a warning: an accept of ours can't outvote them. */
  readonly forwardDroppedBy: readonly string[];
  /** Takes the table down, and forwarding if it was off before. */
  stop(): void;
}

const FORWARDING = '/proc/sys/net/ipv4/ip_forward';

/** Throws {@link HostError} `NAT` when the system refuses; then nothing has changed. */
export function startNat(options: NatOptions): Nat {
  nft(ruleset(options));
  try {
    const turnedOn = turnOnForwarding();
    return {
      forwardDroppedBy: findDroppingChains(),
      stop: () => {
        nft(tableRemoval(tableName(options.tun)));
        if (turnedOn) writeFileSync(FORWARDING, '0');
      },
    };
  } catch (error) {
    nft(tableRemoval(tableName(options.tun)));
    throw new HostError(
      'NAT',
      `can't turn forwarding on (${systemReason(error)}); do it yourself: sysctl net.ipv4.ip_forward=1`,
    );
  }
}

/** The table as nft reads it. It replaces the one that a crashed gateway left. */
export function ruleset({ tun, pools, clientToClient }: NatOptions): string {
  const sources = [...new Set(pools.map(formatPrefix))].join(', ');
  return tableRules(
    tableName(tun),
    `
  chain forward {
    type filter hook forward priority filter; policy accept;
    ${clientToClient ? '' : `iifname "${tun}" oifname "${tun}" drop`}
    iifname "${tun}" accept
    oifname "${tun}" ct state established,related accept
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr { ${sources} } oifname != "${tun}" masquerade
  }`,
  );
}

function tableName(tun: string): string {
  return `sallyport_${tun}`;
}

function nft(commands: string): void {
  const { error, status, stderr } = spawnSync('nft', ['-f', '-'], {
    input: commands,
    encoding: 'utf8',
    timeout: 10_000,
  });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
    throw new HostError('NAT', "nft is missing; install it (Debian: apt install nftables) or set 'nat: false'");
  }
  if (error) throw new HostError('NAT', `nft can't be run: ${systemReason(error)}`);
  if (status !== 0) throw new HostError('NAT', `nft refused: ${stderr.trim().split('\n')[0]}`);
}

export function forwardingIsOn(): boolean {
  return readFileSync(FORWARDING, 'utf8').trim() !== '0';
}

/** True if it was off. */
function turnOnForwarding(): boolean {
  if (forwardingIsOn()) return false;
  writeFileSync(FORWARDING, '1');
  return true;
}

interface Chain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

function findDroppingChains(): string[] {
  const { status, stdout } = spawnSync('nft', ['-j', 'list', 'chains'], { encoding: 'utf8', timeout: 10_000 });
  if (status !== 0) return [];
  const { nftables } = JSON.parse(stdout) as { nftables: { chain?: Chain }[] };
  return nftables
    .flatMap(({ chain }) => (chain ? [chain] : []))
    .filter(
      ({ hook, policy, family }) => hook === 'forward' && policy === 'drop' && family !== 'ip6' && family !== 'bridge',
    )
    .map(({ family, table, name }) => `${family} ${table} ${name}`);
}
