/**
 * Three laptops of 2007, as KB942429 had them: Windows Vista begins everybody's quick modes with the same message ID, so that a
 * gateway that knows a quick mode by that ID alone takes the second client's for a replay of the first's.
 */
import { join } from 'node:path';
import { Client } from '../test/lab/client.ts';
import { Gateway, mainSecret, password, sallyport } from '../test/lab/gateway.ts';
import type { Netns } from '../test/lab/netns.ts';
import { gatewayPublicAddress, homeAddress, lanAddress, natPublicAddress, Topology } from '../test/lab/topology.ts';
import { ping } from '../test/lab/traffic.ts';
import { say } from './say.ts';

const LAPTOPS = ['first', 'second', 'third'] as const;
const USERS = Object.fromEntries(LAPTOPS.map((name) => [name, password]));
const PINGS = 3;

type ClientOutcome = Awaited<ReturnType<Client['decided']>>;

/** `bin/sallyport`, but for one thing. */
const WRONG_GATEWAY = join(import.meta.dirname, 'wrong-gateway');

export async function tellNatStory(): Promise<void> {
  say(`
Three years later: three laptops with Windows Vista, which dial L2TP/IPsec, each from a home of
its own. All have the private address ${homeAddress}, and one provider's NAT shows them all as
${natPublicAddress}. Each speaks L2TP from port 1701, inside ESP, and each numbers its quick modes
1, 2, 3 ... as every Vista does.
`);
  const net = await Topology.create('demo');
  try {
    const laptops: Netns[] = [];
    for (const _ of LAPTOPS) laptops.push(await net.addHome());
    say(
      `4. A gateway that knows a quick mode by its number alone, as some did. One laptop\n   dials, then the two others; those who are in ping the office together:\n`,
    );
    const { said } = await play(net, laptops, WRONG_GATEWAY);
    say(`   The gateway's own words: ${/.*taken for a replay.*/.exec(said)?.[0] ?? 'none'}.`);
    say(`
5. Sallyport, which knows a quick mode by the cookies of its phase 1 and its number,
   and each call by its own keys:
`);
    const { rows } = await play(net, laptops, sallyport);
    say(`   All at once, as the gateway sees them:\n\n${whoAndWhere(rows).replace(/^/gm, '   ')}`);
  } finally {
    net.remove();
  }
}

/** What a gateway said, and whom it had in at last. */
async function play(
  net: Topology,
  laptops: readonly Netns[],
  program: string,
): Promise<{ said: string; rows: string }> {
  const gateway = await Gateway.start(net.gw, { program, config: { l2tp: true }, users: USERS });
  const clients: Client[] = [];
  try {
    const outcomes: ClientOutcome[] = [];
    const dial = async (i: number) => {
      const profile = { gateway: gatewayPublicAddress, l2tp: true, persona: 'windows-vista', user: LAPTOPS[i]! };
      clients[i] = Client.start(laptops[i]!, { profile: { ...profile, group: undefined, psk: mainSecret } });
      outcomes[i] = await clients[i].decided();
    };
    await dial(0);
    await Promise.all([dial(1), dial(2)]);
    const pings = await Promise.all(laptops.map((laptop, i) => (outcomes[i]?.type === 'up' ? pingAll(laptop) : 0)));
    for (const [i, name] of LAPTOPS.entries()) say(`   The ${name.padEnd(6)} laptop ${tell(outcomes[i]!, pings[i]!)}`);
    return { said: gateway.log, rows: (await gateway.command('sessions')).stdout };
  } finally {
    await Promise.all(clients.map((client) => client.stop()));
    await gateway.remove();
  }
}

/** The columns of `sallyport sessions` that the story is about. */
function whoAndWhere(rows: string): string {
  const lines = rows.trimEnd().split('\n');
  const end = lines[0]!.indexOf('PHASE 1');
  return lines.map((line) => line.slice(0, end).trimEnd()).join('\n');
}

async function pingAll(laptop: Netns): Promise<number> {
  return (await ping(laptop, { count: PINGS, wait: 5 })).received;
}

function tell(outcome: ClientOutcome, pings: number): string {
  if (outcome.type === 'down') return `didn't get in: ${outcome.reason.split('\n')[0]}.`;
  return `is in, inner address ${outcome.address}; ${pings} of ${PINGS} pings to ${lanAddress} came back.`;
}
