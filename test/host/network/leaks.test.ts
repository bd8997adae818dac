/** What leaves a host while a plan is applied, and after its client was killed: by capture at its neighbour. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Capture, fields } from '../../lab/capture.ts';
import { Netns } from '../../lab/netns.ts';
import { until } from '../../lab/poll.ts';
import { lacking } from '../../lab/requirements.ts';
import type { Program } from '../../lab/run.ts';
import { link } from '../../lab/topology.ts';
import { LabHost } from './lab-host.ts';

const skip = lacking('unshare', 'tcpdump', 'tshark') ?? false;
let routers = 0;

interface Scene {
  readonly host: LabHost;
  readonly router: Netns;
}

async function connected(test: TestContext): Promise<Scene> {
  const router = await Netns.create(`leak${++routers}`);
  test.after(() => router.remove());
  const host = await LabHost.create(test);
  await host.connect(router);
  return { host, router };
}

async function apply(host: LabHost, changes: string): Promise<Program> {
  const client = host.start(`
    const network = await openClientNetwork('work', folder);
    await network.apply(plan(${changes}));
    console.log('applied');
    setInterval(() => {}, 1000);
  `);
  await client.prints(/applied/);
  return client;
}

/** Where the host's packets went that the neighbour saw during `work`, on top of ARP and neighbour discovery. */
async function seen({ host, router }: Scene, work: () => Promise<unknown>): Promise<string[]> {
  const [, address] = /link\/ether (\S+)/.exec(await host.netns.ip('link', 'show', 'dev', 'eth0')) ?? [];
  const capture = await Capture.start(router, 'eth0', `ether src ${address} and not arp`);
  await work();
  await capture.stop();
  const ours =
    'not icmpv6.type == 135 and not icmpv6.type == 136 and not icmpv6.type == 133 and not icmpv6.type == 143';
  const lines = await fields(capture.file, ['ip.dst', 'ipv6.dst'], { filter: ours });
  return [...new Set(lines.map(([v4, v6]) => v4 || v6 || 'other'))].sort();
}

/** One echo request to each, answered or not. */
async function pings(host: LabHost, ...targets: readonly string[]): Promise<void> {
  await Promise.all(
    targets.map((target) => host.netns.run(['ping', '-n', '-c', '1', '-W', '1', ...target.split(' ')])),
  );
}

/** Waits until `address` has answered who asks for its link-layer address. */
async function finds(router: Netns, address: string): Promise<void> {
  await until(async () => {
    await router.run(['ping', '-n', '-c', '1', '-W', '1', address]);
    return /lladdr/.test(await router.ip('neighbour', 'show', address));
  });
}

const INSIDE = ['10.1.2.3', '10.1.200.1'];
const OUTSIDE = ['2001:db8:5::9', '203.0.113.9'];

