/** Opening the dataplane's sockets: for each address that it listens on, or for all of both families. */
import { type IpAddress, parseIp } from '../core/net/address.ts';
import { IpProtocol } from '../core/wire/ip.ts';
import { Errno, SystemCallError } from '../ffi/errno.ts';
import {
  AF_INET,
  AF_INET6,
  bind,
  close,
  IP_PKTINFO,
  IP_RECVTOS,
  IPPROTO_ESP,
  IPV6_RECVPKTINFO,
  IPV6_RECVTCLASS,
  IPV6_V6ONLY,
  SO_MARK,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_UDP,
  socket,
  UDP_GRO,
  UDP_SEGMENT,
} from '../ffi/libc.ts';
import { lastErrno } from '../ffi/library.ts';
import type { DataplaneOptions } from './dataplane.ts';
import { DataplaneError } from './errors.ts';
import { type HeldPort, holdPort, showPorts } from './flow-ports.ts';
import { MAX_FLOW_PORTS, MAX_SOCKETS } from './limits.ts';
import { isRaw } from './path.ts';
import { ALL_ADDRESSES, portOf, setOption, sockaddr, tryOption } from './socket-options.ts';
import type { SocketRole, WorkerSocket } from './worker-socket.ts';

const BUFFER_BYTES = 8 << 20;

/** Our own limit on choosing a free port that all addresses can have. */
const PORT_ATTEMPTS = 16;

export type SocketOptions = Pick<
  DataplaneOptions,
  | 'listen'
  | 'ikePort'
  | 'natTPort'
  | 'ciscoUdpPort'
  | 'nativeEsp'
  | 'ciscoTcpPorts'
  | 'ciscoTcpFlows'
  | 'anyPort'
  | 'mark'
>;

/** All of them, or none: on failure those already open are closed. */
export function openSockets(options: SocketOptions): WorkerSocket[] {
  const roles: [SocketRole, number][] = [['ike', options.ikePort]];
  if (options.natTPort !== undefined) roles.push(['nat-t', options.natTPort]);
  if (options.ciscoUdpPort !== undefined) roles.push(['cisco-udp', options.ciscoUdpPort]);
  if (options.nativeEsp) roles.push(['esp', 0]);
  if (options.ciscoTcpFlows || (options.ciscoTcpPorts ?? []).length > 0) roles.push(['cisco-tcp', 0]);
  const addresses = options.listen ?? ALL_ADDRESSES;
  if (roles.length * addresses.length > MAX_SOCKETS)
    throw new DataplaneError('socket-failed', `listening on ${addresses.length} addresses takes too many sockets`);
  const sockets: WorkerSocket[] = [];
  try {
    for (const [role, port] of roles) sockets.push(...openRole(role, port, options));
    return sockets;
  } catch (error) {
    closeAll(sockets);
    throw error;
  }
}

