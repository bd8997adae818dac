/** The TUN interface: made, addressed and routed by ioctl. It goes when its descriptor is closed, and its routes with it. */
import { writeFileSync } from 'node:fs';
import type { IpAddress, Prefix } from '../core/net/address.ts';
import { formatPrefix, prefixMask } from '../core/net/address.ts';
import { Block } from '../ffi/block.ts';
import { Errno, SystemCallError, succeed } from '../ffi/errno.ts';
import {
  AF_INET,
  AF_INET6,
  close,
  ioctl,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  open,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  socket,
} from '../ffi/libc.ts';
import { lastErrno } from '../ffi/library.ts';
import { Ifreq, In6Ifreq, In6Rtmsg, Rtentry, Sockaddr } from '../ffi/structs.ts';
import { DataplaneError } from './errors.ts';

export interface TunSettings {
  readonly name: string;
  readonly address: IpAddress | undefined;
  readonly routes: readonly Prefix[];
  readonly mtu: number;
}

export interface Tun {
  readonly fd: number;
  /** The kernel hands TSO frames out and takes them. Without, every packet goes alone. */
  readonly offload: boolean;
}

const DEVICE = '/dev/net/tun';
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
/** Fails when the interface exists instead of joining it. */
const IFF_TUN_EXCL = 0x8000;
const TUN_F_CSUM = 1;
const TUN_F_TSO4 = 2;

const SIOCSIFFLAGS = 0x8914;
const SIOCSIFADDR = 0x8916;
const SIOCSIFNETMASK = 0x891c;
const SIOCSIFMTU = 0x8922;
const SIOCGIFINDEX = 0x8933;
const SIOCSIFTXQLEN = 0x8943;
const SIOCADDRT = 0x890b;
const IFF_UP = 1;
const IFF_POINTOPOINT = 0x10;
const IFF_RUNNING = 0x40;
const IFF_NOARP = 0x80;
const RTF_UP = 1;
const RTF_HOST = 4;
const QUEUE_LENGTH = 1000;

export function openTun(settings: TunSettings): Tun {
  const fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) throw deviceError(lastErrno());
  try {
    attach(fd, settings.name);
    const offload = ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) === 0;
    configure(settings);
    return { fd, offload };
  } catch (error) {
    close(fd);
    if (!(error instanceof SystemCallError)) throw error;
    throw new DataplaneError('tun-failed', `TUN ${settings.name}: ${error.message}`, error);
  }
}

function deviceError(errno: number): DataplaneError {
  if (errno === Errno.EACCES || errno === Errno.EPERM)
    return new DataplaneError('not-permitted', `${DEVICE} can't be opened: run as root, or with CAP_NET_ADMIN`);
  return new DataplaneError(
    'no-tun-device',
    `there is no ${DEVICE}: load the kernel module (modprobe tun); in a container pass the device in (--device ${DEVICE})`,
  );
}

function attach(fd: number, name: string): void {
  if (!/^[^\s/]{1,15}$/.test(name)) throw new DataplaneError('tun-failed', `"${name}" can't name an interface`);
  const request = interfaceRequest(name);
  request.view.setUint16(Ifreq.value, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL, true);
  if (ioctl(fd, TUNSETIFF, request.address) === 0) return;
  const errno = lastErrno();
  if (errno === Errno.EBUSY || errno === Errno.EEXIST)
    throw new DataplaneError(
      'tun-name-taken',
      `an interface ${name} exists already: another sallyport runs, or choose another name (tun: in the configuration)`,
    );
  if (errno === Errno.EPERM)
    throw new DataplaneError('not-permitted', `no permission to make TUN ${name}: run as root, or with CAP_NET_ADMIN`);
  throw new SystemCallError('TUNSETIFF', errno);
}

