/**
 * A laptop of 2004 and its VPN. Windows XP SP2 has just brought it a firewall, whose dialogue opens ports and nothing else, and
 * the client that worked yesterday doesn't connect any more.
 */
import type { ClientReport } from '../src/client/report.ts';
import { CARRIER_TITLES, CARRIERS, type Carrier } from '../src/core/openings/openings.ts';
import { Client } from '../test/lab/client.ts';
import { type OpeningName, raiseFirewall } from '../test/lab/firewall.ts';
import { Gateway, group, groupSecret, password, user } from '../test/lab/gateway.ts';
import type { Netns } from '../test/lab/netns.ts';
import { gatewayAddress, lanAddress, Topology } from '../test/lab/topology.ts';
import { ping, reaches } from '../test/lab/traffic.ts';
import { say } from './say.ts';

const BY_HAND: readonly OpeningName[] = ['udp/500', 'udp/10000'];

/** What an administrator handed out then. */
const PROFILE = `[main]
Description=The office
Host=${gatewayAddress}
AuthType=1
GroupName=${group}
GroupPwd=${groupSecret}
EnableNat=1
TunnelingMode=0
TcpTunnelingPort=10000
Username=${user}
SaveUserPassword=1
UserPassword=${password}
`;

export async function tellFirewallStory(): Promise<void> {
  say(`A gateway at ${gatewayAddress} with a network behind it, and a laptop whose firewall is that of Windows
XP SP2: what comes in passes only where an exception names it, replies to the VPN too.
`);
  const net = await Topology.create('demo');
  try {
    await play(net);
  } finally {
    net.remove();
  }
}

async function play(net: Topology): Promise<void> {
  const carriers = { 'nat-t': true, esp: true, 'cisco-udp': 10000, 'cisco-tcp': [10000] };
  const gateway = await Gateway.start(net.gw, { config: { carriers } });
  try {
    const laptops = await Promise.all(CARRIERS.map(() => net.addClient()));
    const [laptop] = laptops as [Netns, ...Netns[]];

    say('1. As it was installed, with no exceptions. The client may take any carrier:\n');
    say(tell(await attempt(laptop, [], 'auto')));

    say(`
2. In the dialogue (Add Port) somebody adds UDP 500 and UDP 10000; it knows no IP protocol 50.
   One carrier at a time, as it was done then, until one works:
`);
    const attempts = await Promise.all(CARRIERS.map((carrier, i) => attempt(laptops[i]!, BY_HAND, carrier)));
    for (const [i, carrier] of CARRIERS.entries()) say(tellShortly(carrier, attempts[i]!));

    say('\n3. The same firewall. The client may take any carrier:\n');
    say(tell(await attempt(laptop, BY_HAND, 'auto')));
  } finally {
    await gateway.remove();
  }
}

interface Attempt {
  readonly outcome: Extract<ClientReport, { type: 'up' | 'down' }>;
  readonly seconds: string;
  /** Pings through the tunnel that came back, of {@link PINGS}. */
  readonly pings: number;
}

const PINGS = 3;

async function attempt(laptop: Netns, open: readonly OpeningName[], carrier: Carrier | 'auto'): Promise<Attempt> {
  await raiseFirewall(laptop, open);
  const client = Client.start(laptop, { file: { extension: 'pcf', text: PROFILE }, args: ['--carrier', carrier] });
  try {
    const outcome = await client.decided();
    const seconds = `${((client.decidedAfter ?? 0) / 1000).toFixed(1)} s`;
    let pings = 0;
    // a gateway may get the end of quick mode after the first packet
    if (outcome.type === 'up' && (await reaches(laptop)))
      for (let i = 0; i < PINGS; i++) pings += (await ping(laptop, { count: 1, wait: 5 })).received;
    return { outcome, seconds, pings };
  } finally {
    await client.stop();
  }
}

function tell({ outcome, seconds, pings }: Attempt): string {
  if (outcome.type === 'down') return `   After ${seconds}: ${outcome.reason.replaceAll('\n', '\n   ')}`;
  const blocked = outcome.blocked.map(
    ({ carrier, openings }) => `   Blocked: ${CARRIER_TITLES[carrier]} (${openings.join(', ')}).\n`,
  );
  return `   After ${seconds}: ${CARRIER_TITLES[outcome.carrier]}, to ${outcome.gateway}, inner address ${outcome.address}.
${blocked.join('')}   ${pings} of ${PINGS} pings to ${lanAddress} behind the gateway came back.`;
}

/** "   NAT-T                 no   needs UDP 4500 (no answer)" */
function tellShortly(carrier: Carrier, { outcome, pings }: Attempt): string {
  const title = CARRIER_TITLES[carrier];
  const label = `   ${title.padEnd(22)}`;
  if (outcome.type === 'up') return `${label}yes  to ${outcome.gateway}, ${pings} of ${PINGS} pings came back`;
  const line = outcome.reason.split('\n').find((text) => text.trimStart().startsWith(`${title}:`));
  return `${label}no   ${line?.trimStart().slice(title.length + 2) ?? outcome.reason}`;
}
