/**
 * Where a session's packets go, in the form that sendmmsg wants, kept in the arena:
 *
 *     | sockaddr 28, padded to 32 | cmsg with the address to leave from: 28 (IPv4) or 36, padded to 32 or 40 |
 *
 * and as numbers, to compare each packet's source with.
 */
import { type IpAddress, parseIp } from '../core/net/address.ts';
import { AF_INET, AF_INET6, IP_PKTINFO, IPV6_PKTINFO, SOL_IP, SOL_IPV6 } from '../ffi/libc.ts';
import { Cmsghdr, In6Pktinfo, InPktinfo, Sockaddr } from '../ffi/structs.ts';
import type { Arena } from './arena.ts';
import type { EndpointText, SocketPath } from './messages.ts';
import type { WorkerSocket } from './worker-socket.ts';

export const PATH_CONTROL = 32;
export const PATH_SIZE = 72;

/** What whoever sends ESP into a cTCP flow must know of it. */
export interface TcpEnd {
  readonly isOpen: boolean;
  /** Bytes of the largest packet, with its trailer. */
  readonly mss: number;
  /** Whether a packet of `length` bytes, with its trailer, may go now; else it is to be dropped. */
  hasRoom(length: number): boolean;
  /** Puts header and trailer around the ESP packet of `length` bytes at `at`. */
  wrapEsp(at: number, length: number): void;
}

/** Where a flow's addresses begin in its words. */
export const REMOTE = 0;
export const LOCAL = 4;

/** An endpoint pair as numbers: an IPv4 address is its first word, the others zero. */
export class Flow {
  socket = -1;
  remotePort = 0;
  /** Of the packets at hand: a router on the way marked them. Not part of who is there. */
  congested = false;
  /** With cTCP; elsewhere the socket has it. */
  localPort = 0;
  /** The cTCP flow that it is. */
  tcp: TcpEnd | undefined = undefined;
  /** Both addresses: every session keeps them, and an array costs six times such few words. */
  readonly words = new Uint32Array(8);

  assign(other: Flow): void {
    this.socket = other.socket;
    this.remotePort = other.remotePort;
    this.localPort = other.localPort;
    this.tcp = other.tcp;
    this.words.set(other.words);
  }

  equals(other: Flow): boolean {
    return (
      this.remotePort === other.remotePort &&
      this.tcp === other.tcp &&
      this.socket === other.socket &&
      this.hasAddressesOf(other)
    );
  }

  /** What differs soonest first. */
  hasAddressesOf(other: Flow): boolean {
    const { words: a } = this;
    const { words: b } = other;
    return (
      a[REMOTE] === b[REMOTE] &&
      a[LOCAL] === b[LOCAL] &&
      a[REMOTE + 1] === b[REMOTE + 1] &&
      a[REMOTE + 2] === b[REMOTE + 2] &&
      a[REMOTE + 3] === b[REMOTE + 3] &&
      a[LOCAL + 1] === b[LOCAL + 1] &&
      a[LOCAL + 2] === b[LOCAL + 2] &&
      a[LOCAL + 3] === b[LOCAL + 3]
    );
  }
}

export function flowOf(path: SocketPath): Flow {
  const flow = new Flow();
  flow.socket = path.socket;
  flow.remotePort = path.remote.port;
  flow.localPort = path.localPort ?? 0;
  setAddress(flow, REMOTE, addressOfText(path.remote.address));
  setAddress(flow, LOCAL, addressOfText(path.local));
  return flow;
}

/** The flow's endpoints for the main thread. */
export function endpointsOf(flow: Flow, socket: WorkerSocket): { local: EndpointText; remote: EndpointText } {
  return {
    local: { address: addressText(flow, LOCAL, socket.family), port: isRaw(socket) ? flow.localPort : socket.port },
    remote: { address: addressText(flow, REMOTE, socket.family), port: flow.remotePort },
  };
}

/** Writes the sockaddr and, for a socket bound to any address, the control message; returns the latter's length. */
export function writePath(arena: Arena, at: number, flow: Flow, socket: WorkerSocket): number {
  const { u8, view } = arena;
  u8.fill(0, at, at + PATH_SIZE);
  const v4 = socket.family === AF_INET;
  view.setUint16(at + Sockaddr.family, socket.family, true);
  // A raw socket has no ports and Linux wants none in an IPv6 one's address.
  view.setUint16(at + Sockaddr.port, isRaw(socket) ? 0 : flow.remotePort);
  writeWords(view, at + (v4 ? Sockaddr.v4Address : Sockaddr.v6Address), flow, REMOTE, v4 ? 1 : 4);
  if (!socket.wildcard) return 0;
  const control = at + PATH_CONTROL;
  const data = control + Cmsghdr.data;
  view.setUint32(control + Cmsghdr.length, Cmsghdr.data + (v4 ? InPktinfo.size : In6Pktinfo.size), true);
  view.setInt32(control + Cmsghdr.level, v4 ? SOL_IP : SOL_IPV6, true);
  view.setInt32(control + Cmsghdr.type, v4 ? IP_PKTINFO : IPV6_PKTINFO, true);
  writeWords(view, data + (v4 ? InPktinfo.local : In6Pktinfo.address), flow, LOCAL, v4 ? 1 : 4);
  return v4 ? 32 : 40;
}

/** Ports are none of a raw socket's business. */
export function isRaw({ role }: Pick<WorkerSocket, 'role'>): boolean {
  return role === 'esp' || role === 'cisco-tcp';
}

export function sockaddrLength(socket: WorkerSocket): number {
  return socket.family === AF_INET6 ? Sockaddr.v6Size : Sockaddr.v4Size;
}

function writeWords(view: DataView, at: number, { words }: Flow, end: number, count: number): void {
  for (let i = 0; i < count; i++) view.setUint32(at + 4 * i, words[end + i]!);
}

/** Address bytes at `at` as the words of one end of a flow. @param end REMOTE or LOCAL */
export function readWords(view: DataView, at: number, { words }: Flow, end: number, count: number): void {
  words[end] = view.getUint32(at);
  for (let i = 1; i < 4; i++) words[end + i] = i < count ? view.getUint32(at + 4 * i) : 0;
}

function setAddress(flow: Flow, end: number, address: IpAddress): void {
  const { bytes } = address;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  readWords(view, 0, flow, end, bytes.length / 4);
}

function addressText({ words }: Flow, end: number, family: number): string {
  const parts: string[] = [];
  for (const word of words.slice(end, end + (family === AF_INET ? 1 : 4))) {
    if (family === AF_INET) parts.push(String(word >>> 24), String((word >>> 16) & 255), String((word >>> 8) & 255));
    if (family === AF_INET) parts.push(String(word & 255));
    else parts.push((word >>> 16).toString(16), (word & 0xffff).toString(16));
  }
  return parts.join(family === AF_INET ? '.' : ':');
}

function addressOfText(text: string): IpAddress {
  const address = parseIp(text);
  if (!address) throw new Error(`not an address: ${text}`);
  return address;
}
