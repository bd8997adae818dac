/** The kernel's ESP, L2TP and PPP as Linux has them, in a VM: against our gateway, and against another such VM. */
import { type Gateway, mainSecret, password, user } from '../test/lab/gateway.ts';
import { Netns } from '../test/lab/netns.ts';
import { formatSection } from '../test/lab/swanctl.ts';
import { gatewayVmAddress, lanAddress } from '../test/lab/topology.ts';
import { L2TP_CHILD, type L2tpClientOptions, startL2tpClient } from '../test/lab/vm/l2tp.ts';
import { Vm } from '../test/lab/vm/vm.ts';
import { median } from './row.ts';

const TRANSFER = { port: 5201, seconds: 4, runs: 3 } as const;
const SERVER = '10.99.1.1';
const CLIENT = '10.99.1.2';

type Where = Pick<L2tpClientOptions, 'netns' | 'bridge' | 'address' | 'route' | 'gateway'>;

/** Gbit/s of a VM that dials our gateway. @param bridge for VMs, in the gateway's namespace */
export async function measureKernelToGateway({ netns }: Gateway, bridge: string, esp: string): Promise<number> {
  const listener = netns.start(['iperf3', '-s', '-B', lanAddress, '-p', String(TRANSFER.port)]);
  try {
    const where = { netns, bridge, address: '203.0.113.2', route: gatewayVmAddress, gateway: gatewayVmAddress };
    return await measureClient(where, esp);
  } finally {
    await listener.stop();
  }
}

/** Gbit/s between two VMs: the kernel's at both ends. */
export async function measureKernelToKernel(esp: string): Promise<number> {
  const netns = await Netns.create('vms');
  try {
    await netns.bridge('bridge');
    const wiring = { name: 'server', bridge: 'bridge', address: `${SERVER}/24` };
    const files = { 'swanctl.conf': formatSection(serverConfiguration(esp)) };
    const server = await Vm.start(netns, { ...wiring, files, script: SERVER_SCRIPT });
    await server.signals('listening');
    const where = { netns, bridge: 'bridge', address: CLIENT, route: SERVER, gateway: SERVER };
    const speed = await measureClient(where, esp);
    await server.stop();
    return speed;
  } finally {
    netns.remove();
  }
}

/** ESP in UDP, as most clients have it. */
async function measureClient(where: Where, esp: string): Promise<number> {
  const ipsec = { esp, encap: true };
  const vm = await startL2tpClient({ ...where, name: 'client', method: 'pap', transfer: TRANSFER, ipsec });
  try {
    await vm.signals('up', 180_000);
    const received = [...vm.output.matchAll(/([\d.]+) Mbits\/sec +receiver/g)].map(([, speed]) => Number(speed));
    // of each run the direction towards the server, as in all other benchmarks
    return median(received.filter((_, i) => i % 2 === 0)) / 1000;
  } finally {
    await vm.stop();
  }
}

const SERVER_SCRIPT = `. /share/guest.sh
for module in l2tp_ppp ppp_generic ppp_async; do modprobe -q $module; done
ip addr add ${lanAddress}/32 dev lo
start_charon
mkdir -p /etc/xl2tpd /etc/ppp /run/xl2tpd
cat >/etc/xl2tpd/xl2tpd.conf <<X
[global]
port = 1701
[lns default]
ip range = 192.168.77.10-192.168.77.20
local ip = 192.168.77.1
require authentication = yes
pppoptfile = /etc/ppp/options.lab
length bit = yes
X
printf 'require-pap\\nmtu 1400\\nmru 1400\\nlcp-restart 1\\n' >/etc/ppp/options.lab
echo '"${user}" * "${password}" *' >/etc/ppp/pap-secrets
xl2tpd -D >/share/xl2tpd.log 2>&1 </dev/null &
wait_for 10 test -p /run/xl2tpd/l2tp-control
iperf3 -s -D -p ${TRANSFER.port}
touch /share/listening
sleep 600
`;

function serverConfiguration(esp: string) {
  const child = { ...L2TP_CHILD, remote_ts: 'dynamic[17]', esp_proposals: esp };
  const ends = { local: { auth: 'psk' }, remote: { auth: 'psk', id: '%any' } };
  const connection = { version: '1', encap: 'yes', proposals: 'aes256-sha256-modp2048', local_addrs: SERVER };
  return {
    connections: { home: { ...connection, ...ends, children: { home: child } } },
    secrets: { 'ike-any': { secret: `"${mainSecret}"` } },
  };
}
