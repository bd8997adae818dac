/**
 * A real L2TP/IPsec client in a VM: strongSwan in transport mode, ESP in the kernel, xl2tpd, pppd. L2TP is started only when
 * there is an ESP SA: else it would run in clear, and its ping would prove nothing.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as lab from '../gateway.ts';
import type { Netns } from '../netns.ts';
import { type ClientOptions, clientConfiguration, formatSection } from '../swanctl.ts';
import { lanAddress, lanPrefix } from '../topology.ts';
import { Vm } from './vm.ts';

export interface L2tpClientOptions {
  readonly name: string;
  readonly netns: Netns;
  readonly bridge: string;
  readonly address: string;
  readonly route: string;
  readonly gateway: string;
  readonly method: 'pap' | 'ms-chap-v2';
  readonly user?: string;
  readonly password?: string;
  readonly ipsec?: Partial<ClientOptions>;
}

export const L2TP_CHILD = { mode: 'transport', local_ts: 'dynamic[17/1701]', remote_ts: 'dynamic[17/1701]' } as const;

/** Options of pppd that leave one method. */
const METHODS = {
  pap: 'refuse-chap\nrefuse-mschap\nrefuse-mschap-v2\nrefuse-eap',
  'ms-chap-v2': 'refuse-pap\nrefuse-chap\nrefuse-mschap\nrefuse-eap',
} as const;

/**
 * Makes /share/up when a ping to the LAN came back; then awaits /share/ping (pings again, and makes /share/pinged) and
 * /share/leave. Its status: 0 all went well, 3 no ESP SA, 4 no ppp0, 5 no answer from the LAN, 6 no TCP
 * (tried if there is a /share/transfer).
 */
function script({ gateway, method, user = lab.user, password = lab.password }: L2tpClientOptions): string {
  return `. /share/guest.sh
for module in l2tp_ppp ppp_generic ppp_async; do modprobe -q $module; done
start_charon
swanctl --initiate --child home --timeout 30 2>&1 | tail -4
ip xfrm state | grep -q 'proto esp' || exit 3
mkdir -p /etc/xl2tpd /etc/ppp /run/xl2tpd
cat >/etc/xl2tpd/xl2tpd.conf <<X
[global]
port = 1701
[lac lab]
lns = ${gateway}
ppp debug = yes
pppoptfile = /etc/ppp/options.lab
length bit = yes
X
cat >/etc/ppp/options.lab <<X
name ${user}
password ${password}
${METHODS[method]}
noauth
ipcp-accept-local
ipcp-accept-remote
usepeerdns
lcp-restart 1
mtu 1400
mru 1400
debug
logfile /share/pppd.log
X
xl2tpd -D >/share/xl2tpd.log 2>&1 </dev/null &
wait_for 10 test -p /run/xl2tpd/l2tp-control
echo 'c lab' >/run/xl2tpd/l2tp-control
wait_for 25 sh -c 'ip -4 addr show dev ppp0 up | grep -q inet' || { cat /share/xl2tpd.log /share/pppd.log; exit 4; }
ip route add ${lanPrefix} dev ppp0
ip -4 addr show ppp0
ping -n -q -c 10 -i 0.05 -W 2 ${lanAddress} || exit 5
ping -n -q -c 3 -i 0.05 -W 2 -s 4000 ${lanAddress} || exit 5
ip -s xfrm state | grep -E 'proto esp|mode|encap|add '
if test -e /share/transfer; then
  iperf3 -c ${lanAddress} -t 2 | grep -E 'sender|receiver' || exit 6
  iperf3 -c ${lanAddress} -t 2 -R | grep -E 'sender|receiver' || exit 6
fi
touch /share/up
wait_for 120 test -e /share/ping
ping -n -q -c 20 -i 0.05 -W 2 ${lanAddress} || exit 5
touch /share/pinged
wait_for 120 test -e /share/leave
echo 'd lab' >/run/xl2tpd/l2tp-control
sleep 1
`;
}

export async function startL2tpClient(options: L2tpClientOptions): Promise<Vm> {
  const { name, netns, bridge, address, route, gateway, ipsec } = options;
  const vm = await Vm.start(netns, { name, address: `${address}/24`, bridge, route, script: script(options) });
  const configuration = clientConfiguration({
    local: address,
    remote: gateway,
    mode: 'main',
    psk: lab.mainSecret,
    login: null,
    ike: 'aes256-sha256-modp2048',
    esp: 'aes128-sha1',
    encap: false,
    child: L2TP_CHILD,
    ...ipsec,
  });
  writeFileSync(join(vm.share, 'swanctl.conf'), formatSection(configuration));
  return vm;
}
