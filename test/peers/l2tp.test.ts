/** L2TP/IPsec as Linux speaks it: strongSwan, the kernel's ESP, xl2tpd and pppd, in VMs. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { SessionRow } from '../../src/control/gateway-types.ts';
import { parseMetrics } from '../gateway/parse-metrics.ts';
import { poolPattern } from '../lab/gateway.ts';
import type { Netns } from '../lab/netns.ts';
import { PATIENCE, until } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import type { Program } from '../lab/run.ts';
import { scene } from '../lab/scene.ts';
import { gatewayPublicAddress, gatewayVmAddress, lanAddress, natPublicAddress } from '../lab/topology.ts';
import { L2TP_CHILD, type L2tpClientOptions, MIN_PIECES, startL2tpClient } from '../lab/vm/l2tp.ts';
import type { Vm } from '../lab/vm/vm.ts';

const skip = lacking('vm');

const CASES = [
  { name: 'native ESP, AES-CBC and SHA-1, PAP', method: 'pap', encap: false, carrier: 'esp', esp: 'aes128-sha1' },
  { name: 'native ESP, AES-GCM, CHAP with MD5', method: 'chap-md5', encap: false, carrier: 'esp', esp: 'aes256gcm16' },
  { name: 'ESP in UDP, AES-GCM, PAP', method: 'pap', encap: true, carrier: 'nat-t', esp: 'aes128gcm16' },
  {
    name: 'native ESP, AES-CBC and SHA-2, MS-CHAPv2',
    method: 'ms-chap-v2',
    encap: false,
    carrier: 'esp',
    esp: 'aes256-sha256',
  },
  {
    name: 'ESP in UDP, 3DES as Windows XP has it, MS-CHAPv2',
    method: 'ms-chap-v2',
    encap: true,
    carrier: 'nat-t',
    esp: '3des-sha1',
    ike: '3des-sha1-modp2048',
  },
] as const;

/** What a user needs besides the password's hash. */
const SECRETS = { pap: [], 'chap-md5': ['--chap-md5'], 'ms-chap-v2': ['--l2tp'] } as const;

type Client = Pick<L2tpClientOptions, 'name' | 'address' | 'method'> & Partial<L2tpClientOptions>;

