/** cTCP between dataplanes in namespaces: as it begins and ends, behind a NAT that counts, with offload, through a relay. */
import assert from 'node:assert/strict';
import { after, afterEach, before, suite as group, test } from 'node:test';
import { toHex } from '../../src/core/bytes/text.ts';
import type { EspSuite } from '../../src/core/crypto/algorithms.ts';
import { MAX_RESETS_PER_SECOND } from '../../src/dataplane/limits.ts';
import { Netns } from '../lab/netns.ts';
import { sleep, until } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import type { Program } from '../lab/run.ts';
import { link } from '../lab/topology.ts';
import { ping } from '../lab/traffic.ts';
import { Seeded } from '../seeded.ts';
import type { EndSettings, SessionSettings } from './lab/end.ts';
import { carries, End } from './lab/tunnel.ts';
import { ACK, address, PSH_ACK, SYN, tcp4, tcpChecksum } from './packets.ts';

const suite: EspSuite = { cipher: 'aes-gcm', keyBits: 128 };
const reason = lacking('setpriv');
const GATEWAY = '10.7.2.1';
const OUTSIDE = '10.7.2.254';
/** A minute of loss if asked for, a few seconds else. */
const LOSS_SECONDS = Number(process.env.LOSS_SECONDS ?? 8);

