/**
 * A minute of TCP through one tunnel at full speed, with pings beside it: without rekeys, then with one every two seconds.
 * How many pings are lost, and how much of what was lost was lost at the gateway.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseMetrics } from '../test/gateway/parse-metrics.ts';
import { Gateway } from '../test/lab/gateway.ts';
import { StrongSwan } from '../test/lab/strongswan.ts';
import { clientConfiguration } from '../test/lab/swanctl.ts';
import { clientAddress, gatewayAddress, Topology } from '../test/lab/topology.ts';
import { ping, reaches, transfer } from '../test/lab/traffic.ts';

const SECONDS = 60;
const REKEY_EVERY = 2000;
/**
 * Packets. strongSwan's TUN has 500, which one TCP stream overflows now and then, and what falls out then is anybody's: of
 * stream and pings alike, with and without rekeys. Here the client is given room, so that what is lost is the gateway's.
 */
const CLIENT_QUEUE = 5000;

export async function measureRekeys(): Promise<string> {
  const net = await Topology.create();
  try {
    const gateway = await Gateway.start(net.gw);
    const configuration = clientConfiguration({ local: clientAddress, remote: gatewayAddress });
    const client = await StrongSwan.start(net.cl, configuration);
    await client.connect();
    await net.cl.ip('link', 'set', 'dev', 'ipsec0', 'txqueuelen', String(CLIENT_QUEUE));
    if (!(await reaches(net.cl))) throw new Error('nothing comes through the tunnel');
    const lines: string[] = [];
    for (const every of [undefined, REKEY_EVERY]) lines.push(await run(net, client, gateway, every));
    await client.stop();
    await gateway.remove();
    return lines.join('\n');
  } finally {
    net.remove();
  }
}

async function run(net: Topology, client: StrongSwan, gateway: Gateway, every: number | undefined): Promise<string> {
  const before = await drops(gateway);
  const [{ sent, received }, { bitsPerSecond }, rekeys] = await Promise.all([
    ping(net.cl, { count: SECONDS * 90, interval: 0.011 }),
    transfer(net.cl, net.gw, { seconds: SECONDS }),
    rekeyEvery(client, every),
  ]);
  const dropped = (await drops(gateway)) - before;
  return `${rekeys} rekeys in ${SECONDS} s under ${(bitsPerSecond / 1e9).toFixed(2)} Gbit/s: ${sent - received} of ${sent} pings lost; the gateway dropped ${dropped} packets`;
}

/** How many there were. */
async function rekeyEvery(client: StrongSwan, every: number | undefined): Promise<number> {
  let rekeys = 0;
  for (const end = performance.now() + SECONDS * 1000; every !== undefined && performance.now() < end; rekeys++) {
    await sleep(every);
    await client.rekeyPhase2();
  }
  return rekeys;
}

/** All that the gateway dropped, and the kernel in its queues. */
async function drops(gateway: Gateway): Promise<number> {
  const { stdout } = await gateway.command('metrics');
  const all = [...parseMetrics(stdout)].filter(([name]) => name.startsWith('sallyport_dropped_total'));
  return all.reduce((sum, [, value]) => sum + value, 0);
}
