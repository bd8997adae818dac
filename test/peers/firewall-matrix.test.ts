/**
 * Our client with `carrier: auto` behind every firewall: each of the 32 sets of the five openings, in both variants. The
 * tunnel comes up exactly when the openings of some carrier are all there, and on one of these; else the error names what
 * each carrier lacks. Then samples from behind a NAT, and with the firewall in front of the gateway.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ClientReport, ConnectResult } from '../../src/client/report.ts';
import { CARRIER_TITLES, CARRIERS, type Carrier } from '../../src/core/openings/openings.ts';
import { Client } from '../lab/client.ts';
import { dropFirewall, type FirewallOptions, type OpeningName, raiseFirewall } from '../lab/firewall.ts';
import { Gateway } from '../lab/gateway.ts';
import type { Netns } from '../lab/netns.ts';
import { Pool } from '../lab/pool.ts';
import { lacking } from '../lab/requirements.ts';
import { gatewayAddress, gatewayPublicAddress, Topology } from '../lab/topology.ts';
import { ping, reaches } from '../lab/traffic.ts';
import { COMBINATIONS, expectedWith, title } from './firewall-outcome.ts';

/** So many clients at a time: most of their time they wait for what a firewall swallows. */
const SIDE_BY_SIDE = 4;

/** Not native ESP: protocol 50 has no ports, and what a NAT makes of it is the NAT's affair. */
const SAMPLE: readonly (readonly OpeningName[])[] = [
  ['udp/4500'],
  ['udp/500', 'udp/10000'],
  ['tcp/10000'],
  ['udp/500', 'udp/4500', 'tcp/10000'],
  ['udp/10000'],
];

const config = { carriers: { 'nat-t': true, esp: true, 'cisco-udp': 10000, 'cisco-tcp': [10000] } };

interface Case {
  readonly from: Netns;
  readonly wall: Netns;
  readonly gateway: string;
  readonly open: readonly OpeningName[];
  readonly options: FirewallOptions;
}

interface Measured {
  readonly words: string;
  readonly outcome: string;
  readonly seconds: number;
  readonly dialled: number;
}

const measured: Measured[] = [];

describe('the matrix of firewalls', { skip: lacking(), timeout: 1_800_000, concurrency: SIDE_BY_SIDE }, () => {
  let net: Topology;
  let gateway: Gateway;
  let direct: Pool<Netns>;
  let natted: Pool<Netns>;
  before(async () => {
    net = await Topology.create('mx');
    gateway = await Gateway.start(net.gw, { config });
    direct = new Pool(await Promise.all(Array.from({ length: SIDE_BY_SIDE }, () => net.addClient())));
    natted = new Pool([net.c1, net.c2]);
  });

  after(async () => {
    report(measured);
    await gateway?.remove();
    net?.remove();
  });

  for (const variant of ['strict', 'stateful'] as const) {
    for (const open of COMBINATIONS) {
      it(`${variant}, open: ${title(open)}`, () =>
        direct.use((from) => decide({ from, wall: from, gateway: gatewayAddress, open, options: { variant } })));
    }
  }

  for (const variant of ['strict', 'stateful'] as const) {
    for (const open of SAMPLE) {
      it(`behind a NAT, ${variant}, open: ${title(open)}`, () =>
        natted.use((from) => decide({ from, wall: from, gateway: gatewayPublicAddress, open, options: { variant } })));
    }
  }

  it('the one set that could be opened by hand gives Cisco IPsec over UDP, in words too', () =>
    direct.use(async (from) => {
      await raiseFirewall(from, ['udp/500', 'udp/10000']);
      const { client, up } = await Client.connect(from);
      assert.equal(up.carrier, 'cisco-udp');
      assert.equal(up.gateway, `${gatewayAddress}:10000`);
      const blocked = up.blocked.map(({ carrier }) => carrier);
      assert.ok(blocked.includes('nat-t'), `what was blocked on the way: ${JSON.stringify(up.blocked)}`);
      await client.stop();
      await dropFirewall(from);
    }));
});

