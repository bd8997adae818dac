/** A client with all that surrounds it: profile, host's network, watch over it. One a profile. */
import type { Profile } from '../config/profile/profile.ts';
import type { TunnelUp } from '../core/session/client/events.ts';
import { checkRoutes } from '../core/session/client/offered-network.ts';
import { DEFAULT_TUN_MTU } from '../dataplane/index.ts';
import { type ClientNetwork, openClientNetwork } from '../host/network/client-network.ts';
import type { DnsPlan, NetworkPlan } from '../host/network/plan.ts';
import { watchNetwork } from '../host/network/watch.ts';
import type { Attendance } from './attended.ts';
import { CLIENT_MARK, Client } from './client.ts';
import { openCarrierMemory } from './locate.ts';
import { clientOptions } from './options.ts';
import type { ClientReport, ConnectResult } from './report.ts';
import { connectResult } from './reporting.ts';

/** Kernel's limit on interface names. */
const MAX_INTERFACE_NAME = 15;
const TRAFFIC_EVERY = 1000;

/** Connects, and stays until the end. Rejects when the machine lacks something: no rights, no TUN. */
export async function connect({ profile, asker, report, stateFolder, signal }: Attendance): Promise<ConnectResult> {
  const tun = profile.tun ?? `sp-${profile.name}`.slice(0, MAX_INTERFACE_NAME);
  const mtu = profile.mtu ?? DEFAULT_TUN_MTU;
  const options = clientOptions(profile);
  const network = await openClientNetwork(profile.name, stateFolder);
  for (const text of network.cleaned) report({ type: 'notice', text: `put back what an earlier client left: ${text}` });
  try {
    const client = await Client.open({
      options,
      ports: profile.ports,
      tun,
      mtu,
      served: network.gateway,
      memory: openCarrierMemory(),
      asker,
      report,
      raise: async (tunnel) => raise(network, profile, tunnel, { tun, mtu }, report),
      lower: async () => (profile.onLoss === 'open' ? network.restore() : undefined),
    });
    return await run(client, network, tun, report, signal);
  } finally {
    await network.restore();
  }
}

async function run(
  client: Client,
  network: ClientNetwork,
  tun: string,
  report: (event: ClientReport) => void,
  signal: AbortSignal,
): Promise<ConnectResult> {
  const watch = watchNetwork((event) => {
    if (event !== 'undone') client.networkChanged();
    network.refresh().catch((error: Error) => report({ type: 'notice', text: error.message }));
  }, tun);
  const traffic = setInterval(() => report({ type: 'traffic', ...client.traffic }), TRAFFIC_EVERY);
  const stop = () => client.disconnect();
  signal.addEventListener('abort', stop);
  try {
    client.connect();
    if (signal.aborted) stop();
    return connectResult(await client.ended);
  } finally {
    signal.removeEventListener('abort', stop);
    clearInterval(traffic);
    watch.close();
    await client.close();
  }
}

/** What the gateway offers is taken as far as it is safe; the rest is told. */
async function raise(
  network: ClientNetwork,
  profile: Profile,
  tunnel: TunnelUp,
  device: Pick<NetworkPlan, 'tun' | 'mtu'>,
  report: (event: ClientReport) => void,
): Promise<void> {
  const { given } = tunnel;
  // what is left of them is in the tunnel's own
  const dropped = profile.routes ? checkRoutes(profile.routes, [tunnel.remote.address]).dropped : [];
  for (const { what, why } of dropped) report({ type: 'notice', text: `not taken: ${what}: ${why}` });
  const servers = profile.dns ? given.dns : [];
  const split = profile.splitDns ? given.splitDns : [];
  const dns: DnsPlan | undefined = servers.length > 0 ? { servers, domain: given.domain, split } : undefined;
  const { onLoss } = profile;
  const localLan = profile.localLan || given.permitsLocalLan;
  const { address } = given;
  const applied = await network.apply({
    ...device,
    address,
    routes: tunnel.routes,
    localLan,
    dns,
    onLoss,
    gateway: { name: tunnel.gateway, address: tunnel.remote.address },
    mark: CLIENT_MARK,
  });
  for (const text of applied.notes) report({ type: 'notice', text });
}
