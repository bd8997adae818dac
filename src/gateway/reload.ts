/** What a running gateway takes of a changed configuration, and what has to wait for a restart. */
import { isDeepStrictEqual } from 'node:util';
import type { GatewayConfig } from '../config/config.ts';
import { formatEndpoint, formatPrefix } from '../core/net/address.ts';
import type { GroupPolicy, PeerPolicy } from '../core/session/policy.ts';
import { innerNetworks } from './networks.ts';

interface Change {
  /** `after` as far as it can be taken; the rest as it was. */
  readonly config: GatewayConfig;
  /** What was changed in vain, by the names of the configuration's keys, with why where that isn't plain. */
  readonly needsRestart: readonly string[];
}

export function takeChange(before: GatewayConfig, after: GatewayConfig): Change {
  const needsRestart = Object.entries(FIXED)
    .filter(([, part]) => !isDeepStrictEqual(part(before), part(after)))
    .map(([name]) => name);
  const routed = new Set(innerNetworks(before).map(formatPrefix));
  const old = before.policy;
  const groups = after.policy.groups.map((group): GroupPolicy | undefined => {
    if (routed.has(formatPrefix(group.pool))) return group;
    if (formatPrefix(group.pool) !== formatPrefix(after.given.pool)) needsRestart.push(poolPath(group));
    const known = old.groups.find(({ name }) => name === group.name);
    return known && { ...group, pool: known.pool };
  });
  const peers = after.policy.peers.map((peer): PeerPolicy | undefined => {
    if (routed.has(formatPrefix(peer.inner))) return peer;
    needsRestart.push(`peers (inner of ${peer.id})`);
    const known = old.peers.find(({ id }) => id === peer.id);
    return known && { ...peer, inner: known.inner };
  });
  const { ciscoUdpPort, ciscoTcpPorts, natT, nativeEsp } = old;
  const config: GatewayConfig = {
    ...after,
    state: before.state,
    listen: before.listen,
    ports: before.ports,
    tun: before.tun,
    mtu: before.mtu,
    nat: before.nat,
    clientToClient: before.clientToClient,
    keylog: before.keylog,
    metrics: before.metrics,
    log: { ...before.log, level: after.log.level },
    given: { ...after.given, pool: before.given.pool },
    policy: {
      ...after.policy,
      groups: groups.filter((group) => group !== undefined),
      peers: peers.filter((peer) => peer !== undefined),
      ciscoUdpPort,
      ciscoTcpPorts,
      natT,
      nativeEsp,
    },
  };
  return { config, needsRestart };
}

/** What was set up once, for as long as the process lives, by the key that changes it. */
const FIXED: Readonly<Record<string, (config: GatewayConfig) => unknown>> = {
  state: ({ state }) => state,
  listen: ({ listen }) => listen?.map(({ text }) => text),
  ports: ({ ports }) => ports,
  carriers: ({ policy: { ciscoUdpPort, ciscoTcpPorts, natT, nativeEsp } }) => ({
    ciscoUdpPort,
    ciscoTcpPorts,
    natT,
    nativeEsp,
  }),
  tun: ({ tun }) => tun,
  mtu: ({ mtu }) => mtu,
  pool: ({ given }) => formatPrefix(given.pool),
  nat: ({ nat }) => nat,
  client_to_client: ({ clientToClient }) => clientToClient,
  keylog: ({ keylog }) => keylog,
  metrics: ({ metrics }) => metrics && formatEndpoint(metrics),
  'log.format': ({ log }) => log.format,
};

function poolPath({ name }: GroupPolicy): string {
  return name === undefined ? 'pool' : `groups.${name}.pool`;
}
