/**
 * A real L2TP/IPsec client in a VM: strongSwan in transport mode, ESP in the kernel, xl2tpd, pppd. L2TP is started only when
 * there is an ESP SA, unless it is to run in clear: else its ping would prove nothing.
 */
import { readFileSync } from 'node:fs';
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
  readonly method: L2tpMethod;
  readonly user?: string;
  readonly password?: string;
  /** False: L2TP in clear. */
  readonly ipsec?: Partial<ClientOptions> | false;
  /** TCP each way by iperf3 before it is up. */
  readonly transfer?: { readonly port: number; readonly seconds: number; readonly runs?: number };
  readonly carry?: Carriage;
  /** Somebody else, who is on by a second call in the same tunnel: `lac.pl` makes both. */
  readonly second?: { readonly user: string; readonly password: string };
}

/** What a client carries for some time once it is up: iperf3's UDP, and pieces that an echo server sends back. */
export interface Carriage {
  readonly seconds: number;
  /** Ports of the LAN: an iperf3 server, and an echo server over TCP. */
  readonly iperf: number;
  readonly echo: number;
}

export const L2TP_CHILD = { mode: 'transport', local_ts: 'dynamic[17/1701]', remote_ts: 'dynamic[17/1701]' } as const;

/** Options of pppd that leave one method. */
const METHODS = {
  pap: 'refuse-chap\nrefuse-mschap\nrefuse-mschap-v2\nrefuse-eap',
  'chap-md5': 'refuse-pap\nrefuse-mschap\nrefuse-mschap-v2\nrefuse-eap',
  'ms-chap-v2': 'refuse-pap\nrefuse-chap\nrefuse-mschap\nrefuse-eap',
} as const;

export type L2tpMethod = keyof typeof METHODS;

/**
 * Makes /share/up when a ping to the LAN came back, and /share/carried when it has carried what it is to carry; then awaits
 * /share/ping (pings again, and makes /share/pinged) and /share/leave. Its status: 0 all went well, 3 no ESP SA, 4 no ppp0,
 * 5 no answer from the LAN, 6 no TCP or UDP, 7 no ppp1, 8 no answer through it.
 */
function script(options: L2tpClientOptions): string {
  const { gateway, method, user = lab.user, password = lab.password, ipsec, transfer, carry, second } = options;
  return `. /share/guest.sh
for module in l2tp_ppp ppp_generic ppp_async; do modprobe -q $module; done
${ipsec === false ? '' : IPSEC}mkdir -p /etc/xl2tpd /etc/ppp /run/xl2tpd
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
${second ? dialTwice(gateway, second) : dial(gateway)}wait_for 25 sh -c 'ip -4 addr show dev ppp0 up | grep -q inet' || { cat /share/l2tp.log /share/pppd.log; exit 4; }
ip route add ${lanPrefix} dev ppp0
ip -4 addr show ppp0
ping -n -q -c 10 -i 0.05 -W 2 ${lanAddress} || exit 5
ping -n -q -c 3 -i 0.05 -W 2 -s 4000 ${lanAddress} || exit 5
ip -s xfrm state | grep -E 'proto esp|mode|encap|add '
${second === undefined ? '' : SECOND_CALL}${transfer === undefined ? '' : transferring(transfer)}touch /share/up
${carry === undefined ? '' : carrying(carry)}wait_for 180 test -e /share/ping
fping -q -c 20 -p 50 -t 5000 ${lanAddress} || exit 5
touch /share/pinged
wait_for 120 test -e /share/leave
${second ? 'kill $lac' : "echo 'd lab' >/run/xl2tpd/l2tp-control"}
sleep 1
`;
}

const IPSEC = `start_charon
swanctl --initiate --child home --timeout 30 2>&1 | tail -4
ip xfrm state | grep -q 'proto esp' || exit 3
ip xfrm state >/share/keys
`;

function dial(gateway: string): string {
  return `cat >/etc/xl2tpd/xl2tpd.conf <<X
[global]
port = 1701
[lac lab]
lns = ${gateway}
ppp debug = yes
pppoptfile = /etc/ppp/options.lab
length bit = yes
X
xl2tpd -D >/share/l2tp.log 2>&1 </dev/null &
wait_for 10 test -p /run/xl2tpd/l2tp-control
echo 'c lab' >/run/xl2tpd/l2tp-control
`;
}

function dialTwice(gateway: string, { user, password }: NonNullable<L2tpClientOptions['second']>): string {
  const another = `s/^name .*/name ${user}/;s/^password .*/password ${password}/;s/pppd.log/pppd2.log/`;
  return `sed '${another}' /etc/ppp/options.lab >/etc/ppp/options.second
perl /share/lac.pl ${gateway} /etc/ppp/options.lab /etc/ppp/options.second >/share/l2tp.log 2>&1 </dev/null &
lac=$!
`;
}

const SECOND_CALL = `wait_for 25 sh -c 'ip -4 addr show dev ppp1 up | grep -q inet' || { cat /share/l2tp.log /share/pppd2.log; exit 7; }
ip route add ${lanPrefix} dev ppp1 metric 10
fping -q -I ppp1 -c 20 -p 50 -t 5000 ${lanAddress} 2>/share/second || exit 8
`;

function transferring({ port, seconds, runs = 1 }: NonNullable<L2tpClientOptions['transfer']>): string {
  const iperf = `iperf -f m -c ${lanAddress} -p ${port} -t ${seconds}`;
  const both = ['', ' -R'].map((way) => `${iperf}${way} || exit 6\n`);
  // what the last one left in queues takes its time on a busy machine
  return `${both.join('').repeat(runs)}wait_for 30 ping -n -q -c 1 -W 1 ${lanAddress} || exit 5\n`;
}

/** So many are carried at least, however long that takes. */
export const MIN_PIECES = 3;

/** What comes back is compared byte by byte: "pieces: 30 intact, 0 broken". */
function carrying({ seconds, iperf, echo }: Carriage): string {
  return `iperf3 -c ${lanAddress} -p ${iperf} -u -b 2M -l 1200 -t ${seconds} -J >/share/udp.json &
datagrams=$!
head -c 500000 /dev/urandom >/tmp/piece
end=$(($(cut -d. -f1 /proc/uptime) + ${seconds}))
intact=0 broken=0
while [ "$(cut -d. -f1 /proc/uptime)" -lt $end ] || [ $((intact + broken)) -lt ${MIN_PIECES} ]; do
  if busybox nc ${lanAddress} ${echo} </tmp/piece | cmp -s - /tmp/piece
  then intact=$((intact + 1)); else broken=$((broken + 1)); fi
done
echo "pieces: $intact intact, $broken broken"
wait $datagrams || exit 6
touch /share/carried
`;
}

export function startL2tpClient(options: L2tpClientOptions): Promise<Vm> {
  const { name, netns, bridge, address, route, gateway, ipsec } = options;
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
    ...(ipsec || {}),
  });
  const files = {
    'lac.pl': readFileSync(join(import.meta.dirname, 'lac.pl'), 'utf8'),
    'swanctl.conf': formatSection(configuration),
  };
  return Vm.start(netns, { name, address: `${address}/24`, bridge, route, script: script(options), files });
}
