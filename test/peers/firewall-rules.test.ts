/**
 * The rules that `sallyport openings` prints for nftables and iptables, pasted into a machine that drops everything: the
 * carrier passes and nothing else does. With plain packets for every carrier, and with tunnels of vpnc and strongSwan.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { needOf, type Side } from '../../src/core/openings/firewall.ts';
import { iptables } from '../../src/core/openings/firewalls/iptables.ts';
import { nftables } from '../../src/core/openings/firewalls/nftables.ts';
import {
  CARRIERS,
  type Carrier,
  openingName,
  openingsOfAll,
  STANDARD_PORTS,
} from '../../src/core/openings/openings.ts';
import { Echo, openTo } from '../lab/echo.ts';
import type { OpeningName } from '../lab/firewall.ts';
import { groupSecret } from '../lab/gateway.ts';
import type { Netns } from '../lab/netns.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { StrongSwan } from '../lab/strongswan.ts';
import { clientConfiguration } from '../lab/swanctl.ts';
import { clientAddress, gatewayAddress, Topology } from '../lab/topology.ts';
import { reaches } from '../lab/traffic.ts';
import { Vpnc } from '../lab/vpnc.ts';

const skip = lacking('iptables', 'ip6tables', 'vpnc', 'charon-systemd', 'swanctl');
const systems = [nftables, iptables];
type System = (typeof systems)[number];

const ALL = openingsOfAll(CARRIERS, STANDARD_PORTS, 'ike').map(openingName) as OpeningName[];

/** The tunnel's device passes, for what is in the tunnel is not the subject; ICMP and all else is dropped. */
async function shut(netns: Netns, system: System): Promise<void> {
  if (system === nftables) {
    await netns.nft(`
      table inet filter {
        chain input { type filter hook input priority 0; policy drop; iifname { "lo", "tun*", "sp*", "ipsec*" } accept; }
        chain output { type filter hook output priority 0; policy drop; oifname { "lo", "tun*", "sp*", "ipsec*" } accept; }
      }`);
    return;
  }
  for (const program of ['iptables', 'ip6tables']) {
    for (const [chain, device] of [
      ['INPUT', '-i'],
      ['OUTPUT', '-o'],
    ] as const) {
      await netns.must([program, '-P', chain, 'DROP']);
      for (const name of ['lo', 'tun+', 'sp+', 'ipsec+']) {
        await netns.must([program, '-A', chain, device, name, '-j', 'ACCEPT']);
      }
    }
  }
}

async function paste(netns: Netns, system: System, carriers: readonly Carrier[], side: Side): Promise<void> {
  for (const { lines } of system.rules(needOf(carriers, STANDARD_PORTS, side)).blocks) {
    for (const line of lines) await netns.must(['sh', '-c', line]);
  }
}

/** The lab's own tables stay. */
async function clear(netns: Netns): Promise<void> {
  const tables = ['inet filter', 'ip filter', 'ip6 filter'];
  await netns.nft(tables.map((table) => `table ${table}\ndelete table ${table}`).join('\n'));
}

describe('the printed rules, with plain packets', { skip, timeout: 900_000 }, () => {
  let net: Topology;
  let echo: Echo;

  before(async () => {
    net = await Topology.create('rules');
    echo = await Echo.start(net.gw, ALL);
  });

  after(async () => {
    await echo?.stop();
    net?.remove();
  });

  for (const system of systems) {
    for (const side of ['client', 'gateway'] as const) {
      it(`${system.name}, on the ${side}'s machine`, async () => {
        const wall = side === 'client' ? net.cl : net.gw;
        for (const carrier of CARRIERS) {
          await clear(wall);
          await shut(wall, system);
          assert.deepEqual(await openTo(net.cl, gatewayAddress, ALL), [], 'all is shut before');
          await paste(wall, system, [carrier], side);
          const expected = needOf([carrier], STANDARD_PORTS, side).openings.map(openingName) as OpeningName[];
          assert.deepEqual(await openTo(net.cl, gatewayAddress, ALL, expected), expected, carrier);
        }
        await clear(wall);
      });
    }
  }
});

describe('the printed rules, with tunnels', { skip, timeout: 900_000 }, () => {
  const stage = scene({ label: 'pasted' });

  afterEach(async () => {
    await clear(stage.net.cl);
    await clear(stage.net.gw);
  });

  for (const system of systems) {
    for (const [mode, carrier] of [
      ['force-natt', 'nat-t'],
      ['none', 'esp'],
      ['cisco-udp', 'cisco-udp'],
    ] as const) {
      it(`${system.name}: vpnc over ${carrier}, through both machines' firewalls`, async () => {
        const { net, gateway } = stage;
        await wallIn(system, [carrier]);
        const vpnc = await Vpnc.connect(net.cl, { mode });
        assert.ok(await reaches(net.cl), vpnc.log);
        assert.equal((await gateway.holds(1))[0]?.carrier, carrier);
        await vpnc.stop();
        await gateway.holds(0);
      });
    }

    it(`${system.name}: strongSwan over nat-t`, async () => {
      await wallIn(system, ['nat-t']);
      const configuration = clientConfiguration({ local: clientAddress, remote: gatewayAddress, psk: groupSecret });
      const client = await StrongSwan.start(stage.net.cl, configuration);
      await client.connect();
      assert.ok(await reaches(stage.net.cl), client.log);
      await client.stop();
      await stage.gateway.holds(0);
    });

    it(`${system.name}: the rules of another carrier do not let vpnc's native ESP through`, async () => {
      const { net, gateway } = stage;
      await wallIn(system, ['cisco-udp']);
      const vpnc = await Vpnc.connect(net.cl, { mode: 'none' });
      assert.ok(!(await reaches(net.cl, { wait: 0.5 }, 3)), 'IKE passes, ESP does not');
      await vpnc.stop();
      await gateway.holds(0);
    });
  }

  async function wallIn(system: System, carriers: readonly Carrier[]): Promise<void> {
    const { net } = stage;
    for (const [netns, side] of [
      [net.cl, 'client'],
      [net.gw, 'gateway'],
    ] as const) {
      await shut(netns, system);
      await paste(netns, system, carriers, side);
    }
  }
});
