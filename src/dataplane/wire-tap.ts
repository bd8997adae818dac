/**
 * What goes to another host and comes from it, seen at the device: what leaves after this host's firewall has let it out, what
 * comes before it looks. So what was sent and isn't seen was stopped here on its way out, and what is seen and never
 * reached its socket was stopped here on its way in.
 */
import type { IpAddress } from '../core/net/address.ts';
import { IpProtocol } from '../core/wire/ip.ts';
import { Block } from '../ffi/block.ts';
import { Errno, SystemCallError, succeed } from '../ffi/errno.ts';
import {
  AF_PACKET,
  close,
  ETH_P_ALL,
  PACKET_OUTGOING,
  recvfrom,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  socket,
} from '../ffi/libc.ts';
import { lastErrno } from '../ffi/library.ts';
import { SockaddrLl } from '../ffi/structs.ts';
import { DataplaneError } from './errors.ts';
import { ALL, attachFilter, type Instruction, JUMP_IF_EQUAL, LOAD_WORD, RETURN } from './packet-filter.ts';

export interface Crossing {
  readonly isOutgoing: boolean;
  /** IP protocol number. */
  readonly protocol: number;
  /** Of UDP and TCP; else 0. */
  readonly remotePort: number;
}

/** Enough of a packet for its ports. */
const SNAP = 128;

export class WireTap {
  readonly #fd: number;
  readonly #remote: IpAddress;
  readonly #packet = new Block(SNAP);
  readonly #from = new Block(SockaddrLl.size);
  readonly #fromLength = new Block(4);

  /** Throws {@link DataplaneError} `not-permitted`. */
  constructor(remote: IpAddress) {
    this.#remote = remote;
    const fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, ETH_P_ALL);
    if (fd < 0) throw tapError(lastErrno());
    this.#fd = fd;
    attachFilter(fd, addressFilter(remote));
  }

  /** What was seen since it was called last. */
  read(): Crossing[] {
    const crossings: Crossing[] = [];
    for (;;) {
      this.#fromLength.view.setUint32(0, SockaddrLl.size, true);
      const length = recvfrom(this.#fd, this.#packet.address, SNAP, 0, this.#from.address, this.#fromLength.address);
      if (length < 0) {
        const errno = lastErrno();
        if (errno === Errno.EAGAIN) return crossings;
        // a device that went down is no end of the others
        if (errno === Errno.EINTR || errno === Errno.ENETDOWN) continue;
        throw new SystemCallError('recvfrom', errno);
      }
      const isOutgoing = this.#from.bytes[SockaddrLl.packetType] === PACKET_OUTGOING;
      const crossing = readCrossing(this.#packet.bytes.subarray(0, length), this.#remote, isOutgoing);
      if (crossing) crossings.push(crossing);
    }
  }

  close(): void {
    succeed(close(this.#fd), 'close');
  }
}

/** Undefined for what isn't from or to `remote`, is cut short, or is no beginning of a datagram. */
export function readCrossing(packet: Uint8Array, remote: IpAddress, isOutgoing: boolean): Crossing | undefined {
  const isV4 = remote.bytes.length === 4;
  const { version, source, destination, header } = isV4 ? V4 : V6;
  if (packet.length < header || packet[0]! >> 4 !== version) return undefined;
  const at = isOutgoing ? destination : source;
  if (remote.bytes.some((byte, i) => packet[at + i] !== byte)) return undefined;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  if (isV4 && (view.getUint16(6) & FRAGMENT_OFFSET) !== 0) return undefined;
  const protocol = packet[isV4 ? 9 : 6]!;
  if (protocol !== IpProtocol.UDP && protocol !== IpProtocol.TCP) return { isOutgoing, protocol, remotePort: 0 };
  const ports = isV4 ? (packet[0]! & 0x0f) * 4 : header;
  if (packet.length < ports + 4) return undefined;
  return { isOutgoing, protocol, remotePort: view.getUint16(ports + (isOutgoing ? 2 : 0)) };
}

/** Where things stand in the headers of RFC 791 and RFC 8200. */
const V4 = { version: 4, source: 12, destination: 16, header: 20 } as const;
const V6 = { version: 6, source: 8, destination: 24, header: 40 } as const;
const FRAGMENT_OFFSET = 0x1fff;

/** What has the address as its source or destination, so that a busy host's other traffic fills no buffer. */
function addressFilter({ bytes }: IpAddress): Instruction[] {
  const { source, destination } = bytes.length === 4 ? V4 : V6;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const words = Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(i * 4));
  // where to go on from its end, when all words are met and when one isn't
  const test = (offset: number, ifMet: number, ifNot: number) =>
    words.flatMap((word, i): Instruction[] => {
      const left = (words.length - 1 - i) * 2;
      return [
        [LOAD_WORD, 0, 0, offset + i * 4],
        [JUMP_IF_EQUAL, left === 0 ? ifMet : 0, left + ifNot, word],
      ];
    });
  const second = test(destination, 0, 1);
  return [...test(source, second.length, 0), ...second, [RETURN, 0, 0, ALL], [RETURN, 0, 0, 0]];
}

function tapError(errno: number): DataplaneError {
  const cause = new SystemCallError('socket', errno);
  if (errno === Errno.EPERM || errno === Errno.EACCES)
    return new DataplaneError('not-permitted', 'seeing what crosses the devices needs root or CAP_NET_RAW', cause);
  return new DataplaneError('socket-failed', `a packet socket: ${cause.message}`, cause);
}
