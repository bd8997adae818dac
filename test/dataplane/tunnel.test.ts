/**
 * Whole dataplanes in network namespaces: real packets, real ping and TCP, every carrier.
 *
 * Long because all groups share one pair of namespaces, which is slow to make.
 */
import assert from 'node:assert/strict';
import { after, before, suite as group, test } from 'node:test';
import { toHex } from '../../src/core/bytes/text.ts';
import type { EspSuite } from '../../src/core/crypto/algorithms.ts';
import { Netns } from '../lab/netns.ts';
import { sleep, until } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import { run } from '../lab/run.ts';
import { ping } from '../lab/traffic.ts';
import type { EndSettings, SessionSettings } from './lab/end.ts';
import { spiOf } from './lab/keys.ts';
import { carries, End } from './lab/tunnel.ts';
import { checksum, ip4, setU16 } from './packets.ts';

const GCM: EspSuite = { cipher: 'aes-gcm', keyBits: 128 };
const CBC: EspSuite = { cipher: 'aes-cbc', keyBits: 256, integrity: 'sha256' };
const TRIPLE_DES: EspSuite = { cipher: '3des-cbc', keyBits: 192, integrity: 'md5' };
const reason = lacking('setpriv');

group('dataplanes in namespaces', { skip: reason ?? false }, () => {
  let a: Netns;
  let router: Netns;
  let b: Netns;
  const open: End[] = [];

  /** a 10.9.1.1 - 10.9.1.254 router 10.9.2.254 - 10.9.2.1 b, and fd09:1:: and fd09:2:: alike */
  before(async () => {
    [a, router, b] = await Promise.all([Netns.create('dpa'), Netns.create('dpr'), Netns.create('dpb')]);
    await Promise.all([link(a, 1), link(b, 2)]);
    await router.sysctl('net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  });

  after(() => {
    for (const netns of [a, router, b]) netns?.remove();
  });

  async function link(netns: Netns, n: number): Promise<void> {
    await netns.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', `eth${n}`, 'netns', router.name);
    await netns.ip('addr', 'add', `10.9.${n}.1/24`, 'dev', 'eth0');
    await netns.ip('addr', 'add', `fd09:${n}::1/64`, 'dev', 'eth0', 'nodad');
    await netns.ip('link', 'set', 'eth0', 'up');
    await router.ip('addr', 'add', `10.9.${n}.254/24`, 'dev', `eth${n}`);
    await router.ip('addr', 'add', `fd09:${n}::254/64`, 'dev', `eth${n}`, 'nodad');
    await router.ip('link', 'set', `eth${n}`, 'up');
    await netns.ip('route', 'add', 'default', 'via', `10.9.${n}.254`);
    await netns.ip('-6', 'route', 'add', 'default', 'via', `fd09:${n}::254`);
  }

  const TO_B: SessionSettings = { id: 1, local: '10.9.1.1', remote: '10.9.2.1', inner: '10.8.0.2/32' };
  const TO_A: SessionSettings = { id: 1, local: '10.9.2.1', remote: '10.9.1.1', inner: '10.8.0.1/32' };

  function ends(settings: Partial<EndSettings>, v6 = false): [EndSettings, EndSettings] {
    const six = (session: SessionSettings): SessionSettings =>
      v6 ? { ...session, local: toV6(session.local), remote: toV6(session.remote) } : session;
    const common = { suite: GCM, carrier: 'nat-t', ...settings } as const;
    return [
      { ...common, side: 0, tun: { address: '10.8.0.1' }, sessions: [six(TO_B)] },
      { ...common, side: 1, tun: { address: '10.8.0.2' }, sessions: [six(TO_A)] },
    ];
  }

  function toV6(address: string): string {
    return `fd09:${address.split('.')[2]}::1`;
  }

  async function start(netns: Netns, settings: EndSettings): Promise<End> {
    const end = await End.start(netns, settings);
    open.push(end);
    return end;
  }

  /** Runs `check` on two connected ends and stops them, whatever comes. */
  async function tunnel(
    [settingsA, settingsB]: readonly [EndSettings, EndSettings],
    check: (endA: End, endB: End) => Promise<void>,
  ): Promise<void> {
    try {
      const endA = await start(a, settingsA);
      const endB = await start(b, settingsB);
      await check(endA, endB);
      assert.deepEqual([...endA.heard('failure'), ...endB.heard('failure')], []);
    } finally {
      await Promise.all(open.splice(0).map((end) => end.stop()));
    }
  }

  async function works(): Promise<void> {
    assert.equal((await ping(a, { target: '10.8.0.2' })).received, 3);
    for (const reverse of [false, true]) await carries(a, b, 1_000_000, { target: '10.8.0.2', seconds: 1, reverse });
  }

  /** B, which was told to move, sends until A has seen it somewhere else that often: it may move a moment later. */
  async function followed(endA: End, times: number): Promise<void> {
    await until(async () => {
      await ping(b, { target: '10.8.0.1', count: 1, wait: 1 });
      return endA.heard('path-change').length >= times;
    });
  }

  /** Waits until that counter says `value`. */
  async function counts(end: End, counter: string, value: number): Promise<void> {
    let now: number | undefined;
    await until(
      async () => {
        now = (await end.counters()).counters[counter];
        return now === value;
      },
      60_000,
      () => `${counter} of ${value}, now ${now},`,
    );
  }

  function drops(counters: Readonly<Record<string, number>>, ...allowed: string[]): Record<string, number> {
    const names = Object.keys(counters).filter((name) => name.startsWith('drop_') && !allowed.includes(name));
    return Object.fromEntries(names.filter((name) => counters[name] !== 0).map((name) => [name, counters[name]!]));
  }

  for (const carrier of ['nat-t', 'cisco-udp', 'esp', 'cisco-tcp'] as const) {
    for (const v6 of [false, true]) {
      for (const suite of [GCM, CBC, TRIPLE_DES]) {
        const name = `${carrier} over IPv${v6 ? 6 : 4}, ${suite.cipher}`;
        test(`${name}: ping and TCP both ways, and nothing dropped`, async () => {
          await tunnel(ends({ carrier, suite }, v6), async (endA, endB) => {
            // by cTCP the client comes first
            if (carrier === 'cisco-tcp') assert.equal((await ping(b, { target: '10.8.0.1' })).received, 3);
            await works();
            for (const end of [endA, endB]) {
              const { counters, sessions } = await end.counters();
              // A slow cipher behind a fast sender may overflow the TUN or a socket: that is for TCP to notice.
              assert.deepEqual(drops(counters), {});
              assert.ok(sessions[0]!.packetsIn > 100 && sessions[0]!.packetsOut > 100);
              assert.equal(end.heard('first-packet').length, 1);
              assert.equal(end.heard('path-change').length, carrier === 'cisco-tcp' && end === endA ? 1 : 0);
            }
          });
        });
      }
    }
  }

  test('an older route to the network inside rests while the TUN is there', async () => {
    await a.ip('route', 'add', '10.8.0.0/16', 'via', '10.9.1.254');
    await tunnel(ends({}), works);
    assert.match(await a.ip('route'), /10\.8\.0\.0\/16 via 10\.9\.1\.254/);
    await a.ip('route', 'del', '10.8.0.0/16');
  });

  test('listening on one address alone', async () => {
    const [settingsA, settingsB] = ends({});
    await tunnel([{ ...settingsA, listen: '10.9.1.1' }, settingsB], works);
  });

  test('an answer leaves from the address that was asked', async () => {
    await a.ip('addr', 'add', '10.9.1.77/24', 'dev', 'eth0');
    const [settingsA, settingsB] = ends({});
    const second = { ...settingsA, sessions: [{ ...TO_B, local: '10.9.1.77' }] };
    const toSecond = { ...settingsB, sessions: [{ ...TO_A, remote: '10.9.1.77' }] };
    await tunnel([second, toSecond], async (_endA, endB) => {
      await works();
      assert.equal(endB.heard('path-change').length, 0);
    });
    await a.ip('addr', 'del', '10.9.1.77/24', 'dev', 'eth0');
  });

  test('IKE goes up and down on both ports, with its addresses', async () => {
    await tunnel(ends({}), async (endA, endB) => {
      for (const carrier of ['udp', 'nat-t'] as const) {
        endB.tell({ type: 'ike', carrier, local: '10.9.2.1', remote: '10.9.1.1' });
        const port = carrier === 'udp' ? 500 : 4500;
        const [ike] = await until(() => {
          const heard = endA.heard('ike').filter((event) => event.carrier === carrier);
          return heard.length > 0 && heard;
        });
        assert.deepEqual(ike, {
          event: 'ike',
          carrier,
          local: `10.9.1.1:${port}`,
          remote: `10.9.2.1:${port}`,
          text: `by ${carrier}`,
        });
      }
      endB.tell({ type: 'ike', carrier: 'nat-t', local: 'fd09:2::1', remote: 'fd09:1::1' });
      const six = await until(() => endA.heard('ike').find(({ local }) => local.includes('fd09')));
      assert.equal(six.local, '[fd09:1::1]:4500');
      assert.equal(six.remote, '[fd09:2::1]:4500');
    });
  });

  test('a forged inner source is dropped and counted', async () => {
    await tunnel(ends({}), async (endA) => {
      await b.ip('addr', 'add', '10.8.0.99/32', 'dev', 'tun0');
      await ping(b, { target: '10.8.0.1' });
      const before = await endA.counters();
      assert.equal((await ping(b, { target: '10.8.0.1', source: '10.8.0.99', wait: 2 })).received, 0);
      await counts(endA, 'drop_inner_source', 3);
      const { sessions } = await endA.counters();
      const counted = sessions[0]!.packetsIn - before.sessions[0]!.packetsIn;
      assert.equal(counted, 0, "a forged packet is not counted as the session's");
    });
  });

  test('the peer moves: its first authentic packet from elsewhere is followed', async () => {
    await b.ip('addr', 'add', '10.9.2.55/24', 'dev', 'eth0');
    await tunnel(ends({}), async (endA, endB) => {
      assert.equal((await ping(a, { target: '10.8.0.2' })).received, 3);
      endB.tell({ type: 'move', session: { ...TO_A, local: '10.9.2.55' } });
      await followed(endA, 1);
      assert.equal((await ping(b, { target: '10.8.0.1' })).received, 3);
      const moved = { event: 'path-change', id: 1, carrier: 'nat-t', remote: '10.9.2.55:4500' };
      assert.deepEqual(await endA.hears('path-change'), moved);
      assert.equal((await ping(a, { target: '10.8.0.2' })).received, 3);
      assert.equal((await endA.counters()).counters.path_changes, 1);
    });
    await b.ip('addr', 'del', '10.9.2.55/24', 'dev', 'eth0');
  });

  test('plain tunnel mode moves between the carriers that have it, as the peer does', async () => {
    const [settingsA, settingsB] = ends({ carrier: 'cisco-udp', others: ['esp'] });
    await tunnel([settingsA, settingsB], async (endA, endB) => {
      assert.equal((await ping(b, { target: '10.8.0.1' })).received, 3);
      for (const [i, carrier] of (['esp', 'cisco-udp'] as const).entries()) {
        endB.tell({ type: 'move', session: { ...TO_A, carrier } });
        await followed(endA, i + 1);
        assert.equal(endA.heard('path-change').at(-1)?.carrier, carrier);
        assert.equal((await ping(b, { target: '10.8.0.1' })).received, 3);
        assert.equal((await ping(a, { target: '10.8.0.2' })).received, 3);
      }
      assert.equal(endB.heard('path-change').length, 0, 'answered the same way');
    });
  });

  test("NAT-T's own mode stays with NAT-T", async () => {
    await tunnel(ends({ others: ['esp', 'cisco-udp'] }), async (endA, endB) => {
      for (const carrier of ['esp', 'cisco-udp'] as const) {
        endB.tell({ type: 'move', session: { ...TO_A, carrier } });
        await ping(b, { target: '10.8.0.1', count: 2, wait: 0.5 });
      }
      await until(async () => (await endA.counters()).sessions[0]!.packetsIn === 4);
      assert.equal(endA.heard('path-change').length, 0);
    });
  });

  test('ports that are taken give way, the same for both families, where any will do', async () => {
    const [settings] = ends({ carrier: 'cisco-udp' });
    const first = await start(a, settings);
    assert.deepEqual(first.heard('ready')[0]!.ports, { ike: 500, natT: 4500, ciscoUdp: 10_000 });
    const second = await start(a, { ...settings, anyPort: true, tun: { ...settings.tun, name: 'tun1' } });
    const { ports } = second.heard('ready')[0]!;
    const { stdout } = await a.run(['ss', '-lnuH']);
    for (const port of [ports.ike, ports.natT!, ports.ciscoUdp!]) {
      assert.ok(port > 1023 && port !== 4500 && port !== 10_000, `port ${port}`);
      assert.match(stdout, new RegExp(`0\\.0\\.0\\.0:${port} `));
      assert.match(stdout, new RegExp(`\\[::\\]:${port} `));
    }
    await Promise.all(open.splice(0).map((end) => end.stop()));
  });

  for (const carrier of ['nat-t', 'esp'] as const) {
    test(`${carrier}: our own packets bear the mark`, async () => {
      await a.nft(`table ip marks { chain out { type filter hook output priority 0;
        ip daddr 10.9.2.1 meta mark 0x5a11 accept; ip daddr 10.9.2.1 drop; }; }`);
      const [settingsA, settingsB] = ends({ carrier });
      await tunnel([{ ...settingsA, mark: 0x5a11 }, settingsB], async () => {
        assert.equal((await ping(a, { target: '10.8.0.2' })).received, 3);
      });
      await a.nft('delete table ip marks');
    });
  }

  test('a TUN without an address comes up, and takes one later', async () => {
    const [settingsA, settingsB] = ends({});
    await tunnel([{ ...settingsA, tun: {} }, settingsB], async () => {
      assert.match(await a.ip('link', 'show', 'dev', 'tun0'), /[<,]UP[,>]/);
      assert.doesNotMatch(await a.ip('addr', 'show', 'dev', 'tun0'), /inet/);
      assert.doesNotMatch(await a.ip('route'), /tun0/);
      await a.ip('addr', 'add', '10.8.0.1/32', 'dev', 'tun0');
      await a.ip('route', 'add', '10.8.0.0/16', 'dev', 'tun0');
      assert.equal((await ping(a, { target: '10.8.0.2' })).received, 3);
    });
  });

  test('a packet of our own making goes by the newest SA, whatever the TUN knows', async () => {
    const [settingsA, settingsB] = ends({});
    await tunnel([{ ...settingsA, tun: {} }, settingsB], async (endA) => {
      const echo = Uint8Array.of(8, 0, 0, 0, 0x12, 0x34, 0, 1);
      setU16(echo, 2, checksum(echo));
      const packet = toHex(ip4({ source: '10.8.0.1', destination: '10.8.0.2', protocol: 1, ttl: 1 }, echo));
      endA.tell({ type: 'inner', id: 1, packet });
      await until(async () => (await endA.counters()).sessions[0]!.packetsIn === 1);
      endA.tell({ type: 'inner', id: 1, packet: `${packet}00` });
      await counts(endA, 'drop_inner_header', 1);
      assert.equal((await endA.counters()).sessions[0]!.packetsOut, 1);
    });
  });

  test('junk from elsewhere does not move a session, and unknown SPIs are told of ten times a second', async () => {
    await tunnel(ends({}), async (endA) => {
      assert.equal((await ping(a, { target: '10.8.0.2' })).received, 3);
      const spi = spiOf(1, 1);
      const junk = `
        const socket = require('node:dgram').createSocket('udp4');
        const packet = (spi) => { const p = Buffer.alloc(120, 7); p.writeUInt32BE(spi, 0); p.writeUInt32BE(1e6, 4); return p; };
        const send = (p) => new Promise((resolve) => socket.send(p, 4500, '10.9.1.1', resolve));
        (async () => {
          for (let i = 0; i < 100; i++) await send(packet(0xbad00000 + i));
          for (let i = 0; i < 5; i++) await send(packet(${spi}));
          for (let i = 0; i < 3; i++) await send(Buffer.of(0xff));
          for (const size of [0, 1, 2, 3, 4, 5, 7, 8, 9, 40]) await send(Buffer.alloc(size));
          socket.close();
        })();`;
      const began = performance.now();
      await b.must([process.execPath, '-e', junk]);
      const counted = async () => {
        const { drop_unknown_spi, drop_authentication, keepalive_in } = (await endA.counters()).counters;
        return [drop_unknown_spi, drop_authentication, keepalive_in].join();
      };
      await until(async () => (await counted()) === '100,5,3');
      const seconds = Math.floor((performance.now() - began) / 1000) + 2;
      await until(() => endA.heard('unknown-spi').length >= 10);
      await sleep(200);
      assert.equal(await counted(), '100,5,3');
      assert.equal((await endA.counters()).counters.path_changes, 0);
      const told = endA.heard('unknown-spi').length;
      assert.ok(told <= 10 * seconds, `${told} times, within ${seconds} seconds of the clock at most`);
      assert.equal((await ping(a, { target: '10.8.0.2' })).received, 3);
    });
  });

  test('Cisco UDP: nothing is sent until the peer has shown its port', async () => {
    const [settingsA, settingsB] = ends({ carrier: 'cisco-udp' });
    const waiting = { ...settingsA, sessions: [{ ...TO_B, remotePort: 0 }] };
    await tunnel([waiting, settingsB], async (endA) => {
      assert.equal((await ping(a, { target: '10.8.0.2', wait: 2 })).received, 0);
      await counts(endA, 'drop_no_peer_port', 3);
      assert.equal((await ping(b, { target: '10.8.0.1' })).received, 3);
      assert.equal((await endA.hears('path-change')).remote, '10.9.2.1:10000');
      assert.equal((await ping(a, { target: '10.8.0.2' })).received, 3);
    });
  });

  const unfragmented = ['ping', '-n', '-c', '1', '-W', '1', '-M', 'do', '-s', '1250', '10.8.0.2'];
  for (const carrier of ['nat-t', 'esp', 'cisco-tcp'] as const) {
    test(`${carrier}: a narrow path is found, and what doesn't fit it is refused or fragmented`, async () => {
      for (const netns of [router, b]) await netns.ip('link', 'set', netns === b ? 'eth0' : 'eth2', 'mtu', '1280');
      await tunnel(ends({ carrier }), async (endA) => {
        if (carrier === 'cisco-tcp') await ping(b, { target: '10.8.0.1' });
        await carries(a, b, 1_000_000, { target: '10.8.0.2', seconds: 3 });
        await ping(a, { target: '10.8.0.2', size: 1200 });
        // 1280 - 20 - 8 - 8 - 8 - 16 leave 1220 (1228 without UDP, 1192 with TCP and its trailer), whole words with ESP's.
        const most = { 'nat-t': 1218, esp: 1226, 'cisco-tcp': 1190 }[carrier];
        let said = '';
        // Till the worker asks, which it does each second, the kernel fragments.
        await until(
          async () => {
            const { stdout, stderr } = await a.run(unfragmented);
            said += stdout + stderr;
            return new RegExp(`mtu ?= ?${most}`).test(said);
          },
          60_000,
          () => `mtu ${most} in ${said}`,
        );
        const { counters } = await endA.counters();
        assert.ok(counters.icmp_too_big_sent! > 0);
        const before = counters.esp_out!;
        const free = await a.run(['ping', '-n', '-c', '1', '-W', '20', '-M', 'dont', '-s', '3000', '10.8.0.2']);
        assert.match(free.stdout, / 1 received/);
        assert.ok((await endA.counters()).counters.esp_out! - before >= 3, 'three fragments');
      });
      for (const netns of [router, b]) await netns.ip('link', 'set', netns === b ? 'eth0' : 'eth2', 'mtu', '1500');
      for (const netns of [a, b]) await netns.ip('route', 'flush', 'cache');
    });
  }

  for (const [carrier, v6] of [
    ['nat-t', false],
    ['nat-t', true],
    ['esp', false],
    ['esp', true],
  ] as const) {
    test(`${carrier} over IPv${v6 ? 6 : 4}: a router's mark of congestion comes through`, async () => {
      const hook = 'type filter hook forward priority 0;';
      const rule = `oifname "eth1" ${v6 ? 'ip6' : 'ip'} ecn set ce`;
      await router.nft(`table inet marking {\n chain marks {\n ${hook}\n ${rule}\n }\n}\n`);
      await tunnel(ends({ carrier }, v6), async (endA) => {
        const answers = async (tos: number) =>
          (await ping(b, { target: '10.8.0.1', count: 5, interval: 0.1, tos })).received;
        const { congestion_marks: before, drop_congestion: lost } = (await endA.counters()).counters;
        assert.equal(await answers(2), 5);
        assert.equal(await answers(0), 0);
        await counts(endA, 'congestion_marks', before! + 5);
        await counts(endA, 'drop_congestion', lost! + 5);
      });
      await router.must(['nft', 'delete', 'table', 'inet', 'marking']);
    });
  }

  test('an inner path that allows no fragments is told to TCP by its MSS', async () => {
    await tunnel(ends({ suite: { cipher: 'aes-cbc', keyBits: 128, integrity: 'sha512' } }, true), async (endA) => {
      await a.ip('link', 'set', 'tun0', 'mtu', '1500');
      await b.ip('link', 'set', 'tun0', 'mtu', '1500');
      await works();
      assert.equal((await endA.counters()).counters.icmp_too_big_sent, 0, 'the clamp made the segments fit');
    });
  });

  test('by volume a rekey is asked for once', async () => {
    await tunnel(ends({ softBytes: 200_000 }), async (endA) => {
      await carries(a, b, 1_000_000, { target: '10.8.0.2', seconds: 1 });
      await endA.hears('rekey-needed');
      assert.deepEqual(endA.heard('rekey-needed'), [{ event: 'rekey-needed', spi: spiOf(1, 0) }]);
    });
  });

  for (const clientToClient of [false, true]) {
    test(`two sessions ${clientToClient ? 'may' : 'may not'} talk to each other`, async () => {
      const [settingsA, settingsB] = ends({});
      const c = await Netns.create('dpc');
      try {
        await c.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth3', 'netns', router.name);
        await c.ip('addr', 'add', '10.9.3.1/24', 'dev', 'eth0');
        await c.ip('link', 'set', 'eth0', 'up');
        await router.ip('addr', 'add', '10.9.3.254/24', 'dev', 'eth3');
        await router.ip('link', 'set', 'eth3', 'up');
        await c.ip('route', 'add', 'default', 'via', '10.9.3.254');
        const third: SessionSettings = { id: 2, local: '10.9.1.1', remote: '10.9.3.1', inner: '10.8.0.3/32' };
        const wide = { inner: '10.8.0.0/16' };
        const hub = { ...settingsA, clientToClient, sessions: [TO_B, third] };
        const settingsC: EndSettings = {
          ...settingsB,
          tun: { address: '10.8.0.3' },
          sessions: [{ id: 2, local: '10.9.3.1', remote: '10.9.1.1', ...wide }],
        };
        await start(c, settingsC);
        await tunnel([hub, { ...settingsB, sessions: [{ ...TO_A, ...wide }] }], async (endA) => {
          assert.equal((await ping(b, { target: '10.8.0.1' })).received, 3);
          const { received } = await ping(b, { target: '10.8.0.3', ...(!clientToClient && { wait: 2 }) });
          assert.equal(received, clientToClient ? 3 : 0);
          await counts(endA, 'drop_client_to_client', clientToClient ? 0 : 3);
          if (clientToClient) await carries(b, c, 1_000_000, { target: '10.8.0.3', seconds: 1 });
        });
      } finally {
        c.remove();
      }
    });
  }

  test('a closed session carries nothing more', async () => {
    await tunnel(ends({}), async (endA) => {
      assert.equal((await ping(a, { target: '10.8.0.2' })).received, 3);
      endA.tell({ type: 'close-session', id: 1 });
      await until(async () => (await ping(a, { target: '10.8.0.2', count: 1, wait: 2 })).received === 0);
      assert.equal((await ping(a, { target: '10.8.0.2', wait: 2 })).received, 0);
      assert.equal((await ping(b, { target: '10.8.0.1', wait: 2 })).received, 0);
      assert.deepEqual(await endA.hears('unknown-spi'), { event: 'unknown-spi', spi: spiOf(1, 1) });
    });
  });

  test('closing ends the process and takes the TUN and its routes away; so does killing', async () => {
    const [settings] = ends({});
    for (const how of ['stop', 'kill'] as const) {
      const end = await start(a, settings);
      assert.ok(await a.hasLink('tun0'));
      assert.match(await a.ip('route'), /10\.8\.0\.0\/16 dev tun0/);
      await end[how]();
      await end.ended;
      assert.equal(await a.hasLink('tun0'), false);
      assert.doesNotMatch(await a.ip('route'), /10\.8/);
    }
    open.length = 0;
  });

  test('a peer that is gone, whose host says so by ICMP, holds nothing up', async () => {
    const [settings] = ends({});
    const end = await start(a, settings);
    await ping(a, { target: '10.8.0.2', count: 5 });
    const before = (await end.counters()).counters;
    assert.ok(before.esp_out! >= 5);
    await sleep(1000);
    const { counters } = await end.counters();
    assert.ok(counters.receive_calls! - before.receive_calls! < 10, 'the loop sleeps');
    assert.equal(counters.drop_send, 0);
    await end.stop();
    open.length = 0;
  });

  test('the TUN taken down and up again goes on; deleted, it ends the dataplane with words', async () => {
    const [settingsA, settingsB] = ends({});
    const [endA, endB] = await Promise.all([start(a, settingsA), start(b, settingsB)]);
    await a.ip('link', 'set', 'tun0', 'down');
    await ping(b, { target: '10.8.0.1', count: 2 });
    await a.ip('link', 'set', 'tun0', 'up');
    await a.ip('route', 'add', '10.8.0.0/16', 'dev', 'tun0');
    assert.equal((await ping(b, { target: '10.8.0.1' })).received, 3);
    await a.ip('link', 'del', 'tun0');
    assert.match((await endA.hears('failure')).message, /TUN.*EBADFD/);
    await Promise.all([endA.stop(), endB.stop()]);
    open.length = 0;
  });

  test('a worker that throws is told of', async () => {
    const [settings] = ends({});
    const broken = `
      import { parentPort } from 'node:worker_threads';
      parentPort.postMessage('ready');
      setTimeout(() => { throw new Error('broken on purpose'); }, 300);`;
    const end = await start(a, { ...settings, worker: `data:text/javascript,${encodeURIComponent(broken)}` });
    assert.match((await end.hears('failure')).message, /broken on purpose/);
    await end.stop();
    open.length = 0;
  });

  test('a program that just exits is not held up by the worker', async () => {
    const [settings] = ends({});
    const exits = async () => {
      const end = await start(a, settings);
      const before = performance.now();
      end.tell({ type: 'exit' });
      await end.ended;
      open.length = 0;
      return performance.now() - before;
    };
    // On a machine with much else to do once in a while at least.
    await until(async () => (await exits()) < 900, 120_000, 'an exit sooner than the worker wakes by itself');
  });

  test('what stands in the way is named, with a stable code', async () => {
    const [settings] = ends({});
    const end = await start(a, settings);
    const refusal = async (changed: EndSettings) => (await End.attempt(a, changed)).events[0];
    const port = await refusal({ ...settings, tun: { ...settings.tun, name: 'tun1' } });
    assert.ok(port?.event === 'refused' && port.code === 'port-in-use' && /500.*charon/.test(port.message));
    await end.stop();
    await a.ip('tuntap', 'add', 'tun0', 'mode', 'tun');
    const tun = await refusal(settings);
    assert.ok(tun?.event === 'refused' && tun.code === 'tun-name-taken' && /tun0/.test(tun.message));
    await a.ip('tuntap', 'del', 'tun0', 'mode', 'tun');
    const address = await refusal({ ...settings, listen: '192.0.2.9' });
    assert.ok(address?.event === 'refused' && address.code === 'address-not-here');
    open.length = 0;
  });

  test('without privilege: words, not a stack', async () => {
    const program = new URL('lab/end.ts', import.meta.url).pathname;
    const [settings] = ends({ carrier: 'esp' });
    const attempt = async (...setpriv: string[]) => {
      const argv = ['setpriv', ...setpriv, process.execPath, program];
      const { stdout } = await run(a.inside(argv), { input: `${JSON.stringify(settings)}\n` });
      return JSON.parse(stdout.split('\n')[0]!) as { event: string; code: string };
    };
    assert.equal((await attempt('--bounding-set=-net_raw', '--inh-caps=-net_raw')).code, 'no-raw-socket');
    assert.equal((await attempt('--bounding-set=-net_admin', '--inh-caps=-net_admin')).code, 'not-permitted');
    assert.equal(
      (await attempt('--bounding-set=-net_bind_service', '--inh-caps=-net_bind_service')).code,
      'not-permitted',
    );
  });
});