describe('L2TP/IPsec of a real kernel', { skip, timeout: 900_000 }, () => {
  const stage = scene({ config: { l2tp: { authentication: ['pap', 'chap-md5', 'ms-chap-v2'] } } });

  before(async () => {
    await stage.net.bridgeForVms();
  });

  function direct(options: Client): Promise<Vm> {
    const where = { netns: stage.net.gw, bridge: 'vms', route: gatewayVmAddress, gateway: gatewayVmAddress };
    return startL2tpClient({ ...where, ...options });
  }

  describe('alone', () => {
    /** All boot at once and run beside each other; how it went for each. */
    let outcomes: readonly PromiseSettledResult<void>[] = [];
    before(async () => {
      outcomes = await Promise.allSettled(CASES.map((_, i) => tryCase(i)));
    });

    for (const [i, { name }] of CASES.entries())
      it(name, () => {
        const outcome = outcomes[i];
        if (outcome?.status !== 'fulfilled') throw outcome?.reason;
      });

    it('and nothing is left of them', async () => {
      await stage.gateway.holds(0);
    });
  });

  async function tryCase(i: number): Promise<void> {
    const { method, carrier, encap, name: _, ...proposals } = CASES[i]!;
    const { gateway } = stage;
    const login = { user: `user${i}`, password: `password${i}`, method };
    await gateway.addUser(login.user, login.password, ...SECRETS[method]);
    const iperf = 5300 + i;
    const listener = gateway.netns.start(['iperf3', '-s', '-B', lanAddress, '-p', String(iperf)]);
    const address = `203.0.113.${10 + i}`;
    const vm = await direct({
      ...login,
      name: `case${i}`,
      address,
      transfer: { port: iperf, seconds: 2 },
      ipsec: { encap, ...proposals },
    });
    try {
      await vm.signals('up');
      const row = (await gateway.sessions()).find(({ user }) => user === login.user);
      assert.partialDeepStrictEqual(row, { carrier, protocol: 'l2tp', esp: proposals.esp });
      assert.match(row?.address ?? '', poolPattern);
      await pingsAndLeaves(vm);
      for (const way of ['sender', 'receiver']) assert.match(vm.output, new RegExp(`[1-9][0-9.]* Mbits/sec.*${way}`));
    } finally {
      await listener.stop();
      await vm.stop();
    }
  }

  it('says why: a wrong secret, a wrong password, a user without what the method needs; and counts L2TP in clear', async () => {
    const { gateway, mark } = stage;
    const wrong = [
      [{ method: 'pap', ipsec: { psk: 'another secret' } }, /opens with no secret here/],
      [{ method: 'pap', password: 'wrong' }, /user=alice .*the password is wrong/],
      [{ method: 'ms-chap-v2' }, /user=alice .*no secret for MS-CHAPv2/],
      [{ method: 'chap-md5' }, /user=alice .*no secret for CHAP with MD5/],
    ] as const;
    const vms: Vm[] = [];
    const start = async (options: Omit<Client, 'name' | 'address'>) =>
      vms.push(await direct({ name: `wrong${vms.length}`, address: `203.0.113.${20 + vms.length}`, ...options }));
    try {
      for (const [options] of wrong) await start(options);
      await start({ method: 'pap', ipsec: false });
      await Promise.all(wrong.map(([, line]) => gateway.logs(line, mark)));
      const dropped = async () =>
        parseMetrics((await gateway.command('metrics')).stdout).get('sallyport_dropped_total{reason="l2tp_clear"}');
      await until(async () => ((await dropped()) ?? 0) >= 3, PATIENCE, 'three packets in clear');
      const { stdout } = await gateway.command('sessions', '--failed');
      assert.match(stdout, /^([3-9]|\d\d) packets of L2TP outside of IPsec/m);
      await gateway.holds(0);
      for (const vm of vms) assert.ok(!vm.has('up'), vm.output);
    } finally {
      await Promise.all(vms.map((vm) => vm.stop()));
    }
  });

  it('two behind one NAT with the same private address and one without NAT, carrying on while all renew both phases', async () => {
    const { gateway, net, mark } = stage;
    const users = ['alice', 'bob', 'carol'] as const;
    const servers: Program[] = [net.gw.start([process.execPath, '-e', ECHO_SERVER])];
    const vms: Vm[] = [];
    for (const user of ['bob', 'carol']) await gateway.addUser(user, `${user}pass`);
    try {
      for (const [i, user] of users.entries()) {
        const iperf = 5400 + i;
        servers.push(net.gw.start(['iperf3', '-s', '-B', lanAddress, '-p', String(iperf)]));
        // a busy machine may be late with a renewal: the old phase 1 holds for long enough
        const renewals = { connection: { rekey_time: '16s', over_time: '20s', rand_time: '0s' } };
        const ipsec = { esp: 'aes128-sha1', child: { ...L2TP_CHILD, rekey_time: '11s' }, ...renewals };
        const carry = { seconds: 22, iperf, echo: ECHO_PORT };
        const client = { name: user, user, password: `${user}pass`, method: 'pap', ipsec, carry } as const;
        if (user === 'carol') vms.push(await direct({ ...client, address: '203.0.113.30' }));
        else vms.push(await startL2tpClient({ ...client, ...(await atHome(user === 'bob' ? net.c2 : net.c1)) }));
      }
      await Promise.all(vms.map((vm) => vm.signals('up')));
      const rows = await gateway.holds(3);
      const told = ({ user, carrier, protocol, remote }: SessionRow) =>
        [user, carrier, protocol, remote.replace(/:\d+$/, '')].join(' ');
      assert.deepEqual(rows.map(told).sort(), [
        `alice nat-t l2tp ${natPublicAddress}`,
        `bob nat-t l2tp ${natPublicAddress}`,
        'carol esp l2tp 203.0.113.30',
      ]);
      assert.equal(new Set(rows.map(({ address }) => address)).size, 3);
      await Promise.all(vms.map((vm) => vm.signals('carried')));
      for (const user of users) await gateway.logs(new RegExp(`phase 1 renewed by the client.*user=${user}`), mark);
      await Promise.all(vms.map(pingsAndLeaves));
      await gateway.holds(0);
      assert.doesNotMatch(gateway.said(mark), / warn /);
      for (const vm of vms) carriedAll(vm);
    } finally {
      await Promise.all([...vms, ...servers].map((one) => one.stop()));
    }
  });

  it('the gateway behind a NAT that forwards its two ports, and two users by two calls of one tunnel', async () => {
    const { gateway, net } = stage;
    await forwardPorts(net.nat, net.gw);
    const where = { netns: net.nat, bridge: 'world', address: '203.0.114.2', route: '203.0.114.1' };
    const second = { user: 'dave', password: 'second' };
    await gateway.addUser(second.user, second.password);
    const vm = await startL2tpClient({ name: 'forwarded', gateway: '203.0.114.1', method: 'pap', second, ...where });
    try {
      await vm.signals('up');
      const rows = await gateway.holds(2);
      const common = { carrier: 'nat-t', protocol: 'l2tp', remote: '203.0.114.2:4500' };
      for (const row of rows) assert.partialDeepStrictEqual(row, common);
      assert.deepEqual(rows.map(({ user }) => user).sort(), ['alice', 'dave']);
      const dave = rows.find(({ user }) => user === second.user);
      assert.ok(dave!.packetsIn > 0, 'packets of its own');
      await gateway.command('kick', String(dave!.id));
      await gateway.holds(1);
      await pingsAndLeaves(vm);
      await gateway.holds(0);
    } finally {
      await vm.stop();
    }
  });

  async function pingsAndLeaves(vm: Vm): Promise<void> {
    vm.tell('ping');
    await vm.signals('pinged');
    vm.tell('leave');
    assert.equal(await vm.finish(), 0, `${vm.output}\n${stage.gateway.said(stage.mark)}`);
    assert.match(vm.output, /loss = 20\/20\//);
  }
});

function carriedAll(vm: Vm): void {
  const [, intact, broken] = /pieces: (\d+) intact, (\d+) broken/.exec(vm.output) ?? [];
  assert.ok(Number(intact) >= MIN_PIECES, vm.output);
  assert.equal(broken, '0');
  const { sum } = JSON.parse(readFileSync(join(vm.share, 'udp.json'), 'utf8')).end;
  assert.ok(sum.packets > 1000, `${sum.packets} datagrams`);
  // on a busy machine a guest's queues overflow; a renewal that cut the call would cost all that follows, and break a piece
  assert.ok(sum.lost_packets < sum.packets / 2, `${sum.lost_packets} of ${sum.packets} datagrams lost`);
}

const ECHO_PORT = 7007;
const ECHO_SERVER = `require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
}).listen(${ECHO_PORT}, '${lanAddress}')`;

/** A home with a NAT of its own: what is behind it has the address that everybody's has. */
async function atHome(home: Netns) {
  await home.sysctl('net.ipv4.ip_forward=1');
  await home.bridge('home', '192.168.7.1/24');
  await home.nft('table ip home { chain out { type nat hook postrouting priority 100; oifname "eth0" masquerade; }; }');
  const where = { netns: home, bridge: 'home', address: '192.168.7.2', route: '192.168.7.1' };
  return { ...where, gateway: gatewayPublicAddress };
}

/** Who asks `nat` at 203.0.114.1 gets to the gateway, which doesn't have that address. */
async function forwardPorts(nat: Netns, gw: Netns): Promise<void> {
  await nat.bridge('world', '203.0.114.1/24');
  await nat.nft(`table ip forward { chain in { type nat hook prerouting priority -100;
    iifname "world" udp dport { 500, 4500 } dnat to ${gatewayPublicAddress}; };
    chain out { type nat hook postrouting priority 99; ip saddr 203.0.114.2 snat to 203.0.114.2; }; }`);
  await gw.ip('route', 'add', '203.0.114.0/24', 'via', natPublicAddress);
}
