/** The kernel's own ESP, between two VMs on a bridge; and the same VMs without it, since a VM's network has its price. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Netns } from '../test/lab/netns.ts';
import { Vm } from '../test/lab/vm/vm.ts';
import { median, type Row } from './row.ts';

const runs = 3;
const seconds = 4;
const [a, b] = ['10.99.1.1', '10.99.1.2'];
/** Addresses that only the tunnel leads to. */
const [innerA, innerB] = ['10.98.1.1', '10.98.2.1'];

/** Fixed keys: nothing is secret here. */
const tunnels = [
  {
    name: "the kernel's ESP between two VMs, AES-128-GCM",
    file: 'gcm',
    algorithm: `aead 'rfc4106(gcm(aes))' 0x${'11'.repeat(20)} 128`,
  },
  {
    name: "the kernel's ESP between two VMs, AES-128-CBC, SHA1",
    file: 'cbc',
    algorithm: `enc 'cbc(aes)' 0x${'22'.repeat(16)} auth-trunc 'hmac(sha1)' 0x${'33'.repeat(20)} 96`,
  },
] as const;

export async function measureKernelEsp(): Promise<Row[]> {
  const netns = await Netns.create('vms');
  try {
    await netns.bridge('bridge');
    const base = { bridge: 'bridge', memory: 256 };
    const server = await Vm.start(netns, { ...base, name: 'a', address: `${a}/24`, script: serverScript() });
    const client = await Vm.start(netns, { ...base, name: 'b', address: `${b}/24`, script: clientScript() });
    await server.signals('listening');
    client.tell('go');
    for (const { file } of tunnels) {
      await client.signals(`want-${file}`, 120_000);
      server.tell(`set-${file}`);
      await server.signals(`is-${file}`);
      client.tell(`is-${file}`);
    }
    if ((await client.finish()) !== 0) throw new Error(`the VM failed:\n${client.output}`);
    const row = (name: string, file: string): Row => ({ name, gbitPerSecond: speed(client, file), cpu: undefined });
    const rows = [row('two VMs, no VPN', 'plain'), ...tunnels.map(({ name, file }) => row(name, file))];
    await client.stop();
    await server.stop();
    return rows;
  } finally {
    netns.remove();
  }
}

function speed(vm: Vm, file: string): number {
  const results = Array.from({ length: runs }, (_, run) => {
    const report = JSON.parse(readFileSync(join(vm.share, `${file}-${run}.json`), 'utf8'));
    // it has failed with exit status 0
    if (report.error !== undefined) throw new Error(`iperf3 in the VM, ${file}: ${report.error}`);
    return report.end.sum_received.bits_per_second / 1e9;
  });
  return median(results);
}

const begin = '. /share/guest.sh\nfor module in esp4 xfrm_user authenc gcm seqiv; do modprobe -q $module; done\n';

function serverScript(): string {
  const steps = tunnels.map(
    ({ file, algorithm }) =>
      `wait_for 240 test -e /share/set-${file}\n${xfrm(a, b, innerA, innerB, algorithm)}touch /share/is-${file}\n`,
  );
  return `${begin}ip addr add ${innerA}/32 dev lo
iperf3 -s -D
touch /share/listening
${steps.join('')}sleep 600
`;
}

function clientScript(): string {
  const measure = (file: string, target: string) =>
    `for run in ${Array.from({ length: runs }, (_, run) => run).join(' ')}; do transfer ${target} /share/${file}-$run.json; done\n`;
  const steps = tunnels.map(
    ({ file, algorithm }) =>
      `touch /share/want-${file}\nwait_for 60 test -e /share/is-${file}\n${xfrm(b, a, innerB, innerA, algorithm)}${measure(file, innerA)}`,
  );
  return `${begin}${TRANSFER}ip addr add ${innerB}/32 dev lo
wait_for 60 test -e /share/go
${measure('plain', a)}${steps.join('')}`;
}

/** On a busy machine iperf3's own connection is reset now and then; what it says of the last try is in its report. */
const TRANSFER = `transfer() {
  for try in 1 2 3; do
    iperf3 -J -c $1 -t ${seconds} >$2
    grep -q '"error"' $2 || return 0
    sleep 3
  done
}
`;

/** States and policies of one end, in place of those there were. */
function xfrm(own: string, peer: string, inner: string, peerInner: string, algorithm: string): string {
  const state = (source: string, destination: string) =>
    `ip xfrm state add src ${source} dst ${destination} proto esp spi 0x${source.replace(/\D/g, '')} reqid 1 mode tunnel replay-window 128 ${algorithm} || exit 2\n`;
  const policy = (direction: string, [from, to]: readonly string[], [source, destination]: readonly string[]) =>
    `ip xfrm policy add dir ${direction} src ${from}/32 dst ${to}/32 tmpl src ${source} dst ${destination} proto esp reqid 1 mode tunnel || exit 2\n`;
  return [
    'ip xfrm state flush\nip xfrm policy flush\n',
    state(own, peer),
    state(peer, own),
    policy('out', [inner, peerInner], [own, peer]),
    policy('in', [peerInner, inner], [peer, own]),
    `ip route replace ${peerInner}/32 via ${peer} dev eth0 src ${inner}\n`,
  ].join('');
}
