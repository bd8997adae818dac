/**
 * L2TP/IPsec end to end in one run on one machine, one TCP stream through the call: our client and gateway with L2TP and
 * without, the kernel's in a VM, SoftEther's. All in NAT-T, as most clients need it.
 */
import { Client } from '../test/lab/client.ts';
import { Gateway, mainSecret } from '../test/lab/gateway.ts';
import { until } from '../test/lab/poll.ts';
import { SoftEther, softEtherSecret } from '../test/lab/softether.ts';
import { lanAddress, Topology } from '../test/lab/topology.ts';
import { reaches } from '../test/lab/traffic.ts';
import { gatewayPid, legacyCisco } from './carriers.ts';
import { measureL2tp as measureDataplane } from './dataplane/tunnel.ts';
import { measureKernelToGateway, measureKernelToKernel } from './l2tp-vm.ts';
import { measure } from './measure.ts';
import { measureOthers, type Other } from './others.ts';
import type { Row } from './row.ts';

/** Windows takes CBC with SHA1; `profile` makes our client agree on the suite, by L2TP and by XAUTH. */
const SUITES = [
  { name: 'AES-128-CBC, SHA1', esp: 'aes128-sha1', l2tp: { persona: 'windows-11' }, xauth: legacyCisco },
  { name: 'AES-128-GCM', esp: 'aes128gcm16', l2tp: {}, xauth: {} },
] as const;

const BY_CALL = { l2tp: true, group: undefined } as const;

export async function measureL2tp(tell: (line: string) => void): Promise<Row[]> {
  return [...(await measureDataplane()), ...(await measureOurs()), ...(await measureOthers(OTHERS, tell))];
}

const OTHERS: readonly Other[] = [
  { name: "the kernel's L2TP in a VM", needs: ['vm'], measure: measureKernelClient },
  { name: "the kernel's L2TP between two VMs", needs: ['vm'], measure: measureKernel },
  { name: "SoftEther's L2TP", needs: ['vpnserver', 'vpncmd'], measure: measureSoftEther },
];

async function measureOurs(): Promise<Row[]> {
  return withNetwork(async (net, gateway) => {
    const rows: Row[] = [];
    for (const { name, esp, l2tp, xauth } of SUITES)
      for (const [how, profile] of [
        ['', xauth],
        ['L2TP over ', { ...BY_CALL, psk: mainSecret, ...l2tp }],
      ] as const) {
        const { client, up } = await Client.connect(net.cl, { profile: { ...profile, carrier: 'nat-t' } });
        if (up.esp !== esp) throw new Error(`the tunnel has ${up.esp}, not ${esp}`);
        const title = `Sallyport's client and gateway, ${name}, ${how}nat-t`;
        rows.push(await through(net, title, lanAddress, [client.pid, gatewayPid(gateway)]));
        await client.stop();
      }
    return rows;
  });
}

async function measureKernelClient(): Promise<Row[]> {
  return withNetwork(async (net, gateway) => {
    const bridge = await net.bridgeForVms();
    const speeds: Row[] = [];
    for (const { name, esp } of SUITES)
      speeds.push({
        name: `the kernel's L2TP in a VM to Sallyport's gateway, ${name}, nat-t`,
        gbitPerSecond: await measureKernelToGateway(gateway, bridge, esp),
        cpu: undefined,
      });
    return speeds;
  });
}

async function measureKernel(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, esp } of SUITES)
    rows.push({
      name: `the kernel's L2TP between two VMs, ${name}, nat-t`,
      gbitPerSecond: await measureKernelToKernel(esp),
      cpu: undefined,
    });
  return rows;
}

/** It knows no GCM. What is behind it is a device of its own machine, without the NAT that it has for those who want one. */
async function measureSoftEther(): Promise<Row[]> {
  const net = await Topology.create('ether');
  try {
    const server = await SoftEther.start(net.gw);
    await server.configure(['Hub LAB', 'NatDisable']);
    await server.configure(['BridgeCreate LAB /DEVICE:lan /TAP:yes']);
    await until(() => net.gw.hasLink('tap_lan'), 20_000, 'the device behind SoftEther');
    await net.gw.ip('address', 'add', `${BEHIND_SOFTETHER}/24`, 'dev', 'tap_lan');
    const profile = { ...BY_CALL, psk: softEtherSecret, persona: 'windows-11', carrier: 'nat-t' };
    const { client, up } = await Client.connect(net.cl, { profile: { ...profile, routes: ['192.168.30.0/24'] } });
    if (up.esp !== 'aes128-sha1') throw new Error(`SoftEther chose ${up.esp}`);
    const title = "Sallyport's client and SoftEther's server, AES-128-CBC, SHA1, L2TP over nat-t";
    const row = await through(net, title, BEHIND_SOFTETHER, [client.pid, server.pid]);
    await client.stop();
    await server.stop();
    return [row];
  } finally {
    net.remove();
  }
}

const BEHIND_SOFTETHER = '192.168.30.250';

async function through(net: Topology, name: string, target: string, pids: readonly number[]): Promise<Row> {
  if (!(await reaches(net.cl, { target }))) throw new Error(`nothing comes through: ${name}`);
  return measure({ name, client: net.cl, server: net.gw, target, pids });
}

async function withNetwork<T>(use: (net: Topology, gateway: Gateway) => Promise<T>): Promise<T> {
  const net = await Topology.create('l2tp');
  try {
    const gateway = await Gateway.start(net.gw, { config: { l2tp: true } });
    const result = await use(net, gateway);
    await gateway.remove();
    return result;
  } finally {
    net.remove();
  }
}
