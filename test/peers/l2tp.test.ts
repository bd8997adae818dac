/** L2TP/IPsec as Linux speaks it: strongSwan, the kernel's ESP, xl2tpd and pppd, in VMs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { poolPattern } from '../lab/gateway.ts';
import type { Netns } from '../lab/netns.ts';
import { sleep } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { gatewayPublicAddress, gatewayVmAddress, lanAddress, natPublicAddress } from '../lab/topology.ts';
import { L2TP_CHILD, type L2tpClientOptions, startL2tpClient } from '../lab/vm/l2tp.ts';
import type { Vm } from '../lab/vm/vm.ts';
import { isListed } from './proof.ts';

const skip = lacking('vm');

describe('L2TP/IPsec of a real kernel', { skip, timeout: 600_000 }, () => {
  const stage = scene({ config: { l2tp: true } });

  async function direct(options: Partial<L2tpClientOptions> & Pick<L2tpClientOptions, 'method'>) {
    const netns = stage.net.gw;
    const bridge = (await netns.hasLink('vms')) ? 'vms' : await stage.net.bridgeForVms();
    const where = { address: '203.0.113.2', route: gatewayVmAddress, gateway: gatewayVmAddress };
    return startL2tpClient({ name: 'client', netns, bridge, ...where, ...options });
  }

  const cases = [
    { name: 'native ESP, AES-CBC and SHA-1, PAP', method: 'pap', encap: false, carrier: 'esp', esp: 'aes128-sha1' },
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

  for (const { name, method, encap, carrier, ...proposals } of cases) {
    it(name, async () => {
      const { gateway } = stage;
      const user = method === 'ms-chap-v2' ? 'carol' : 'alice';
      const { stdout: users } = await gateway.command('user', 'list');
      if (!users.includes(user)) await gateway.addUser(user, `${user}pass`, '--l2tp');
      const listener = gateway.netns.start(['iperf3', '-s', '-B', lanAddress]);
      const vm = await direct({ method, user, password: `${user}pass`, ipsec: { encap, ...proposals } });
      vm.tell('transfer');
      try {
        await vm.signals('up', 90_000);
        const row = await isListed(gateway, { user, carrier, protocol: 'l2tp' });
        assert.match(row.address ?? '', poolPattern);
        await pingsAndLeaves(vm);
        for (const way of ['sender', 'receiver']) assert.match(vm.output, new RegExp(`[1-9][0-9.]* Mbits/sec.*${way}`));
        await gateway.holds(0);
      } finally {
        await listener.stop();
        await vm.stop();
      }
    });
  }

  it('says why: a wrong secret, a wrong password, a user without an NT hash', async () => {
    const { gateway, mark } = stage;
    const wrong = [
      [{ ipsec: { psk: 'another secret' } }, /opens with no secret here/],
      [{ password: 'wrong' }, /user=alice .*the password is wrong/],
      [{ method: 'ms-chap-v2' }, /user=alice .*no secret for MS-CHAPv2/],
    ] as const;
    for (const [options, line] of wrong) {
      const vm = await direct({ method: 'pap', ...options });
      try {
        await gateway.logs(line, mark, 90_000);
        await gateway.holds(0);
        assert.ok(!vm.has('up'), vm.output);
      } finally {
        await vm.stop();
      }
    }
  });

  it('two at once behind one NAT, with the same private address, and both renew both phases', async () => {
    const { gateway, net, mark } = stage;
    const vms: Vm[] = [];
    await gateway.addUser('bob', 'bobpass');
    try {
      for (const [user, home] of [
        ['alice', net.c1],
        ['bob', net.c2],
      ] as const) {
        const where = { netns: home, bridge: await bridgeAtHome(home), address: '192.168.7.2', route: '192.168.7.1' };
        // a busy machine may be late with a renewal: the old phase 1 holds for long enough
        const renewals = { connection: { rekey_time: '16s', over_time: '20s', rand_time: '0s' } };
        const ipsec = { esp: 'aes128-sha1', child: { ...L2TP_CHILD, rekey_time: '11s' }, ...renewals };
        const login = { user, password: `${user}pass`, method: 'pap' } as const;
        vms.push(await startL2tpClient({ name: user, gateway: gatewayPublicAddress, ...where, ...login, ipsec }));
      }
      for (const vm of vms) await vm.signals('up', 120_000);
      const rows = await gateway.holds(2);
      assert.deepEqual(rows.map(({ user }) => user).sort(), ['alice', 'bob']);
      assert.equal(new Set(rows.map(({ address }) => address)).size, 2);
      for (const { carrier, protocol, remote } of rows) {
        assert.deepEqual([carrier, protocol], ['nat-t', 'l2tp']);
        assert.ok(remote.startsWith(`${natPublicAddress}:`), remote);
      }
      await sleep(25_000);
      await Promise.all(vms.map(pingsAndLeaves));
      await gateway.holds(0);
      assert.doesNotMatch(gateway.said(mark), / warn /);
      for (const user of ['alice', 'bob'])
        assert.match(gateway.said(mark), new RegExp(`phase 1 renewed by the client.*user=${user}`));
    } finally {
      for (const vm of vms) await vm.stop();
    }
  });

  async function pingsAndLeaves(vm: Vm): Promise<void> {
    vm.tell('ping');
    await vm.signals('pinged');
    vm.tell('leave');
    assert.equal(await vm.finish(), 0, `${vm.output}\n${stage.gateway.said(stage.mark)}`);
    assert.match(vm.output, /20 packets transmitted, 20 received/);
  }
});

/** A home with a NAT of its own: what is behind it has the address that everybody's has. */
async function bridgeAtHome(home: Netns): Promise<string> {
  await home.sysctl('net.ipv4.ip_forward=1');
  await home.ip('link', 'add', 'home', 'type', 'bridge');
  await home.ip('address', 'add', '192.168.7.1/24', 'dev', 'home');
  await home.ip('link', 'set', 'home', 'up');
  await home.nft('table ip home { chain out { type nat hook postrouting priority 100; oifname "eth0" masquerade; }; }');
  return 'home';
}
