/** Fills a TUN's queue and a socket's buffer, reads neither, and prints what the kernel is found to have dropped. */
import { createSocket } from 'node:dgram';
import { parseIp, parsePrefix } from '../../../src/core/net/address.ts';
import { kernelDrops } from '../../../src/dataplane/kernel-drops.ts';
import { openSockets } from '../../../src/dataplane/sockets.ts';
import { openTun } from '../../../src/dataplane/tun.ts';
import { Block } from '../../../src/ffi/block.ts';
import { SO_RCVBUF, SOL_SOCKET, setsockopt } from '../../../src/ffi/libc.ts';
import { until } from '../../lab/poll.ts';

const HERE = '127.0.0.1';
const sockets = openSockets({
  listen: [parseIp(HERE)!],
  ikePort: 15_000,
  natTPort: undefined,
  ciscoUdpPort: undefined,
  nativeEsp: false,
});
const small = new Block(8);
small.view.setInt32(0, 4096, true);
setsockopt(sockets[0]!.fd, SOL_SOCKET, SO_RCVBUF, small.address, 4);
openTun({ name: 'full0', address: parseIp('10.8.0.1')!, routes: [parsePrefix('10.8.0.0/16')!], mtu: 1400 });

const before = kernelDrops(sockets, 'full0');
const sender = createSocket('udp4');
const send = (port: number, address: string): Promise<void> =>
  new Promise((resolve) => sender.send(new Uint8Array(100), port, address, () => resolve()));
for (let i = 0; i < 1500; i++) await send(9, '10.8.0.9');
for (let i = 0; i < 100; i++) await send(15_000, HERE);
// The kernel may deliver what was sent a moment later.
await until(() => {
  const { drop_tun_queue_full, drop_socket_full } = kernelDrops(sockets, 'full0');
  return drop_tun_queue_full >= 500 && drop_socket_full > 50;
});
console.log(JSON.stringify({ before, after: kernelDrops(sockets, 'full0'), unknown: kernelDrops([], 'none0') }));
process.exit();
