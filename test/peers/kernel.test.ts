/** ESP of a real Linux kernel, in a VM: strongSwan as nearly everybody runs it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { type ClientOptions, clientConfiguration, formatSection } from '../lab/swanctl.ts';
import { gatewayPublicAddress, gatewayVmAddress, lanAddress } from '../lab/topology.ts';
import { Vm } from '../lab/vm/vm.ts';
import { isListed } from './proof.ts';

const skip = lacking('vm');

const script = `. /share/guest.sh
start_charon
swanctl --initiate --child home --timeout 30 2>&1 | tail -3
ping -n -q -c 20 -i 0.05 -W 2 ${lanAddress} || exit 1
ping -n -q -c 3 -i 0.05 -W 2 -s 4000 ${lanAddress} || exit 1
ip -s xfrm state | grep -E 'proto esp|encap|add '
ip xfrm state | grep -q 'proto esp' || exit 3
iperf -c ${lanAddress} -t 2 || exit 4
iperf -c ${lanAddress} -t 2 -R || exit 4
swanctl --rekey --child home
touch /share/up
fping -q -c 200 -p 10 -t 5000 ${lanAddress} || exit 5
wait_for 60 test -e /share/leave
swanctl --terminate --ike home --timeout 5
`;

const cases: readonly (Partial<ClientOptions> & { readonly name: string; readonly carrier: string })[] = [
  { name: 'ESP as it is, AES-GCM', carrier: 'esp', encap: false, esp: 'aes128gcm16' },
  { name: 'ESP as it is, CBC and SHA-256', carrier: 'esp', encap: false, mode: 'main', esp: 'aes256-sha256-modp2048' },
  { name: 'ESP in UDP', carrier: 'nat-t', encap: true, esp: 'aes256gcm16' },
];

describe('the kernel of a VM', { skip, timeout: 900_000 }, () => {
  const stage = scene();

  async function session(
    bridge: string,
    address: string,
    remote: string,
    options: Partial<ClientOptions>,
    carrier: string,
  ) {
    const { net, gateway, mark } = stage;
    const netns = bridge === 'inside' ? net.nat : net.gw;
    const configuration = clientConfiguration({ local: address, remote, ike: 'aes256-sha256-modp2048', ...options });
    const vm = await Vm.start(netns, {
      name: 'client',
      address: `${address}/24`,
      bridge,
      script,
      files: { 'swanctl.conf': formatSection(configuration) },
      route: bridge === 'inside' ? '10.9.0.1' : gatewayVmAddress,
    });
    const listener = gateway.netns.start(['iperf3', '-s', '-B', lanAddress]);
    try {
      await vm.signals('up');
      await isListed(gateway, { carrier });
      vm.tell('leave');
      assert.equal(await vm.finish(), 0, `${vm.output}\n${gateway.said(mark)}`);
      assert.match(vm.output, /loss = 200\/200\//);
      await gateway.holds(0);
    } finally {
      await listener.stop();
      await vm.stop();
    }
  }

  for (const { name, carrier, ...options } of cases) {
    it(name, async () => {
      await session(await stage.net.bridgeForVms(), '203.0.113.2', gatewayVmAddress, options, carrier);
    });
  }

  it('from behind a NAT', async () => {
    await session('inside', '10.9.0.21', gatewayPublicAddress, { encap: false, esp: 'aes128gcm16' }, 'nat-t');
  });
});
