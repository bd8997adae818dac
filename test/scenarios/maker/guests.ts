/** VMs of the scenarios: clients that call by L2TP, and a gateway as most are, with the kernel's ESP, xl2tpd and pppd. */
import * as lab from '../../lab/gateway.ts';
import { sleep } from '../../lab/poll.ts';
import { formatSection, type Section } from '../../lab/swanctl.ts';
import { gatewayPublicAddress, gatewayVmAddress } from '../../lab/topology.ts';
import { type L2tpClientOptions, startL2tpClient } from '../../lab/vm/l2tp.ts';
import { Vm } from '../../lab/vm/vm.ts';
import type { Stage } from './stage.ts';

/** Where guests of the gateway's machine are: a bridge with 203.0.113.1. */
export const GUESTS = 'vms';
export const KERNEL_GATEWAY_ADDRESS = '203.0.113.9';

export type CallOptions = Partial<L2tpClientOptions> & { readonly behindNat?: boolean };

/** A VM that calls; wired to the gateway directly, or behind the NAT. Boots, and comes back at once. */
export async function call(stage: Stage, options: CallOptions = {}): Promise<Vm> {
  const { behindNat = false, ...rest } = options;
  if (!behindNat) await stage.net.bridgeForVms();
  const where = behindNat
    ? { netns: stage.net.nat, bridge: 'inside', address: '10.9.0.21', route: '10.9.0.1', gateway: gatewayPublicAddress }
    : {
        netns: stage.net.gw,
        bridge: GUESTS,
        address: '203.0.113.2',
        route: gatewayVmAddress,
        gateway: gatewayVmAddress,
      };
  return stage.keepVm(await startL2tpClient({ name: 'caller', method: 'pap', ...where, ...rest }));
}

/** Waits until the VM is up or has ended, no longer than `patience` milliseconds. */
export async function outcome(vm: Vm, patience: number): Promise<'up' | 'ended' | 'neither'> {
  for (const deadline = performance.now() + patience; performance.now() < deadline; ) {
    if (vm.has('up')) return 'up';
    if (vm.has('status')) return 'ended';
    await sleep(200);
  }
  return 'neither';
}

/** A gateway in a VM at `KERNEL_GATEWAY_ADDRESS`; without `l2tp` it has IPsec alone. Comes back when it serves. */
export async function kernelGateway(stage: Stage, configuration: Section, { l2tp = true } = {}): Promise<Vm> {
  await stage.net.bridgeForVms();
  const options = { name: 'gateway', address: `${KERNEL_GATEWAY_ADDRESS}/24`, bridge: GUESTS, route: gatewayVmAddress };
  const files = { 'swanctl.conf': formatSection(configuration) };
  const vm = await Vm.start(stage.net.gw, { ...options, files, script: `${IPSEC}${l2tp ? L2TP : ''}${SERVE}` });
  stage.keepVm(vm);
  await vm.signals('ready', 90_000);
  return vm;
}

/** For clients of L2TP, by the secret that they have. */
export function transportGateway(): Section {
  return {
    connections: {
      users: {
        version: '1',
        local_addrs: KERNEL_GATEWAY_ADDRESS,
        unique: 'never',
        proposals: 'aes256-sha256-modp2048',
        local: { auth: 'psk' },
        remote: { auth: 'psk' },
        children: {
          l2tp: {
            mode: 'transport',
            local_ts: 'dynamic[17/1701]',
            remote_ts: 'dynamic[17]',
            esp_proposals: 'aes128-sha1',
          },
        },
      },
    },
    secrets: { 'ike-any': { secret: `"${lab.mainSecret}"` } },
  };
}

const IPSEC = `. /share/guest.sh
for module in l2tp_ppp ppp_generic ppp_async; do modprobe -q $module; done
ip address add 10.1.0.1/24 dev lo
start_charon
`;

const L2TP = `mkdir -p /etc/xl2tpd /etc/ppp /run/xl2tpd
cat >/etc/xl2tpd/xl2tpd.conf <<X
[global]
port = 1701
[lns default]
ip range = 10.77.0.10-10.77.0.20
local ip = 10.77.0.1
require authentication = yes
require pap = yes
refuse chap = yes
name = lab
ppp debug = yes
pppoptfile = /etc/ppp/options.lns
length bit = yes
X
cat >/etc/ppp/options.lns <<X
auth
require-pap
noccp
lcp-restart 1
mtu 1400
mru 1400
X
for user in alice bob; do echo "$user * $user""pass *"; done >/etc/ppp/pap-secrets
chmod 600 /etc/ppp/pap-secrets
xl2tpd -D >/share/xl2tpd.log 2>&1 </dev/null &
wait_for 10 test -p /run/xl2tpd/l2tp-control
`;

const SERVE = `touch /share/ready
for second in $(seq 240); do
  test -e /share/leave && break
  ip xfrm state >/share/keys.part 2>/dev/null && test -s /share/keys.part && cp /share/keys.part /share/keys
  sleep 1
done
`;