group('cTCP in namespaces', { skip: reason ?? false }, () => {
  let client: Netns;
  let nat: Netns;
  let gateway: Netns;
  const open: End[] = [];
  const programs: Program[] = [];

  /** client 10.7.1.1 - 10.7.1.254 nat 10.7.2.254 - 10.7.2.1 gateway */
  before(async () => {
    [client, nat, gateway] = await Promise.all([Netns.create('fc'), Netns.create('fn'), Netns.create('fg')]);
    await link(client, 'eth0', ['10.7.1.1/24'], nat, 'in', ['10.7.1.254/24']);
    await link(nat, 'out', [`${OUTSIDE}/24`], gateway, 'eth0', [`${GATEWAY}/24`]);
    await client.ip('route', 'add', 'default', 'via', '10.7.1.254');
    await nat.sysctl('net.ipv4.ip_forward=1');
    await nat.nft(`table ip nat { chain post { type nat hook postrouting priority 100; oifname "out" masquerade; }; }
      table ip strict { chain forward { type filter hook forward priority 0; ct state invalid counter drop; }; }`);
  });

  after(() => {
    for (const netns of [client, nat, gateway]) netns?.remove();
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((end) => end.stop()));
    await Promise.all(programs.splice(0).map((program) => program.stop('SIGTERM', 1000)));
  });

  const TO_CLIENT: SessionSettings = { id: 1, local: GATEWAY, remote: OUTSIDE, inner: '10.8.0.2/32' };
  const TO_GATEWAY: SessionSettings = { id: 1, local: '10.7.1.1', remote: GATEWAY, inner: '10.8.0.1/32' };

  async function start(netns: Netns, settings: Partial<EndSettings> & Pick<EndSettings, 'side'>): Promise<End> {
    const end = await End.start(netns, { suite, carrier: 'cisco-tcp', tun: {}, sessions: [], ...settings });
    open.push(end);
    return end;
  }

  /** A gateway, and a client with a tunnel to it. */
  async function tunnel(changed: Partial<SessionSettings> = {}): Promise<[gateway: End, client: End]> {
    const tun = { mtu: 1390 };
    const far = await start(gateway, { side: 0, tun: { ...tun, address: '10.8.0.1' }, sessions: [TO_CLIENT] });
    const near = await start(client, {
      side: 1,
      tun: { ...tun, address: '10.8.0.2' },
      sessions: [{ ...TO_GATEWAY, ...changed }],
    });
    // The first may be lost where the test loses packets.
    await until(async () => (await ping(client, { target: '10.8.0.1', count: 1, wait: 1 })).received === 1);
    return [far, near];
  }

  const listening = () => start(gateway, { side: 0 });
  const dialing = () => start(client, { side: 1 });

  test('IKE goes both ways in a flow, also what is larger than a segment', async () => {
    const [far, near] = [await listening(), await dialing()];
    near.tell({ type: 'open-flow', local: '10.7.1.1', remote: GATEWAY });
    await near.hears('flow-opened');
    near.tell({ type: 'ike-in-flow' });
    const heard = await far.hears('ike');
    assert.deepEqual([heard.carrier, heard.local, heard.text], ['cisco-tcp', `${GATEWAY}:10000`, 'by cisco-tcp']);
    assert.ok(heard.remote.startsWith(OUTSIDE));
    far.tell({ type: 'ike-in-flow' });
    const answer = await near.hears('ike');
    assert.deepEqual([answer.remote, answer.text], [`${GATEWAY}:10000`, 'by cisco-tcp']);
    for (const size of [1400, 1416, 1417, 5000, 16_000]) {
      const before = far.heard('ike').length;
      near.tell({ type: 'ike-in-flow', size });
      const large = await until(() => far.heard('ike')[before]);
      assert.equal(large.text, 'i'.repeat(size));
    }
    const { counters } = await far.counters();
    assert.equal(counters.flows_opened, 1);
    assert.equal(counters.drop_tcp_incomplete, 0);
  });

  test('what is said last arrives before the end of its flow, whatever comes the other way', async () => {
    const [far, near] = [await listening(), await dialing()];
    for (let round = 1; round <= 20; round++) {
      near.tell({ type: 'open-flow', local: '10.7.1.1', remote: GATEWAY });
      await until(() => near.heard('flow-opened').length === round);
      near.tell({ type: 'ike-in-flow' });
      await until(() => far.heard('ike').length === 2 * round - 1);
      for (let i = 0; i < 50; i++) far.tell({ type: 'ike-in-flow' });
      near.tell({ type: 'ike-in-flow', size: 90 });
      near.tell({ type: 'close-flow' });
      await until(() => far.heard('ike').length === 2 * round);
    }
    assert.deepEqual(near.heard('flow-closed'), []);
  });

  test("a router's mark of congestion on a segment comes through", async () => {
    const [far] = await tunnel();
    const hook = 'type filter hook forward priority 10;';
    await nat.nft(`table inet marking {\n chain marks {\n ${hook}\n oifname "out" ip ecn set ce\n }\n}\n`);
    const { received } = await ping(client, { target: '10.8.0.1', count: 5, tos: 2 });
    await nat.must(['nft', 'delete', 'table', 'inet', 'marking']);
    assert.equal(received, 5);
    const { counters } = await far.counters();
    assert.equal(counters.congestion_marks, 5);
    assert.equal(counters.drop_congestion, 0);
  });

  test('a second port serves as well, and the kernel keeps out of both', async () => {
    const [far, near] = [await listening(), await dialing()];
    for (const port of [10_000, 10_001]) {
      near.tell({ type: 'open-flow', local: '10.7.1.1', remote: GATEWAY, port });
      await until(() => near.heard('flow-opened').some(({ remote }) => remote === `${GATEWAY}:${port}`));
      near.tell({ type: 'ike-in-flow' });
      await until(() => far.heard('ike').some(({ local }) => local === `${GATEWAY}:${port}`));
    }
    await sleep(300);
    assert.deepEqual(near.heard('flow-closed'), []);
    assert.equal((await far.counters()).counters.flows_closed, 0);
  });

  test('refused, unanswered, ended by either side: each is told', async () => {
    const near = await dialing();
    const ended = (why: string) => until(() => near.heard('flow-closed').find((event) => event.reason === why));
    near.tell({ type: 'open-flow', local: '10.7.1.1', remote: GATEWAY });
    await ended('refused');
    const far = await listening();
    near.tell({ type: 'open-flow', local: '10.7.1.1', remote: GATEWAY });
    await near.hears('flow-opened');
    near.tell({ type: 'close-flow' });
    await until(async () => (await far.counters()).counters.flows_closed === 1);
    near.tell({ type: 'open-flow', local: '10.7.1.1', remote: GATEWAY });
    await until(() => near.heard('flow-opened').length === 2);
    open.splice(open.indexOf(far), 1);
    await far.stop();
    // a gateway that has begun anew knows nothing of the flow, and says so
    await listening();
    near.tell({ type: 'ike-in-flow' });
    await ended('reset');
    await nat.nft('table ip deaf { chain forward { type filter hook forward priority 0; tcp flags syn drop; }; }');
    near.tell({ type: 'open-flow', local: '10.7.1.1', remote: GATEWAY });
    await ended('timeout');
    await nat.nft('delete table ip deaf');
    assert.equal(near.heard('flow-closed').length, 3);
  });

  test('ESP moves into a flow, out of it, and into a new one', async () => {
    const sessions = [{ ...TO_CLIENT, carrier: 'cisco-udp', remotePort: 0 }] as const;
    const common = { others: ['cisco-udp'] } as const;
    const far = await start(gateway, { ...common, side: 0, tun: { address: '10.8.0.1' }, sessions });
    const near = await start(client, {
      ...common,
      side: 1,
      tun: { address: '10.8.0.2' },
      sessions: [{ ...TO_GATEWAY, carrier: 'cisco-udp' }],
    });
    for (const carrier of ['cisco-udp', 'cisco-tcp', 'cisco-udp', 'cisco-tcp', 'cisco-tcp'] as const) {
      const before = far.heard('path-change').length;
      const flows = near.heard('flow-opened').length;
      near.tell({ type: 'move', session: { ...TO_GATEWAY, carrier } });
      // an answer to what went by the old path would have the client follow it back
      if (carrier === 'cisco-tcp') await until(() => near.heard('flow-opened').length > flows);
      await until(async () => {
        await ping(client, { target: '10.8.0.1', count: 1, wait: 1 });
        return before === 0 || far.heard('path-change').length > before;
      });
      assert.equal((await ping(client, { target: '10.8.0.1' })).received, 3);
      assert.equal((await ping(gateway, { target: '10.8.0.2' })).received, 3);
      await until(() => far.heard('path-change').at(-1)?.carrier === carrier);
    }
  });

  for (const offload of ['off', 'on'] as const) {
    test(`receive offload ${offload}: every packet arrives`, async () => {
      for (const [netns, device] of [
        [client, 'eth0'],
        [gateway, 'eth0'],
      ] as const) {
        await netns.must(['ethtool', '-K', device, 'gro', offload]);
        const timeout = offload === 'on' ? 1_000_000 : 0;
        await netns.must(['sh', '-c', `echo ${timeout} > /sys/class/net/${device}/gro_flush_timeout`]);
      }
      const [far] = await tunnel();
      for (const reverse of [false, true])
        await carries(client, gateway, 1_000_000, { target: '10.8.0.1', seconds: 2, reverse });
      const { counters } = await far.counters();
      for (const drop of ['drop_tcp_incomplete', 'drop_tcp_malformed', 'drop_authentication', 'drop_unknown_spi'])
        assert.equal(counters[drop], 0, drop);
    });
  }

  test('behind a stateful NAT that loses 2 % each way the flow goes on', async () => {
    await nat.nft(`table ip lossy { chain forward { type filter hook forward priority -10;
      numgen random mod 100 < 2 drop; }; }`);
    try {
      const [far, near] = await tunnel();
      const half = Math.ceil(LOSS_SECONDS / 2);
      for (const reverse of [false, true])
        await carries(client, gateway, 100_000 * half, { target: '10.8.0.1', seconds: half, reverse });
      const pings = await ping(client, { target: '10.8.0.1', count: 50, interval: 0.02 });
      assert.ok(pings.received > 35, `${pings.received} of 50`);
      assert.equal(near.heard('flow-closed').length + far.heard('flow-closed').length, 0);
      assert.equal((await far.counters()).counters.flows_opened, 1);
      const { stdout } = await nat.run(['nft', 'list', 'table', 'ip', 'strict']);
      const [, invalid] = /counter packets (\d+)/.exec(stdout) ?? [];
      assert.ok(Number(invalid) < 20, `${invalid} packets that connection tracking found invalid`);
    } finally {
      await nat.nft('delete table ip lossy');
    }
  });

  for (const loss of [false, true]) {
    test(`a plain TCP relay carries it${loss ? ', also where segments get lost' : ''}`, async () => {
      const relay = nat.start([process.execPath, new URL('lab/relay.ts', import.meta.url).pathname, GATEWAY]);
      programs.push(relay);
      await relay.prints(/listening/);
      const [far, near] = await tunnel({ remote: '10.7.1.254' });
      if (loss)
        await nat.nft(`table ip lossy { chain in { type filter hook input priority -10;
          tcp dport 10000 numgen random mod 100 < 2 drop; tcp sport 10000 numgen random mod 100 < 2 drop; }; }`);
      try {
        for (const reverse of [false, true])
          await carries(client, gateway, loss ? 50_000 : 1_000_000, { target: '10.8.0.1', seconds: 3, reverse });
        near.tell({ type: 'ike-in-flow', size: 3000 });
        if (!loss) await far.hears('ike');
        const pings = await ping(client, { target: '10.8.0.1', count: 20, interval: 0.1, wait: 5 });
        assert.ok(pings.received > (loss ? 5 : 19), `${pings.received} of 20`);
        assert.equal(near.heard('flow-closed').length, 0);
      } finally {
        if (loss) await nat.nft('delete table ip lossy');
      }
    });
  }

  test('a flood of SYNs leaves nothing behind, and a wrong segment ends only its own flow', async () => {
    const [far, near] = await tunnel();
    near.tell({ type: 'open-flow', local: '10.7.1.1', remote: GATEWAY });
    await until(() => near.heard('flow-opened').length === 2);
    const random = new Seeded(8);
    const packets: Uint8Array[] = [];
    const spoofed = (flags: number, sequence: number, source: string, payload = new Uint8Array(0)) => {
      const fields = { source, destination: GATEWAY };
      const packet = tcp4(fields, { flags, sequence }, payload);
      packet.set([0x27, 0x10], 22);
      packet.set([0, 0], 36);
      const checksum = tcpChecksum(fields, packet.subarray(20));
      packet.set([checksum >> 8, checksum & 255], 36);
      return packet;
    };
    for (let i = 0; i < 20_000; i++) {
      packets.push(
        spoofed(
          SYN,
          random.u32(),
          address('172.16.0.0')
            .with(2, i >> 8)
            .with(3, i)
            .join('.'),
        ),
      );
    }
    // acknowledgements that nobody asked for, and resets, from where the flows come
    for (let i = 0; i < 500; i++)
      for (const flags of [ACK, PSH_ACK, 4, 5, 2, 18])
        packets.push(spoofed(flags, random.u32(), OUTSIDE, random.bytes(20)));
    const sender = [process.execPath, new URL('lab/raw-sender.ts', import.meta.url).pathname];
    await nat.must(sender, { input: packets.map((packet) => `${toHex(packet)}\n`).join(''), timeout: 300_000 });
    // What fills the queue still comes first.
    await until(async () => (await ping(client, { target: '10.8.0.1', count: 1, wait: 1 })).received === 1);
    assert.equal((await ping(client, { target: '10.8.0.1' })).received, 3);
    const { counters } = await far.counters();
    assert.equal(counters.flows_opened, 2);
    assert.equal(counters.flows_closed, 0);
    assert.ok(counters.flow_syns! > 2000, `${counters.flow_syns} SYNs answered`);
    assert.ok(counters.drop_tcp_stray! > MAX_RESETS_PER_SECOND);
    near.tell({ type: 'close-flow' });
    await until(async () => (await far.counters()).counters.flows_closed === 1);
    assert.equal((await ping(client, { target: '10.8.0.1' })).received, 3);
  });
});
