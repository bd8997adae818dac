/** Sends whole IPv4 packets, one a line in hex, from whatever address they name. Says "sent" when the input has ended. */
import { createInterface } from 'node:readline';
import { Block } from '../../../src/ffi/block.ts';
import { succeed } from '../../../src/ffi/errno.ts';
import { AF_INET, MSG_DONTWAIT, SOCK_RAW, sendmsg, socket } from '../../../src/ffi/libc.ts';
import { Iovec, Mmsghdr, Sockaddr } from '../../../src/ffi/structs.ts';

const IPPROTO_RAW = 255;
const fd = succeed(socket(AF_INET, SOCK_RAW, IPPROTO_RAW), 'socket');
const name = new Block(Sockaddr.v4Size);
const iovec = new Block(Iovec.size);
const message = new Block(Mmsghdr.size);
name.view.setUint16(Sockaddr.family, AF_INET, true);
message.setPointer(Mmsghdr.name, name.address);
message.view.setUint32(Mmsghdr.nameLength, Sockaddr.v4Size, true);
message.setPointer(Mmsghdr.iovecs, iovec.address);
message.view.setUint32(Mmsghdr.iovecCount, 1, true);

for await (const line of createInterface({ input: process.stdin })) {
  const packet = new Block(line.length / 2);
  packet.bytes.set(Buffer.from(line, 'hex'));
  name.bytes.set(packet.bytes.subarray(16, 20), Sockaddr.v4Address);
  iovec.setPointer(Iovec.base, packet.address);
  iovec.view.setUint32(Iovec.length, packet.bytes.length, true);
  succeed(sendmsg(fd, message.address, MSG_DONTWAIT), 'sendmsg');
}
process.stdout.write('sent\n');
