/** What others reach on the same machine in the same minutes: the figures that ours are judged by. */
import { password, user } from '../test/lab/gateway.ts';
import { StrongSwan } from '../test/lab/strongswan.ts';
import { clientConfiguration, standInConfiguration } from '../test/lab/swanctl.ts';
import { clientAddress, gatewayAddress, lanAddress, Topology } from '../test/lab/topology.ts';
import { reaches } from '../test/lab/traffic.ts';
import { Vpnc } from '../test/lab/vpnc.ts';
import { measure } from './measure.ts';
import { measureOthers, type Other } from './others.ts';
import { OpenVpn } from './peers-openvpn.ts';
import { measureKernelEsp } from './peers-vm.ts';
import type { Row } from './row.ts';

const PEERS: readonly Other[] = [
  { name: 'veth', needs: [], measure: measureVeth },
  { name: 'strongSwan', needs: ['charon-systemd', 'swanctl'], measure: measureStrongSwan },
  { name: 'OpenVPN', needs: ['openvpn', 'openssl'], measure: measureOpenVpn },
  { name: 'vpnc', needs: ['vpnc', 'charon-systemd', 'swanctl'], measure: measureVpnc },
  { name: "the kernel's ESP", needs: ['vm'], measure: measureKernelEsp },
];

export function measurePeers(tell: (line: string) => void): Promise<Row[]> {
  return measureOthers(PEERS, tell);
}

/** The network of the benchmarks without any VPN. */
async function measureVeth(): Promise<Row[]> {
  return withTopology(async (net) => [
    await measure({ name: 'veth, no VPN', client: net.cl, server: net.gw, target: gatewayAddress }),
  ]);
}

/** ESP in user space at both ends. */
async function measureStrongSwan(): Promise<Row[]> {
  return withStandIn(async (net, standIn) => {
    const rows: Row[] = [];
    for (const [esp, suite] of [
      ['aes128gcm16', 'AES-128-GCM'],
      ['aes128-sha1', 'AES-128-CBC, SHA1'],
    ] as const) {
      const configuration = clientConfiguration({ local: clientAddress, remote: gatewayAddress, esp });
      const client = await StrongSwan.start(net.cl, configuration);
      await client.connect();
      await carries(net);
      rows.push(
        await measure({
          name: `strongSwan in user space, ${suite}`,
          client: net.cl,
          server: net.gw,
          target: lanAddress,
          pids: [client.pid, standIn.pid],
        }),
      );
      await client.stop();
    }
    return rows;
  });
}

/** vpnc against strongSwan's ESP in user space. */
async function measureVpnc(): Promise<Row[]> {
  return withStandIn(async (net, standIn) => {
    const vpnc = await Vpnc.connect(net.cl, { mode: 'force-natt' });
    await carries(net);
    const row = await measure({
      name: 'vpnc to strongSwan in user space, AES-128-CBC, SHA1',
      client: net.cl,
      server: net.gw,
      target: lanAddress,
      pids: [vpnc.pid, standIn.pid],
    });
    await vpnc.stop();
    return [row];
  });
}

async function measureOpenVpn(): Promise<Row[]> {
  return withTopology(async (net) => {
    const vpn = await OpenVpn.connect(net);
    const row = await measure({
      name: 'OpenVPN, AES-128-GCM, UDP',
      client: net.cl,
      server: net.gw,
      target: vpn.target,
      pids: vpn.pids,
    });
    await vpn.stop();
    return [row];
  });
}

async function withTopology<T>(work: (net: Topology) => Promise<T>): Promise<T> {
  const net = await Topology.create();
  try {
    return await work(net);
  } finally {
    net.remove();
  }
}

function withStandIn<T>(work: (net: Topology, standIn: StrongSwan) => Promise<T>): Promise<T> {
  return withTopology(async (net) => {
    const standIn = await StrongSwan.start(net.gw, standInConfiguration([gatewayAddress], { [user]: password }));
    const result = await work(net, standIn);
    await standIn.stop();
    return result;
  });
}

async function carries(net: Topology): Promise<void> {
  if (!(await reaches(net.cl))) throw new Error('nothing comes through the tunnel');
}