function configure(settings: TunSettings): void {
  const { name, address, mtu, routes } = settings;
  const v4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const v6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  try {
    if (address?.bytes.length !== 16) quietIpv6(name);
    const request = interfaceRequest(name);
    request.view.setInt32(Ifreq.value, mtu, true);
    succeed(ioctl(v4, SIOCSIFMTU, request.address), 'SIOCSIFMTU');
    request.view.setInt32(Ifreq.value, QUEUE_LENGTH, true);
    succeed(ioctl(v4, SIOCSIFTXQLEN, request.address), 'SIOCSIFTXQLEN');
    if (address?.bytes.length === 4) setAddress4(v4, name, address);
    request.view.setBigUint64(Ifreq.value, 0n);
    request.view.setUint16(Ifreq.value, IFF_UP | IFF_POINTOPOINT | IFF_RUNNING | IFF_NOARP, true);
    succeed(ioctl(v4, SIOCSIFFLAGS, request.address), 'SIOCSIFFLAGS');
    if (address?.bytes.length === 16) setAddress6(v4, v6, name, address);
    for (const route of routes) {
      if (route.address.bytes.length === 4) addRoute4(v4, name, route);
      else addRoute6(v4, v6, name, route);
    }
  } finally {
    close(v4);
    if (v6 >= 0) close(v6);
  }
}

/** No router solicitations into a tunnel that carries IPv4. */
function quietIpv6(name: string): void {
  try {
    writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '1');
  } catch {
    // The system has no IPv6: it is quiet already.
  }
}

function setAddress4(fd: number, name: string, address: IpAddress): void {
  const request = interfaceRequest(name);
  writeSockaddr4(request, Ifreq.value, address.bytes);
  succeed(ioctl(fd, SIOCSIFADDR, request.address), 'SIOCSIFADDR');
  writeSockaddr4(request, Ifreq.value, Uint8Array.of(255, 255, 255, 255));
  succeed(ioctl(fd, SIOCSIFNETMASK, request.address), 'SIOCSIFNETMASK');
}

function setAddress6(v4: number, v6: number, name: string, address: IpAddress): void {
  const request = new Block(In6Ifreq.size);
  request.bytes.set(address.bytes, In6Ifreq.address);
  request.view.setUint32(In6Ifreq.prefixLength, 128, true);
  request.view.setInt32(In6Ifreq.interface, interfaceIndex(v4, name), true);
  succeed(ioctl(v6, SIOCSIFADDR, request.address), 'SIOCSIFADDR (IPv6)');
}

function addRoute4(fd: number, name: string, route: Prefix): void {
  // The device's name, which the entry points at, lies behind it.
  const entry = new Block(Rtentry.size + Ifreq.nameSize);
  entry.bytes.set(Buffer.from(name), Rtentry.size);
  writeSockaddr4(entry, Rtentry.destination, route.address.bytes);
  writeSockaddr4(entry, Rtentry.mask, prefixMask(route.length, 4));
  entry.view.setUint16(Rtentry.flags, RTF_UP | (route.length === 32 ? RTF_HOST : 0), true);
  entry.setPointer(Rtentry.device, entry.address + Rtentry.size);
  addRoute(fd, entry, route);
}

function addRoute6(v4: number, v6: number, name: string, route: Prefix): void {
  const message = new Block(In6Rtmsg.size);
  message.bytes.set(route.address.bytes, In6Rtmsg.destination);
  message.view.setUint16(In6Rtmsg.prefixLength, route.length, true);
  message.view.setUint32(In6Rtmsg.metric, 1, true);
  message.view.setUint32(In6Rtmsg.flags, RTF_UP, true);
  message.view.setInt32(In6Rtmsg.interface, interfaceIndex(v4, name), true);
  addRoute(v6, message, route);
}

/** An older route to the same network, through another interface, rests until this one goes with the TUN. */
function addRoute(fd: number, request: Block, route: Prefix): void {
  succeed(ioctl(fd, SIOCADDRT, request.address), `the route to ${formatPrefix(route)}`);
}

function interfaceIndex(fd: number, name: string): number {
  const request = interfaceRequest(name);
  succeed(ioctl(fd, SIOCGIFINDEX, request.address), 'SIOCGIFINDEX');
  return request.view.getInt32(Ifreq.value, true);
}

function interfaceRequest(name: string): Block {
  const request = new Block(Ifreq.size);
  request.bytes.set(Buffer.from(name), Ifreq.name);
  return request;
}

function writeSockaddr4(block: Block, at: number, address: Uint8Array): void {
  block.view.setUint16(at + Sockaddr.family, AF_INET, true);
  block.bytes.set(address, at + Sockaddr.v4Address);
}
