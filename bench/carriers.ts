/** Our client and our gateway as their users start them, on each carrier: one TCP stream through the tunnel. */
import { Client } from '../test/lab/client.ts';
import { Gateway } from '../test/lab/gateway.ts';
import { lanAddress, Topology } from '../test/lab/topology.ts';
import { reaches } from '../test/lab/traffic.ts';
import { measure } from './measure.ts';
import type { Row } from './row.ts';

const CARRIERS = ['nat-t', 'esp', 'cisco-udp', 'cisco-tcp'] as const;

/** Cisco's client offers no GCM. */
export const legacyCisco = { persona: 'cisco-4.0', legacy: true } as const;

/** What makes both sides agree on a suite. */
const SUITES = [
  { name: 'AES-128-GCM', profile: {}, esp: 'aes128gcm16' },
  { name: 'AES-128-CBC, SHA1', profile: legacyCisco, esp: 'aes128-sha1' },
] as const;

export async function measureCarriers(): Promise<Row[]> {
  const net = await Topology.create('carry');
  const carriers = { 'nat-t': true, esp: true, 'cisco-udp': 10000, 'cisco-tcp': [10000] };
  const rows: Row[] = [];
  try {
    const gateway = await Gateway.start(net.gw, { config: { carriers } });
    for (const { name, profile, esp } of SUITES) {
      for (const carrier of CARRIERS) {
        const { client, up } = await Client.connect(net.cl, { profile: { ...profile, carrier } });
        if (up.esp !== esp) throw new Error(`the tunnel has ${up.esp}, not ${esp}`);
        if (!(await reaches(net.cl))) throw new Error(`nothing comes through ${carrier}`);
        rows.push(
          await measure({
            name: `Sallyport's client and gateway, ${name}, ${carrier}`,
            client: net.cl,
            server: net.gw,
            target: lanAddress,
            pids: [client.pid, gatewayPid(gateway)],
          }),
        );
        await client.stop();
      }
    }
    await gateway.remove();
    return rows;
  } finally {
    net.remove();
  }
}

export function gatewayPid({ log }: Gateway): number {
  return Number(/gateway is up.* pid=(\d+)/.exec(log)?.[1]);
}
