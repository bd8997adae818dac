/** Holds UDP 1701, has L2TP sent there in clear, and prints what was counted, then and when another program has the port. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { parseIp } from '../../../src/core/net/address.ts';
import { MessageType } from '../../../src/core/wire/l2tp.ts';
import { holdClearL2tp } from '../../../src/dataplane/clear-l2tp.ts';
import { kernelDrops } from '../../../src/dataplane/kernel-drops.ts';
import { until } from '../../lab/poll.ts';

/** A start of a control connection: control, length and sequence; message type SCCRQ. */
const SCCRQ = Uint8Array.of(0xc8, 2, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 8, 0, 0, 0, 0, 0, MessageType.SCCRQ);

async function send(to: string, times: number): Promise<void> {
  const socket = createSocket(to.includes(':') ? 'udp6' : 'udp4');
  for (let i = 0; i < times; i++) await new Promise((resolve) => socket.send(SCCRQ, 1701, to, resolve));
  socket.close();
}

const everywhere = { listen: undefined, clearL2tpPort: 1701 };
const held = holdClearL2tp(everywhere);
const counted = () => kernelDrops([], 'none0', held).drop_l2tp_clear;
const before = counted();
await send('127.0.0.1', 5);
await send('::1', 2);
// The kernel may deliver what was sent a moment later.
await until(() => counted() >= 7);
const after = counted();
const second = holdClearL2tp(everywhere).length;

const other: Socket = createSocket('udp4').bind(1702, '127.0.0.1');
await once(other, 'listening');
const taken = holdClearL2tp({ listen: [parseIp('127.0.0.1')!], clearL2tpPort: 1702 }).length;
const beside = holdClearL2tp({ listen: [parseIp('127.0.0.2')!], clearL2tpPort: 1702 }).length;
console.log(JSON.stringify({ sockets: held.length, before, after, second, taken, beside }));
process.exit();
