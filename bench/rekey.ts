/** A minute of TCP through one tunnel that is renewed every two seconds, and the pings beside it: how many are lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Gateway } from '../test/lab/gateway.ts';
import { StrongSwan } from '../test/lab/strongswan.ts';
import { clientConfiguration } from '../test/lab/swanctl.ts';
import { clientAddress, gatewayAddress, Topology } from '../test/lab/topology.ts';
import { ping, reaches, transfer } from '../test/lab/traffic.ts';

const SECONDS = 60;
const REKEY_EVERY = 2000;

export async function measureRekeys(): Promise<string> {
  const net = await Topology.create();
  try {
    const gateway = await Gateway.start(net.gw);
    const configuration = clientConfiguration({ local: clientAddress, remote: gatewayAddress });
    const client = await StrongSwan.start(net.cl, configuration);
    await client.connect();
    if (!(await reaches(net.cl))) throw new Error('nothing comes through the tunnel');
    const pings = ping(net.cl, { count: SECONDS * 90, interval: 0.01 });
    const stream = transfer(net.cl, net.gw, { seconds: SECONDS });
    let rekeys = 0;
    for (const end = performance.now() + SECONDS * 1000; performance.now() < end; rekeys++) {
      await sleep(REKEY_EVERY);
      await client.rekeyPhase2();
    }
    const [{ sent, received }, { bitsPerSecond }] = [await pings, await stream];
    await client.stop();
    await gateway.remove();
    return `${rekeys} rekeys in ${SECONDS} s under ${(bitsPerSecond / 1e9).toFixed(2)} Gbit/s: ${sent - received} of ${sent} pings lost`;
  } finally {
    net.remove();
  }
}