describe('packets in clear', { skip }, () => {
  it('are seen by the capture when nothing is applied', async (test) => {
    const scene = await connected(test);
    assert.deepEqual(await seen(scene, () => pings(scene.host, ...INSIDE, ...OUTSIDE)), [...INSIDE, ...OUTSIDE].sort());
  });

  it('are those of a split tunnel’s other networks alone, before and after the kill', async (test) => {
    const scene = await connected(test);
    const { host } = scene;
    const client = await apply(host, '');
    assert.deepEqual(await seen(scene, () => pings(host, ...INSIDE, ...OUTSIDE)), OUTSIDE);
    const afterKill = await seen(scene, async () => {
      await client.stop('SIGKILL');
      await host.removeTun();
      await pings(host, ...INSIDE, ...OUTSIDE);
    });
    assert.deepEqual(afterKill, OUTSIDE);
    assert.equal((await host.sallyport('cleanup')).status, 0);
    assert.deepEqual(await seen(scene, () => pings(host, ...INSIDE)), INSIDE);
  });

  it('are none in a full tunnel but our own, of neither family, before and after the kill', async (test) => {
    const scene = await connected(test);
    const { host } = scene;
    const client = await apply(host, "{ routes: 'all' }");
    const everything = [...INSIDE, ...OUTSIDE, '192.0.2.1', '2001:db8::1'];
    const bound = ['-I eth0 2001:db8:5::9', '-I 2001:db8::5 2001:db8:5::9', '-I 192.0.2.5 203.0.113.9'];
    const ours = OUTSIDE.map((target) => `-m ${0x53} ${target}`);
    assert.deepEqual(await seen(scene, () => pings(host, ...everything, ...bound)), []);
    assert.deepEqual(await seen(scene, () => pings(host, ...ours)), OUTSIDE);
    const afterKill = await seen(scene, async () => {
      await client.stop('SIGKILL');
      await host.removeTun();
      await pings(host, ...everything, ...bound);
    });
    assert.deepEqual(afterKill, []);
  });

  it('leave again after a kill with onLoss open, but not by IPv6', async (test) => {
    const scene = await connected(test);
    const { host } = scene;
    const client = await apply(host, "{ routes: 'all', onLoss: 'open' }");
    assert.deepEqual(await seen(scene, () => pings(host, ...OUTSIDE)), []);
    await client.stop('SIGKILL');
    await host.removeTun();
    assert.deepEqual(await seen(scene, () => pings(host, ...OUTSIDE)), ['203.0.113.9']);
  });

  it('are none even when another program deletes our rules', async (test) => {
    const scene = await connected(test);
    const { host, router } = scene;
    await apply(host, "{ routes: 'all' }");
    for (const family of ['-4', '-6']) await host.netns.ip(family, 'rule', 'flush', 'protocol', '83');
    assert.deepEqual(await seen(scene, () => pings(host, ...INSIDE, ...OUTSIDE)), []);
    // Neighbours find us all the same.
    await router.ip('-6', 'neighbour', 'flush', 'dev', 'eth0');
    await finds(router, '2001:db8::5');
  });

  it('do not leave while a plan is changed or applied again', async (test) => {
    const scene = await connected(test);
    const { host } = scene;
    const client = host.start(`
      const network = await openClientNetwork('work', folder);
      await network.apply(plan({ routes: 'all' }));
      for (let i = 1; ; i++) {
        const address = parseIp('10.77.0.' + (10 + i % 100));
        await network.apply(plan({ routes: 'all', address, localLan: i % 2 === 0 }));
        await network.apply(plan({ routes: 'all', address, mark: 0x53 + i % 3 }));
        console.log('round ' + i);
      }
    `);
    await client.prints(/round 1\n/);
    const flood = host.netns.start(['ping', '-n', '-q', '-i', '0.005', '203.0.113.9']);
    const flood6 = host.netns.start(['ping', '-n', '-q', '-i', '0.005', '2001:db8:5::9']);
    const during = await seen(scene, async () => {
      const round = client.stdout.split('\n').length;
      await client.prints(new RegExp(`round ${round + 15}\n`), 300_000);
    });
    assert.deepEqual(during, []);
    for (const program of [flood, flood6, client]) await program.stop('SIGKILL');
  });
});

describe('a container of the host', { skip }, () => {
  it('goes through a full tunnel too, and its answers come back', async (test) => {
    const { host, router } = await connected(test);
    const container = await Netns.create(`container${routers}`);
    test.after(() => container.remove());
    // A cable instead of the TUN, with an inner network that answers at its other end.
    await host.removeTun();
    await host.netns.ip('link', 'add', 'sp0', 'type', 'veth', 'peer', 'name', 'sp0', 'netns', router.name);
    await router.ip('address', 'add', '203.0.113.9/32', 'dev', 'lo');
    await router.ip('link', 'set', 'sp0', 'up');
    await router.ip('route', 'add', '10.77.0.9', 'dev', 'sp0', 'src', '203.0.113.9');
    await link(host.netns, 'c0', ['172.18.0.1/24'], container, 'eth0', ['172.18.0.2/24']);
    await container.ip('route', 'add', 'default', 'via', '172.18.0.1');
    await host.netns.sysctl('net.ipv4.ip_forward=1');
    await host.netns.nft(
      'table ip nat { chain out { type nat hook postrouting priority 100; ip saddr 172.18.0.0/24 oifname != "c0" masquerade; }; }',
    );
    await apply(host, "{ routes: 'all' }");
    const outside = await seen({ host, router }, async () => {
      await container.must(['ping', '-n', '-c', '1', '-W', '20', '203.0.113.9']);
    });
    assert.deepEqual(outside, []);
  });
});