/** One port on all addresses: the one that is wanted, or else, where any will do, one that is free on each. */
function openRole(role: SocketRole, wanted: number, options: SocketOptions): WorkerSocket[] {
  for (let attempt = 0; ; attempt++) {
    try {
      return openOnPort(role, attempt === 0 ? wanted : 0, options);
    } catch (error) {
      const isTaken = error instanceof DataplaneError && error.code === 'port-in-use';
      if (!isTaken || !options.anyPort || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** @param wanted 0: any that the first address has free, and the same on the others */
function openOnPort(role: SocketRole, wanted: number, options: SocketOptions): WorkerSocket[] {
  const sockets: WorkerSocket[] = [];
  let port = wanted;
  try {
    for (const address of options.listen ?? ALL_ADDRESSES) {
      const opened = openSocket(role, address, port, options);
      if (opened) sockets.push(opened);
      port = opened?.port ?? port;
    }
    return sockets;
  } catch (error) {
    closeAll(sockets);
    throw error;
  }
}

function closeAll(sockets: readonly WorkerSocket[]): void {
  for (const { fd } of sockets) close(fd);
}

/** Holds the TCP ports where flows are awaited, on the addresses of `sockets`. */
export function holdFlowPorts(
  { ciscoTcpPorts = [], mark }: SocketOptions,
  sockets: readonly WorkerSocket[],
): HeldPort[] {
  if (ciscoTcpPorts.length > MAX_FLOW_PORTS)
    throw new DataplaneError('socket-failed', `cisco-tcp takes ${MAX_FLOW_PORTS} ports, not ${ciscoTcpPorts.length}`);
  const held: HeldPort[] = [];
  try {
    for (const { role, address } of sockets) {
      if (role !== 'cisco-tcp') continue;
      for (const port of ciscoTcpPorts) held.push(holdPort(parseIp(address)!, port, mark));
    }
    return held;
  } catch (error) {
    for (const { fd } of held) close(fd);
    throw error;
  }
}

/** Undefined when the system has no IPv6 and nobody asked for it. */
function openSocket(
  role: SocketRole,
  address: IpAddress,
  port: number,
  { listen, mark, ciscoTcpPorts = [] }: SocketOptions,
): WorkerSocket | undefined {
  const all = listen === undefined;
  const family = address.bytes.length === 4 ? AF_INET : AF_INET6;
  const raw = isRaw({ role });
  const type = (raw ? SOCK_RAW : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = socket(family, type, role === 'esp' ? IPPROTO_ESP : raw ? IpProtocol.TCP : 0);
  if (fd < 0) {
    const errno = lastErrno();
    if (errno === Errno.EAFNOSUPPORT && all && family === AF_INET6) return undefined;
    throw socketError(errno, role, address, port);
  }
  try {
    if (role === 'cisco-tcp') showPorts(fd, family, ciscoTcpPorts);
    // A raw IPv6 socket is never given IPv4, and refuses to be asked.
    if (family === AF_INET6 && !raw) setOption(fd, SOL_IPV6, IPV6_V6ONLY, 1);
    const wildcard = address.bytes.every((byte) => byte === 0);
    if (wildcard && family === AF_INET6) setOption(fd, SOL_IPV6, IPV6_RECVPKTINFO, 1);
    if (wildcard && family === AF_INET && !raw) setOption(fd, SOL_IP, IP_PKTINFO, 1);
    if (family === AF_INET6) tryOption(fd, SOL_IPV6, IPV6_RECVTCLASS, 1);
    else tryOption(fd, SOL_IP, IP_RECVTOS, 1);
    setBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
    setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
    if (mark !== undefined) setOption(fd, SOL_SOCKET, SO_MARK, mark);
    const name = sockaddr(address, port);
    if (bind(fd, name.address, name.bytes.length) < 0) {
      const errno = lastErrno();
      if (errno === Errno.EADDRNOTAVAIL && all && family === AF_INET6) {
        close(fd);
        return undefined;
      }
      throw socketError(errno, role, address, port);
    }
    // Old kernels have neither: then every datagram is its own call's.
    const gso = !raw && tryOption(fd, SOL_UDP, UDP_SEGMENT, 0);
    if (!raw) tryOption(fd, SOL_UDP, UDP_GRO, 1);
    return { fd, role, family, address: address.text, port: raw ? 0 : portOf(fd, name), wildcard, gso };
  } catch (error) {
    close(fd);
    if (!(error instanceof SystemCallError)) throw error;
    throw new DataplaneError('socket-failed', `${describe(role, address, port)}: ${error.message}`, error);
  }
}

/** As large as wished where we may, else as the system's limit allows. */
function setBuffer(fd: number, force: number, ordinary: number): void {
  if (!tryOption(fd, SOL_SOCKET, force, BUFFER_BYTES)) tryOption(fd, SOL_SOCKET, ordinary, BUFFER_BYTES);
}

function describe(role: SocketRole, address: IpAddress, port: number): string {
  if (role === 'cisco-tcp') return `TCP segments on ${address.text} (cisco-tcp)`;
  return role === 'esp' ? `IP protocol 50 on ${address.text}` : `UDP port ${port} on ${address.text} (${role})`;
}

function socketError(errno: number, role: SocketRole, address: IpAddress, port: number): DataplaneError {
  const what = describe(role, address, port);
  const cause = new SystemCallError('socket', errno);
  switch (errno) {
    case Errno.EADDRINUSE:
      return new DataplaneError(
        'port-in-use',
        `${what} is taken: stop the other IKE daemon (charon, pluto, racoon, another sallyport); 'ss -lunp' names it`,
        cause,
      );
    case Errno.EADDRNOTAVAIL:
      return new DataplaneError('address-not-here', `${what}: this host doesn't have the address`, cause);
    case Errno.EPERM:
    case Errno.EACCES:
      return isRaw({ role })
        ? new DataplaneError(
            'no-raw-socket',
            `${what} needs a raw socket: run as root or with CAP_NET_RAW, or turn the carrier off (carriers: { ${role}: false })`,
            cause,
          )
        : new DataplaneError('not-permitted', `${what}: ports below 1024 need root or CAP_NET_BIND_SERVICE`, cause);
    case Errno.EPROTONOSUPPORT:
    case Errno.EAFNOSUPPORT:
      return new DataplaneError('socket-failed', `${what}: this system doesn't know the protocol`, cause);
    default:
      return new DataplaneError('socket-failed', `${what}: ${cause.message}`, cause);
  }
}