describe('a firewall in front of the gateway', { skip: lacking(), timeout: 900_000 }, () => {
  let net: Topology;
  let gateway: Gateway;

  before(async () => {
    net = await Topology.create('fg');
    gateway = await Gateway.start(net.gw, { config });
  });

  after(async () => {
    await gateway?.remove();
    net?.remove();
  });

  for (const variant of ['strict', 'stateful'] as const) {
    for (const open of SAMPLE) {
      it(`${variant}, open: ${title(open)}`, async () => {
        const options = { variant, towardsGateway: 'outside' } as const;
        await decide({ from: net.c1, wall: net.nat, gateway: gatewayPublicAddress, open, options });
      });
    }
  }
});

async function decide({ from, wall, gateway: address, open, options }: Case): Promise<void> {
  await raiseFirewall(wall, open, options);
  const client = Client.start(from, { profile: { gateway: address } });
  try {
    const outcome = await client.decided();
    const { carriers } = expectedWith(open);
    measured.push({
      words: `${options.towardsGateway ? 'in front of the gateway, ' : ''}${options.variant}, ${title(open)}`,
      outcome: outcome.type === 'up' ? outcome.carrier : outcome.ending,
      seconds: (client.decidedAfter ?? 0) / 1000,
      dialled: client.dialledFor / 1000,
    });
    if (carriers.length === 0) lacks(outcome, open);
    else await carries(outcome, carriers, from, client);
  } catch (error) {
    console.error(`--- ${title(open)}: the client said\n${client.log}---`);
    throw error;
  } finally {
    await client.stop();
    await dropFirewall(wall);
  }
}

type Outcome = Extract<ClientReport, { type: 'up' | 'down' }>;

async function carries(outcome: Outcome, carriers: readonly Carrier[], from: Netns, client: Client): Promise<void> {
  assert.equal(outcome.type, 'up', `a tunnel over ${carriers.join(' or ')}: ${client.log}`);
  if (outcome.type !== 'up') return;
  assert.ok(carriers.includes(outcome.carrier), `${outcome.carrier} is none of ${carriers.join(', ')}`);
  // The gateway may get the end of quick mode after the first packet.
  assert.ok(await reaches(from), client.log);
  // One at a time, each with as long as a busy machine may take.
  for (let i = 0; i < 3; i++) assert.equal((await ping(from, { count: 1, wait: 5 })).received, 1, client.log);
}

/** The error names what each carrier lacks, and calls nothing closed that is open. */
function lacks(outcome: Outcome, open: readonly OpeningName[]): void {
  assert.equal(outcome.type, 'down', 'no tunnel');
  const { ending, reason, blocked } = outcome as ConnectResult & { readonly type: 'down' };
  assert.equal(ending, 'blocked', reason);
  const { missing } = expectedWith(open);
  const lines = reason.split('\n');
  for (const carrier of CARRIERS) {
    const line = lines.find((text) => text.includes(`${CARRIER_TITLES[carrier]}:`)) ?? '';
    for (const opening of missing[carrier]) assert.match(line, new RegExp(`${opening} \\((?!open)`), reason);
    const named = blocked.find((one) => one.carrier === carrier)?.openings ?? [];
    assert.ok(named.includes(missing[carrier][0] ?? ''), `${carrier} in ${JSON.stringify(blocked)}`);
    for (const opening of named)
      assert.ok(missing[carrier].includes(opening), `${carrier} needs ${opening}, and it is open`);
  }
}

/** For people: ten seconds are the aim, and how long it took is not what a test is about. */
function report(measured: readonly Measured[]): void {
  console.log('from the first attempt, from the start of the program');
  const byTime = [...measured].sort((a, b) => b.dialled - a.dialled);
  for (const { words, outcome, seconds, dialled } of byTime) {
    const times = [dialled, seconds].map((time) => `${time.toFixed(1).padStart(6)} s`);
    console.log(`${times.join('')}  ${outcome.padEnd(9)}  ${words}`);
  }
}