describe('a hostile neighbour', { skip }, () => {
  /** Says of every address that it is its own. */
  async function claimAll({ router }: Scene): Promise<void> {
    for (const address of INSIDE) await router.ip('address', 'add', `${address}/32`, 'dev', 'lo');
  }

  it('gets nothing from programs that are bound to the interface, before and after the kill', async (test) => {
    const scene = await connected(test);
    const { host } = scene;
    await claimAll(scene);
    const bound = INSIDE.map((target) => `-I eth0 ${target}`);
    assert.deepEqual(await seen(scene, () => pings(host, ...bound)), INSIDE);
    for (const changes of ['', "{ routes: 'all' }"]) {
      const client = await apply(host, changes);
      assert.deepEqual(await seen(scene, () => pings(host, ...bound)), []);
      const afterKill = await seen(scene, async () => {
        await client.stop('SIGKILL');
        await host.removeTun();
        await pings(host, ...bound);
      });
      assert.deepEqual(afterKill, []);
      assert.equal((await host.sallyport('cleanup')).status, 0);
      await host.makeTun();
    }
    assert.deepEqual(await seen(scene, () => pings(host, ...bound)), INSIDE);
  });

  it('can not reach the inner address from outside', async (test) => {
    const scene = await connected(test);
    const { host, router } = scene;
    await router.ip('route', 'add', '10.77.0.9', 'via', '192.0.2.5');
    const knock = (wait: number) => router.run(['ping', '-n', '-c', '1', '-W', String(wait), '10.77.0.9']);
    const echoes = async () => {
      const statistics = await host.netns.must(['cat', '/proc/net/snmp']);
      return statistics
        .split('\n')
        .filter((line) => line.startsWith('Icmp:'))[1]!
        .split(' ')[9];
    };
    await host.netns.ip('address', 'add', '10.77.0.9/32', 'dev', 'sp0');
    const before = await echoes();
    await knock(20);
    assert.notEqual(await echoes(), before, 'the neighbour reaches it as long as nothing is applied');
    for (const onLoss of ['block', 'open']) {
      const client = await apply(host, `{ onLoss: '${onLoss}' }`);
      const guarded = await echoes();
      await knock(1);
      assert.equal(await echoes(), guarded);
      await host.netns.must(['ping', '-n', '-c', '1', '-W', '20', '10.77.0.9']);
      assert.notEqual(await echoes(), guarded, 'we reach ourselves');
      await client.stop('SIGKILL');
      assert.equal((await host.sallyport('cleanup')).status, 0);
    }
  });
});

describe('the link below a full tunnel', { skip }, () => {
  it('keeps what roaming needs, also where reverse paths are filtered strictly', async (test) => {
    const scene = await connected(test);
    const { host, router } = scene;
    await host.netns.sysctl('net.ipv4.conf.all.rp_filter=1', 'net.ipv4.conf.eth0.rp_filter=1');
    const before = await host.snapshot();
    const client = await apply(host, "{ routes: 'all' }");
    for (const family of ['-4', '-6']) await router.ip(family, 'neighbour', 'flush', 'dev', 'eth0');
    // The gateway's answers come back, and the neighbour finds us anew.
    for (const gateway of ['192.0.2.1', '2001:db8::1']) {
      await host.netns.must(['ping', '-n', '-c', '1', '-W', '20', '-m', String(0x53), gateway]);
    }
    for (const address of ['192.0.2.5', '2001:db8::5']) await finds(router, address);
    // A lease is renewed: RFC 2131 section 4.4.5, by unicast. Other UDP to the same host isn't let out.
    const renewal = (from: number) => `
      import { createSocket } from 'node:dgram';
      const socket = createSocket('udp4');
      socket.bind(${from}, () => socket.send('lease', 67, '192.0.2.1', () => socket.close()));
    `;
    assert.deepEqual(await seen(scene, () => host.lines(renewal(6800))), []);
    assert.deepEqual(await seen(scene, () => host.lines(renewal(68))), ['192.0.2.1']);
    const [linkLocal] = /fe80::\S+(?=\/64)/.exec(await router.ip('-6', 'address', 'show', 'dev', 'eth0')) ?? [];
    await host.netns.must(['ping', '-n', '-c', '1', '-W', '20', `${linkLocal}%eth0`]);
    await client.stop('SIGKILL');
    await host.sallyport('cleanup');
    assert.equal(await host.snapshot(), before);
  });

  it('leads to private neighbours with localLan, and to nobody’s else', async (test) => {
    const scene = await connected(test);
    const { host } = scene;
    // What a hostile network may claim as its own, to draw packets out of the tunnel.
    await host.netns.ip('route', 'add', '198.51.100.0/24', 'via', '192.0.2.1');
    await host.netns.ip('address', 'add', '192.168.9.5/24', 'dev', 'eth0');
    await scene.router.ip('address', 'add', '192.168.9.1/24', 'dev', 'eth0');
    const targets = ['192.168.9.1', '198.51.100.9', '192.0.2.1', ...INSIDE, ...OUTSIDE];
    await apply(host, "{ routes: 'all', localLan: true }");
    assert.deepEqual(await seen(scene, () => pings(host, ...targets)), ['192.168.9.1']);
  });
});
