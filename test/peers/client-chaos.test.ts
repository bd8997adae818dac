/**
 * Two minutes in which everything around a client goes wrong, one thing after the other: its link drops, its NAT gets another
 * address and forgets, it moves itself, the gateway is restarted, the client is killed. A TCP connection inside goes on through
 * all but the last; not one packet for a tunnelled network leaves in clear, IPv4 or IPv6; in the end the host is as it was.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Capture, fields } from '../lab/capture.ts';
import { Client } from '../lab/client.ts';
import type { Netns } from '../lab/netns.ts';
import { sleep, until } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import type { Program } from '../lab/run.ts';
import { scene } from '../lab/scene.ts';
import { gatewayPublicAddress, lanAddress, natPublicAddress } from '../lab/topology.ts';

const IPV6_BEYOND = '2001:db8:ffff::1';
const ROUTER6 = '2001:db8:9::1';
const PORT = 7007;
/** Nothing here lasts longer: what doesn't come back by then is stuck. */
const PATIENCE = 120_000;

describe('a client in trouble', { skip: lacking('tcpdump', 'tshark') ?? false }, () => {
  // without routes everything goes through the tunnel
  const lab = scene({ label: 'chaos', config: { routes: undefined, dns: [] } });

  it('comes back each time, and lets nothing out in clear', { timeout: 900_000 }, async () => {
    const { net, gateway } = lab;
    const { c1, nat } = net;
    await giveIpv6(c1);
    const before = await hostState(c1);
    const client = Client.start(c1, { profile: { gateway: gatewayPublicAddress, on_loss: 'block' } });
    await client.decided();
    const capture = await Capture.start(c1, 'eth0', 'not arp');
    const noise = [
      c1.start(['ping', '-n', '-i', '0.1', lanAddress]),
      c1.start(['ping', '-6', '-n', '-i', '0.2', IPV6_BEYOND]),
    ];
    const listener = gateway.netns.start([process.execPath, '-e', LISTENER]);
    await listener.prints(/listening/);
    const talker = c1.start([process.execPath, '-e', TALKER]);
    await talker.prints(/echo 1\n/);

    for (const [what, happen] of troubles(net.nat, c1, gateway)) {
      await happen();
      await comesThrough(c1, `pings come through again after: ${what}\n${client.log}`);
      await goesOn(talker, what);
    }
    assert.equal(client.reports.filter(({ type }) => type === 'down').length, 0);
    const addresses = client.reports.flatMap((report) => (report.type === 'up' ? [report.address] : []));
    assert.equal(new Set(addresses).size, 1, `the inner address stays: ${addresses}`);

    await talker.stop('SIGKILL');
    await client.crash();
    const { status, stdout } = await c1.run(['ping', '-n', '-c', '3', '-i', '0.2', '-W', '1', lanAddress]);
    assert.notEqual(status, 0, `nothing gets anywhere while no client runs: ${stdout}`);
    client.restart();
    await comesThrough(c1, `pings come through again after it was killed\n${client.log}`);

    for (const program of noise) await program.stop('SIGINT');
    await capture.stop();
    assert.deepEqual(await inClear(capture), [], 'what left in clear');
    assert.equal(await client.stop(), 0);
    await listener.stop('SIGKILL');
    assert.equal(await hostState(c1), before);
    await nat.ip('address', 'replace', `${natPublicAddress}/24`, 'dev', 'outside');
  });
});

function troubles(nat: Netns, c1: Netns, gateway: { crash(): Promise<void>; serve(): Promise<void> }) {
  return [
    [
      'a link that drops for a while',
      async () => {
        await nat.ip('link', 'set', 'port1', 'down');
        await sleep(8000);
        await nat.ip('link', 'set', 'port1', 'up');
      },
    ],
    [
      'a NAT with another address, which has forgotten all it knew',
      async () => {
        await nat.ip('address', 'flush', 'dev', 'outside');
        await nat.ip('address', 'add', '198.51.100.22/24', 'dev', 'outside');
        await nat.ip('route', 'replace', 'default', 'via', gatewayPublicAddress);
      },
    ],
    [
      'an address of its own that is another',
      async () => {
        await c1.ip('address', 'del', '10.9.0.11/24', 'dev', 'eth0');
        await c1.ip('address', 'add', '10.9.0.31/24', 'dev', 'eth0');
        await c1.ip('route', 'replace', 'default', 'via', '10.9.0.1', 'dev', 'eth0');
      },
    ],
    [
      'the first address again',
      async () => {
        await c1.ip('address', 'del', '10.9.0.31/24', 'dev', 'eth0');
        await sleep(3000);
        await c1.ip('address', 'add', '10.9.0.11/24', 'dev', 'eth0');
        await c1.ip('route', 'replace', 'default', 'via', '10.9.0.1', 'dev', 'eth0');
      },
    ],
    [
      'a gateway that was restarted',
      async () => {
        await gateway.crash();
        await gateway.serve();
      },
    ],
  ] as const;
}

/** A router on the link that takes IPv6 and says nothing: what leaves is seen. */
async function giveIpv6(host: Netns): Promise<void> {
  await host.ip('address', 'add', '2001:db8:9::11/64', 'dev', 'eth0', 'nodad');
  await host.ip('neighbour', 'replace', ROUTER6, 'lladdr', '02:00:00:00:00:01', 'dev', 'eth0', 'nud', 'permanent');
  await host.ip('-6', 'route', 'add', 'default', 'via', ROUTER6);
}

async function hostState(host: Netns): Promise<string> {
  const parts = [
    await host.ip('rule'),
    await host.ip('-6', 'rule'),
    await host.ip('route', 'show', 'table', 'all'),
    await host.must(['cat', '/etc/resolv.conf']),
    await host.must(['nft', 'list', 'ruleset']),
  ];
  return parts.join('\n');
}

/** Packets to anywhere but the gateway, and not of the link's own business. */
async function inClear({ file }: Capture): Promise<string[][]> {
  const filter = `(ip && !(ip.addr == ${gatewayPublicAddress})) || (ipv6.dst == 2000::/3)`;
  return fields(file, ['frame.time_relative', 'ip.dst', 'ipv6.dst', 'frame.protocols'], { filter });
}

/** While the tunnel's networks are unreachable, ping itself fails. */
async function comesThrough(host: Netns, when: string): Promise<void> {
  const answered = async () =>
    (await host.run(['ping', '-n', '-q', '-c', '1', '-W', '1', lanAddress])).status === 0 || (await sleep(300));
  await until(answered, PATIENCE, () => when);
}

async function goesOn(talker: Program, what: string): Promise<void> {
  const echoes = () => (talker.stdout.match(/echo/g) ?? []).length;
  const seen = echoes();
  await until(
    () => (talker.running ? echoes() > seen + 2 || undefined : 'ended'),
    PATIENCE,
    () => `the TCP connection inside goes on after ${what}: ${talker.output}`,
  );
  assert.ok(talker.running, `the TCP connection inside survives ${what}: ${talker.output}`);
}

const LISTENER = `
  require('net').createServer((socket) => socket.on('error', () => {}).pipe(socket))
    .listen(${PORT}, '${lanAddress}', () => console.log('listening'));`;

const TALKER = `
  const socket = require('net').connect(${PORT}, '${lanAddress}');
  let n = 0;
  socket.setEncoding('utf8').on('data', (text) => { for (const one of text.trim().split(' ')) console.log('echo ' + one); });
  socket.on('error', (error) => { console.log(error.message); process.exit(1); });
  socket.on('connect', () => setInterval(() => socket.write(++n + ' '), 300));`;
