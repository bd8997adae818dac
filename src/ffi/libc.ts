/** The system calls that Sallyport makes. Failures return -1 and set errno, as in C. */
import { bindFunction, type Pointer, program } from './library.ts';

export const open = bindFunction<(path: string, flags: number) => number>(program, 'open', 'int', [
  'const char *',
  'int',
]);
export const close = bindFunction<(fd: number) => number>(program, 'close', 'int', ['int']);
export const read = bindFunction<(fd: number, to: Pointer, length: number) => number>(program, 'read', 'int64_t', [
  'int',
  'int64_t',
  'int64_t',
]);
export const write = bindFunction<(fd: number, from: Pointer, length: number) => number>(program, 'write', 'int64_t', [
  'int',
  'int64_t',
  'int64_t',
]);
export const writev = bindFunction<(fd: number, iovecs: Pointer, count: number) => number>(
  program,
  'writev',
  'int64_t',
  ['int', 'int64_t', 'int'],
);
/** @param timeout milliseconds; -1: for ever */
export const poll = bindFunction<(pollfds: Pointer, count: number, timeout: number) => number>(program, 'poll', 'int', [
  'int64_t',
  'int64_t',
  'int',
]);
export const eventfd = bindFunction<(initial: number, flags: number) => number>(program, 'eventfd', 'int', [
  'uint',
  'int',
]);
export const ioctl = bindFunction<(fd: number, request: number, argument: Pointer) => number>(program, 'ioctl', 'int', [
  'int',
  'int64_t',
  'int64_t',
]);
export const socket = bindFunction<(family: number, type: number, protocol: number) => number>(
  program,
  'socket',
  'int',
  ['int', 'int', 'int'],
);
export const bind = bindFunction<(fd: number, address: Pointer, length: number) => number>(program, 'bind', 'int', [
  'int',
  'int64_t',
  'int',
]);
export const listen = bindFunction<(fd: number, backlog: number) => number>(program, 'listen', 'int', ['int', 'int']);
export const connect = bindFunction<(fd: number, address: Pointer, length: number) => number>(
  program,
  'connect',
  'int',
  ['int', 'int64_t', 'int'],
);
export const setsockopt = bindFunction<
  (fd: number, level: number, option: number, value: Pointer, length: number) => number
>(program, 'setsockopt', 'int', ['int', 'int', 'int', 'int64_t', 'int']);
export const getsockopt = bindFunction<
  (fd: number, level: number, option: number, value: Pointer, length: Pointer) => number
>(program, 'getsockopt', 'int', ['int', 'int', 'int', 'int64_t', 'int64_t']);
export const getsockname = bindFunction<(fd: number, address: Pointer, length: Pointer) => number>(
  program,
  'getsockname',
  'int',
  ['int', 'int64_t', 'int64_t'],
);
export const sendmsg = bindFunction<(fd: number, message: Pointer, flags: number) => number>(
  program,
  'sendmsg',
  'int64_t',
  ['int', 'int64_t', 'int'],
);
export const recvfrom = bindFunction<
  (fd: number, to: Pointer, length: number, flags: number, from: Pointer, fromLength: Pointer) => number
>(program, 'recvfrom', 'int64_t', ['int', 'int64_t', 'int64_t', 'int', 'int64_t', 'int64_t']);
export const recvmmsg = bindFunction<
  (fd: number, messages: Pointer, count: number, flags: number, timeout: Pointer) => number
>(program, 'recvmmsg', 'int', ['int', 'int64_t', 'int', 'int', 'int64_t']);
export const sendmmsg = bindFunction<(fd: number, messages: Pointer, count: number, flags: number) => number>(
  program,
  'sendmmsg',
  'int',
  ['int', 'int64_t', 'int', 'int'],
);

export const O_RDWR = 2;
export const O_NONBLOCK = 0x800;
export const O_CLOEXEC = 0x80000;
export const EFD_NONBLOCK = 0x800;
export const EFD_CLOEXEC = 0x80000;

export const POLLIN = 1;
export const POLLOUT = 4;

export const AF_INET = 2;
export const AF_INET6 = 10;
/** Frames as a device sends and receives them: needs CAP_NET_RAW. */
export const AF_PACKET = 17;
/** In network order, as AF_PACKET wants it: what leaves is shown under no other. */
export const ETH_P_ALL = 0x0300;
/** Where an AF_PACKET socket's frame went. */
export const PACKET_OUTGOING = 4;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;
export const IPPROTO_ESP = 50;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;

export const SOL_IP = 0;
export const SOL_SOCKET = 1;
export const SOL_UDP = 17;
export const SOL_IPV6 = 41;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
/** Needs CAP_NET_ADMIN. */
export const SO_MARK = 36;
export const SO_ATTACH_FILTER = 26;
/** As SO_SNDBUF and SO_RCVBUF, above the system's limit: needs CAP_NET_ADMIN. */
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const IP_TOS = 1;
export const IP_PKTINFO = 8;
export const IP_RECVTOS = 13;
export const IP_MTU = 14;
export const IPV6_MTU = 24;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;
export const IPV6_RECVTCLASS = 66;
export const IPV6_TCLASS = 67;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;
